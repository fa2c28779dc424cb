/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* A map from 64-bit keys to 64-bit values (in berth-unpack).  Pure. */
#ifndef UNPACK_TABLE_H
#define UNPACK_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_slot {
	uint64_t	 key, value;	/* key 0: empty */
};

struct table {				/* begins as zeros */
	struct table_slot *slots;
	size_t		 size;		/* power of two */
	size_t		 used;
};

#define TABLE_NONE	UINT64_MAX	/* no such key; never a value */

/* Keys are hashes or made like one.  0, or -1 when out of memory. */
int		 table_set(struct table *, uint64_t key, uint64_t value);
uint64_t	 table_get(const struct table *, uint64_t key);
void		 table_free(struct table *);

/* Of a path below the root; of an inode. */
uint64_t	 hash_path(const char *, size_t len);
uint64_t	 hash_inode(uint64_t dev, uint64_t ino);

#endif
