/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* SHA-256 in the form that digests have (in berth-unpack). */
#ifndef UNPACK_HASH_H
#define UNPACK_HASH_H

#include <stddef.h>

#include "../../common/limits.h"

struct hash;

/* NULL when out of memory. */
struct hash	*hash_new(void);
void		 hash_add(struct hash *, const void *, size_t);
/* "sha256:…"; the hash takes nothing more. */
void		 hash_digest(struct hash *, char [DIGEST_SIZE]);
void		 hash_free(struct hash *);

#endif
