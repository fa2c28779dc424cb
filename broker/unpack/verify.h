/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* What the files of the verify job share (in berth-unpack). */
#ifndef UNPACK_VERIFY_H
#define UNPACK_VERIFY_H

#include <sys/stat.h>

#include "model.h"
#include "unpack.h"

struct sparse {				/* a sparse file of the layer */
	struct minode	*inode;
	uint64_t	 entry;		/* its number in the tar */
};

struct verify {
	struct model	 model;
	int		 layers[LAYERS_MAX];
	int		 fs[LAYERS_MAX];
	char		 diffids[LAYERS_MAX][DIGEST_SIZE];
	size_t		 n;
	uint64_t	 entries;	/* of the present layer */
	struct sparse	*sparse;
	size_t		 nsparse;
	struct why	 why;
};

/* verifyattr.c */
/*
 * Compares what stands on disk with what the model has there; fd is open or,
 * for what cannot be opened, -1 with dirfd and name.  0, or -1 with why.
 */
int		 verify_attributes(struct verify *, const struct mnode *,
		    int dirfd, const char *name, int fd,
		    const struct stat *);
/* Sets why to "layer sha256:…: path: what"; -1. */
int		 verify_differs(struct verify *, int layer,
		    const struct mnode *, const char *what);

/* verifyscan.c */
/* All that fs/ of this layer holds against the model.  0 or -1. */
int		 verify_scan(struct verify *, int layer);
/* Do all layers together show what the model has?  0 or -1. */
int		 verify_view(struct verify *);

/* verifysparse.c */
/* The contents of this layer's sparse files.  0 or -1. */
int		 verify_sparse(struct verify *, int layer);

#endif
