/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The raw header walker: bytes of a tar stream in, entries and the bytes
 * between bodies out.  Pure.  It takes ustar, pax and GNU tar (POSIX.1-2017
 * pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format") and
 * refuses what two readers could understand in two ways.
 */
#ifndef UNPACK_TARWALK_H
#define UNPACK_TARWALK_H

#include <stddef.h>
#include <stdint.h>

#include "../../common/limits.h"

enum tar_type {
	TAR_FILE, TAR_DIR, TAR_SYMLINK, TAR_LINK, TAR_FIFO, TAR_CHAR, TAR_BLOCK
};

struct tar_xattr {
	char		*name;
	unsigned char	*value;
	size_t		 len;
};

struct tar_entry {
	enum tar_type	 type;
	int		 sparse;
	char		*name;		/* as the header has it */
	char		*path;		/* "a/b": no "/", "." or "" in it; the
					 * root is "" */
	char		*link;		/* symbolic: verbatim; hard: a path */
	char		*rawlink;	/* as the header has it, or NULL */
	uint64_t	 size;		/* of the file, holes too, bytes */
	uint64_t	 body;		/* where a plain body belongs: bytes
					 * given to raw() before it */
	int64_t		 mtime;		/* seconds */
	uint32_t	 nsec;
	uint32_t	 mode;		/* 07777 */
	uint32_t	 uid, gid;
	size_t		 nxattrs;
	struct tar_xattr *xattrs;
	struct tar_entry *next;		/* the receiver's */
};

/* Each returns 0, or -1 to stop with TARWALK_STOP. */
struct tarwalk_ops {
	/* All of the stream but plain bodies. */
	int	 (*raw)(void *, const unsigned char *, size_t);
	/* An entry whose header is complete; the receiver frees it. */
	int	 (*entry)(void *, struct tar_entry *);
	/* Pieces of the plain body of the last entry; may be NULL. */
	int	 (*body)(void *, const unsigned char *, size_t);
};

struct tarwalk;

/* NULL with errno. */
struct tarwalk	*tarwalk_new(const struct tarwalk_ops *, void *arg);
void		 tarwalk_free(struct tarwalk *);
/* 0; or -1: refused, see tarwalk_why(), or stopped by an operation. */
int		 tarwalk_feed(struct tarwalk *, const void *, size_t);
/* The stream has ended: is it whole?  0 or -1. */
int		 tarwalk_end(struct tarwalk *);
/* Object, then reason, in printable ASCII; empty when stopped. */
const char	*tarwalk_why(const struct tarwalk *);
/* All bytes fed so far; entries so far. */
uint64_t	 tarwalk_bytes(const struct tarwalk *);
uint64_t	 tarwalk_entries(const struct tarwalk *);

void		 tar_entry_free(struct tar_entry *);

/* tarpax.c: extended headers, for tarwalk.c alone. */
struct tar_pax {
	char		*path, *link;
	uint64_t	 size, realsize, uid, gid;
	int64_t		 mtime;
	uint32_t	 nsec;
	unsigned int	 has;		/* PAX_* */
	size_t		 nxattrs, xattrbytes;
	struct tar_xattr *xattrs;
};

#define PAX_SIZE	0x01
#define PAX_UID		0x02
#define PAX_GID		0x04
#define PAX_MTIME	0x08
#define PAX_SPARSE	0x10		/* some GNU.sparse.* */
#define PAX_REALSIZE	0x20
#define PAX_SPARSENAME	0x40		/* path is GNU.sparse.name */

/*
 * Takes one header's records into *pax (zeroed before).  global: only
 * comments may come.  NULL, or the rule broken.
 */
const char	*tar_pax_parse(struct tar_pax *, const char *, size_t,
		    int global);
void		 tar_pax_free(struct tar_pax *);

/* tarhead.c: one header block, for tarwalk.c alone. */
#define TAR_BLOCKSIZE	512
#define TAR_OFF_TYPE	156

struct tar_pending {			/* extended headers of one entry */
	struct tar_pax	 pax;
	char		*longname, *longlink;	/* GNU's */
	int		 any, haspax;
};

int		 tar_zeros(const unsigned char *, size_t);
/* A header in a form that is known?  NULL, or the rule broken. */
const char	*tar_head_check(const unsigned char *);
/* -1 when it is none. */
int64_t		 tar_head_size(const unsigned char *);
/*
 * Fills a zeroed entry, with what is pending, which is used up.  *stored
 * becomes the bytes of its body.  NULL, or the rule broken.
 */
const char	*tar_head_entry(const unsigned char *, struct tar_pending *,
		    struct tar_entry *, uint64_t *stored);

#endif
