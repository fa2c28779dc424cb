/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* What the export job of berth-unpack is made of; for none else. */
#ifndef UNPACK_EXPORT_H
#define UNPACK_EXPORT_H

#include "image.h"
#include "tarwalk.h"

/* A stored image with its layers' directories, bottom first. */
struct export {
	const char	*id;
	struct blob	 aci, configblob;
	struct config	 config;
	const int	*layers;	/* config.ndiffids of them */
	struct why	 why;
};

/* outfile.c: a regular file that is being written, from its beginning. */
struct outfile {
	int		 fd;
	int		 error;		/* errno of the first failure */
	uint64_t	 off;		/* of buf in the file */
	size_t		 fill;
	unsigned char	*buf;
};

/* fd is kept, not owned. Failures are kept until outfile_close(). */
void		 outfile_open(struct outfile *, int fd);
void		 outfile_write(struct outfile *, const void *, size_t len);
void		 outfile_zeros(struct outfile *, size_t len);
/* Bytes so far. */
uint64_t	 outfile_tell(const struct outfile *);
/* Writes again what was written before. */
void		 outfile_patch(struct outfile *, uint64_t off, const void *,
		    size_t len);
/* 0, or -1 with errno; what is left is freed. */
int		 outfile_close(struct outfile *);

/* export.c */
/*
 * Gives layer i's tar to sink and compares its diff id at the end; when
 * sink stops it, sink has set e->why.  0 or -1.
 */
int		 export_stream(struct export *, size_t i,
		    int (*sink)(void *, const void *, size_t), void *arg);

/* exportoci.c */
/* An OCI archive (image-spec image-layout.md in a tar) into fd. */
int		 export_oci(struct export *, int fd);

/* exportaci.c */
/* The image's ACI and one per layer, new files in the directory dir. */
int		 export_layered(struct export *, int dir);

/* tarpaxout.c */
/*
 * The headers of an entry: t as far as ustar has room, e's attributes and
 * the rest in a pax header before it.  The caller frees out->data; -1
 * without memory.
 */
int		 tarpaxout_headers(const struct tarout *t,
		    const struct tar_entry *e, struct blob *out);

/* pathtree.c: the names that exist after some layers. */
struct pathtree;
struct pathnode;

enum path_error {
	PATHTREE_OK,
	PATHTREE_MEMORY,
	PATHTREE_DEEP,		/* too many symbolic links or directories */
	PATHTREE_FILE,		/* a parent is no directory */
	PATHTREE_LINKED		/* replaced in the layer that links to it */
};

struct pathtree	*pathtree_new(void);
void		 pathtree_free(struct pathtree *);
/* The entries that follow belong to the next layer up. */
void		 pathtree_layer(struct pathtree *);
/* Does what the entry asks, whiteouts included. */
enum path_error	 pathtree_apply(struct pathtree *, const struct tar_entry *);
/*
 * The node that the n-th entry (from 0) of the present layer made, or NULL
 * when nothing is left of it.
 */
const struct pathnode *pathtree_made(const struct pathtree *, size_t n);
/* Its path without any link in it, "usr/lib/x" (malloced), "" the root. */
char		*pathnode_path(const struct pathnode *);
/* Such a path, to which a hard link leads; or NULL. */
const char	*pathnode_link(const struct pathnode *);
/* An entry of the present layer names the root directory. */
int		 pathtree_root_made(const struct pathtree *);
/* Something of a lower layer has gone. */
int		 pathtree_hides(const struct pathtree *);
/*
 * Calls it for all paths but the root's, in order of names; ends when it is
 * not 0 and returns that, or -1 without memory.
 */
int		 pathtree_each(const struct pathtree *,
		    int (*)(void *, const char *path), void *arg);

#endif
