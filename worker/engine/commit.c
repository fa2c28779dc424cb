/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The end of a fetch, in the engine: every layer is there, so the image and
 * then its reference are written.  The one thing computed is the ID.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sha2.h>

#include "../../common/log.h"
#include "fetch.h"

/* The ID: SHA-512 of the ACI, as it lies in a sealed memfd. */
static int
aci_id(int fd, uint64_t size, char id[IMAGEID_SIZE])
{
	void	*p;

	p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return (-1);
	memcpy(id, "sha512-", 7);
	SHA512Data(p, size, id + 7);
	munmap(p, size);
	return (0);
}

static int
write_layers(const struct fetch *f, const char *path)
{
	char		*text = NULL;
	size_t		 len = 0;
	unsigned int	 i;
	FILE		*fp;
	int		 r;

	if ((fp = open_memstream(&text, &len)) == NULL)
		return (-1);
	for (i = 0; i < f->nlayers; i++)
		fprintf(fp, "%s\n", f->layer[i].name);
	if (fclose(fp) != 0)
		return (-1);
	r = store_write(path, text, len);
	free(text);
	return (r);
}

/*
 * images/<id>, whole or not at all; two engines may race to the same.  What
 * is there already keeps what is known of it: it may have been synced.
 */
static int
write_image(struct fetch *f, const char *id)
{
	static const char *const names[PART_MAX] = { "aci", "manifest",
	    "config", "app" };
	char	 dir[STORE_NAME_SIZE], path[STORE_NAME_SIZE + 16];
	char	 to[IMAGEID_SIZE + 16];
	int	 i, r;

	snprintf(to, sizeof(to), "images/%s", id);
	if (access(to, F_OK) == 0)
		return (0);
	store_temp(dir, sizeof(dir), "tmp/image-");
	if (mkdir(dir, 0755) == -1)
		return (-1);
	for (i = 0, r = 0; i < PART_MAX && r == 0; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		r = store_copy(path, f->part[i], f->partsize[i]);
	}
	snprintf(path, sizeof(path), "%s/layers", dir);
	if (r == 0)
		r = write_layers(f, path);
	if (r == 0)
		r = durable_note(id);
	if (r == 0)
		r = renameat2(AT_FDCWD, dir, AT_FDCWD, to, RENAME_NOREPLACE);
	if (r == 0)
		return (0);
	i = errno;
	image_remove_dir(dir);
	errno = i;
	return (i == EEXIST ? 0 : -1);
}

void
fetch_commit(struct fetch *f)
{
	struct refrec	 r;

	memset(&r, 0, sizeof(r));
	if (aci_id(f->part[PART_ACI], f->partsize[PART_ACI], r.id) == -1 ||
	    write_image(f, r.id) == -1) {
		fetch_fail(f, "%s: store: images: %s", f->m.ref,
		    strerror(errno));
		return;
	}
	memcpy(r.digest, f->digest, sizeof(r.digest));
	r.time = time(NULL);
	if (ref_store(f->m.ref, &f->m.platform, &r) == -1) {
		fetch_fail(f, "%s: store: refs: %s", f->m.ref,
		    strerror(errno));
		return;
	}
	fetch_end(f, r.id, NULL);
}
