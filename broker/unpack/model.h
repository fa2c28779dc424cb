/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What an image's tree must be, computed in memory from the tar streams
 * alone (in berth-unpack, for the verify job): the entries of one layer
 * after the other applied to a plain directory, by the rules of apply.h.
 * Pure.
 */
#ifndef UNPACK_MODEL_H
#define UNPACK_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "table.h"
#include "tarwalk.h"

struct minode {				/* a file, whatever its names */
	struct tar_entry *e;		/* NULL: a directory no entry names */
	int		 layer;		/* that made it */
	int		 disk;		/* scanning: the layer it was met in */
	uint64_t	 ino;		/* there */
	uint64_t	 met, nlink;	/* names met, and that it has there */
	uint64_t	 refs;		/* names in the model */
	const struct mnode *home;	/* its name where it was made */
	struct minode	*next;
};

struct mnode {				/* a name */
	struct minode	*inode;		/* NULL: removed, maybe on disk yet */
	struct mnode	*parent, *children, *next;
	int		 layer;		/* that made the name */
	int		 touched;	/* the last layer with something here */
	int		 disk;		/* topmost layer that shows it, or -1 */
	uint64_t	 ino;		/* there */
	struct mnode	*nextmade, *nextwatch;
	int		 watched;	/* the last that hid or removed it */
	int		 opaque;	/* the last that may have made it so */
	uint64_t	 id;
	char		 name[];
};

struct model {
	struct mnode	*root;
	struct table	 names;		/* parent and name -> mnode */
	struct minode	*inodes;
	struct mnode	*made;		/* names of the present layer */
	struct mnode	*watch;		/* removed by it, or hidden on disk */
	int		 layer;
	int		 root_named;	/* by the present layer */
	uint64_t	 ids;
	const char	*why;		/* the rule that an entry breaks */
};

/* 0, or -1 when out of memory. */
int		 model_init(struct model *);
void		 model_free(struct model *);
/* What follows belongs to layer i, from 0. */
void		 model_begin(struct model *, int layer);
/*
 * Applies one entry and takes it over.  *inode becomes what a regular file
 * has made, or NULL.  0, or -1 with why.
 */
int		 model_apply(struct model *, struct tar_entry *,
		    struct minode **inode);
struct mnode	*model_child(const struct model *, const struct mnode *,
		    const char *name);
/* Malloced; NULL when out of memory. */
char		*model_path(const struct mnode *);
/* All that is beneath it no longer shows on disk. */
void		 model_hide(struct model *, struct mnode *);
/* It is to be looked at when the layer has been scanned. */
void		 model_watch(struct model *, struct mnode *);

#endif
