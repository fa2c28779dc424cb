/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* What pullfloor needs of its tar reader. */
#ifndef BENCH_UNTAR_H
#define BENCH_UNTAR_H

#include <stddef.h>

struct untar;

/* Extracts below rootfd, which stays the caller's.  Exits when it cannot. */
struct untar	*untar_new(int rootfd);
void		 untar_feed(struct untar *, const unsigned char *, size_t);
/* Directories get their times last: files were still being made in them. */
void		 untar_end(struct untar *);

#endif
