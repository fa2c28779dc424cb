/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Mutates tars so that their headers' checksums are right again: without
 * it hardly an input gets behind the first check.
 */
#include <stdio.h>

#include "fuzz.h"
#include "tarmutate.h"

#define BLOCK		512
#define OFF_SIZE	124
#define OFF_SUM		148

static void
sum_put(uint8_t *h)
{
	unsigned int	 sum = 0, i;
	char		 text[8];

	memset(h + OFF_SUM, ' ', 8);
	for (i = 0; i < BLOCK; i++)
		sum += h[i];
	snprintf(text, sizeof(text), "%06o", sum & 0777777);
	memcpy(h + OFF_SUM, text, 7);
}

/* Of an octal field; a large one is cut: we only look for headers. */
static size_t
size_get(const uint8_t *h)
{
	size_t	 n = 0, i;

	for (i = 0; i < 12; i++)
		if (h[OFF_SIZE + i] >= '0' && h[OFF_SIZE + i] <= '7')
			n = (n * 8 + (size_t)(h[OFF_SIZE + i] - '0')) &
			    0xffffff;
	return (n);
}

void
tar_sums(uint8_t *tar, size_t len)
{
	static const uint8_t	 zeros[BLOCK];
	size_t			 skip;

	while (len >= BLOCK) {
		skip = 0;
		if (memcmp(tar, zeros, BLOCK) != 0) {
			sum_put(tar);
			/* links and directories have no body */
			if (strchr("123456", tar[156]) == NULL ||
			    tar[156] == '\0')
				skip = (size_get(tar) + BLOCK - 1) &
				    ~(size_t)(BLOCK - 1);
		}
		if (skip > len - BLOCK)
			break;
		tar += BLOCK + skip;
		len -= BLOCK + skip;
	}
}

/* Copies, drops or swaps whole blocks: entries in another order. */
static size_t
blocks(uint8_t *tar, size_t len, size_t max, unsigned int seed)
{
	uint8_t	 tmp[BLOCK];
	size_t	 n = len / BLOCK, a, b;

	if (n < 2)
		return (len);
	a = (seed >> 4) % n;
	b = (seed >> 12) % n;
	switch (seed % 3) {
	case 0:				/* a before b once more */
		if (len + BLOCK > max)
			return (len);
		memcpy(tmp, tar + a * BLOCK, BLOCK);
		memmove(tar + (b + 1) * BLOCK, tar + b * BLOCK,
		    len - b * BLOCK);
		memcpy(tar + b * BLOCK, tmp, BLOCK);
		return (len + BLOCK);
	case 1:				/* without a */
		memmove(tar + a * BLOCK, tar + (a + 1) * BLOCK,
		    len - (a + 1) * BLOCK);
		return (len - BLOCK);
	default:
		memcpy(tmp, tar + a * BLOCK, BLOCK);
		memmove(tar + a * BLOCK, tar + b * BLOCK, BLOCK);
		memcpy(tar + b * BLOCK, tmp, BLOCK);
		return (len);
	}
}

size_t
tar_mutate(uint8_t *tar, size_t len, size_t max, unsigned int seed)
{
	size_t	 at, n;

	if (len < BLOCK || seed % 16 == 0)
		len = LLVMFuzzerMutate(tar, len, max);
	else if (seed % 16 < 5)
		len = blocks(tar, len, max, seed >> 4);
	else {
		/* within one block: what is behind it stays where it is */
		at = (seed >> 4) % (len / BLOCK) * BLOCK;
		n = LLVMFuzzerMutate(tar + at, BLOCK, BLOCK);
		if (n < BLOCK)
			memset(tar + at + n, 0, BLOCK - n);
	}
	/* now and then a wrong one */
	if (seed % 61 != 0)
		tar_sums(tar, len);
	return (len);
}
