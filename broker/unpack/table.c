/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Open addressing; two million entries are 64 MiB.  In berth-unpack. */
#include <stdlib.h>

#include "table.h"

#define FIRST_SIZE	1024

static uint64_t
mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	return (x ^ x >> 32);
}

static struct table_slot *
find(const struct table *t, uint64_t key)
{
	size_t	 i = (size_t)key & (t->size - 1);

	while (t->slots[i].key != 0 && t->slots[i].key != key)
		i = (i + 1) & (t->size - 1);
	return (&t->slots[i]);
}

static int
grow(struct table *t)
{
	struct table	 bigger;
	size_t		 i;

	bigger.size = t->size == 0 ? FIRST_SIZE : t->size * 2;
	bigger.used = t->used;
	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return (-1);
	for (i = 0; i < t->size; i++)
		if (t->slots[i].key != 0)
			*find(&bigger, t->slots[i].key) = t->slots[i];
	free(t->slots);
	*t = bigger;
	return (0);
}

int
table_set(struct table *t, uint64_t key, uint64_t value)
{
	struct table_slot	*s;

	if (t->used * 2 >= t->size && grow(t) == -1)
		return (-1);
	key += key == 0;
	s = find(t, key);
	t->used += s->key == 0;
	s->key = key;
	s->value = value;
	return (0);
}

uint64_t
table_get(const struct table *t, uint64_t key)
{
	struct table_slot	*s;

	if (t->size == 0)
		return (TABLE_NONE);
	key += key == 0;
	s = find(t, key);
	return (s->key == 0 ? TABLE_NONE : s->value);
}

void
table_free(struct table *t)
{
	free(t->slots);
	t->slots = NULL;
	t->size = t->used = 0;
}

uint64_t
hash_path(const char *s, size_t len)
{
	uint64_t	 h = 0xcbf29ce484222325ULL;
	size_t		 i;

	for (i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * 0x100000001b3ULL;
	return (mix(h ^ len));
}

uint64_t
hash_inode(uint64_t dev, uint64_t ino)
{
	return (mix(mix(ino) + dev));
}
