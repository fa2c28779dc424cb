/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Compares what the walker and libarchive read from one header (in
 * berth-unpack).  libarchive 3.6.2 turned uid 2^32 into 0 and cut names at
 * a NUL: an entry that two readers read differently is refused.
 */
#include <sys/stat.h>

#include <archive.h>
#include <string.h>

#include "../../common/limits.h"
#include "agree.h"

/*
 * Names in pax headers are UTF-8 to libarchive, which in the C locale writes
 * "?" for what is not ASCII; other names come byte for byte.  A slash at the
 * end is the directory's.
 */
static int
name_agrees(const char *ours, const char *theirs)
{
	const unsigned char	*p = (const unsigned char *)ours;
	const unsigned char	*q = (const unsigned char *)theirs;

	if (q == NULL)
		return (0);
	while (*p != '\0') {
		if (*p == *q) {
			p++;
			q++;
			continue;
		}
		if (*p < 0x80 || *q != '?')
			break;
		while (*q == '?')
			q++;
		while (*p >= 0x80)
			p++;
	}
	if (*p == '/' && *q == '\0')
		p++;
	if (*q == '/' && *p == '\0')
		q++;
	return (*p == '\0' && *q == '\0');
}

static int
type_agrees(const struct tar_entry *e, struct archive_entry *ae)
{
	static const mode_t	 types[] = {
		[TAR_FILE] = S_IFREG, [TAR_DIR] = S_IFDIR,
		[TAR_SYMLINK] = S_IFLNK, [TAR_FIFO] = S_IFIFO,
		[TAR_CHAR] = S_IFCHR, [TAR_BLOCK] = S_IFBLK,
	};

	if (e->type == TAR_LINK)
		return (archive_entry_hardlink(ae) != NULL);
	return (archive_entry_hardlink(ae) == NULL &&
	    archive_entry_filetype(ae) == types[e->type]);
}

/* Pieces in order, apart, inside the file, and not too many. */
static const char *
sparse_agrees(const struct tar_entry *e, struct archive_entry *ae,
    uint64_t *stored)
{
	la_int64_t	 off, len;
	uint64_t	 end = 0;
	int		 n;

	n = archive_entry_sparse_reset(ae);
	if (n == 0)			/* one piece: the whole file */
		return (NULL);
	if (n > SPARSE_MAX)
		return ("too many pieces in a sparse file");
	*stored = 0;
	while (archive_entry_sparse_next(ae, &off, &len) == ARCHIVE_OK) {
		if (off < 0 || len < 0 || (uint64_t)off < end ||
		    (uint64_t)off > e->size ||
		    (uint64_t)len > e->size - (uint64_t)off)
			return ("bad map of a sparse file");
		end = (uint64_t)off + (uint64_t)len;
		*stored += (uint64_t)len;
	}
	return (NULL);
}

const char *
agree(const struct tar_entry *e, struct archive_entry *ae, uint64_t *stored)
{
	*stored = e->size;
	if (!name_agrees(e->name, archive_entry_pathname(ae)))
		return ("readers disagree about the name");
	if (!type_agrees(e, ae))
		return ("readers disagree about the type");
	if (e->type == TAR_SYMLINK &&
	    !name_agrees(e->rawlink, archive_entry_symlink(ae)))
		return ("readers disagree about the link");
	if (e->type == TAR_LINK &&
	    !name_agrees(e->rawlink, archive_entry_hardlink(ae)))
		return ("readers disagree about the link");
	if (archive_entry_uid(ae) != (la_int64_t)e->uid ||
	    archive_entry_gid(ae) != (la_int64_t)e->gid)
		return ("readers disagree about the owner");
	if (archive_entry_size(ae) != (la_int64_t)e->size)
		return ("readers disagree about the size");
	if (e->sparse)
		return (sparse_agrees(e, ae, stored));
	return (NULL);
}
