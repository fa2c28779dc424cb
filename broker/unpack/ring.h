/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Decoded bytes on their way from the decoding thread to the applying one
 * (in berth-unpack).
 */
#ifndef UNPACK_RING_H
#define UNPACK_RING_H

#include <stddef.h>

#include "decode.h"
#include "hash.h"

struct ring;

/*
 * Starts a thread that decodes; d is kept, not owned, and so is h, to which
 * all pieces are added in turn: whole when ring_next() has said 0.  NULL
 * with errno.
 */
struct ring	*ring_start(struct decoder *d, struct hash *h);
/*
 * The next piece; the one before is given back.  Its length, 0 at the end,
 * or -1: see decoder_why().
 */
ssize_t		 ring_next(struct ring *, const void **data);
/* Ends the thread, wherever it is. */
void		 ring_free(struct ring *);

#endif
