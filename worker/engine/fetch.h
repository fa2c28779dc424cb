/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* One fetch under way: shared by fetch.c and commit.c. */
#ifndef ENGINE_FETCH_H
#define ENGINE_FETCH_H

#include <sys/queue.h>

#include "engine.h"

struct fetch {
	LIST_ENTRY(fetch) entry;
	unsigned int	  id;
	struct msg_fetch  m;
	struct fetch_cb	  cb;
	struct audit	  audit;
	uint64_t	  intent;
	struct child	 *worker;	/* berth-fetch */
	struct child	 *image;	/* berth-unpack with the documents */
	struct msg_want	  want;		/* the document under way */
	int		  wanted;
	struct refrec	  known;
	char		  digest[DIGEST_SIZE];	/* of the first document */
	struct layer	  layer[LAYERS_MAX];
	unsigned int	  nlayers;
	int		  part[PART_MAX];	/* memfds */
	uint64_t	  partsize[PART_MAX];
	int		  nparts;
	int		  over;
	int		  depth;	/* of calls into us; freed outside */
};

/* commit.c: writes image and reference, and ends the fetch. */
void	 fetch_commit(struct fetch *);
/* fetch.c: id or why; the fetch may be freed behind it. */
void	 fetch_end(struct fetch *, const char *id, const char *why);

#endif
