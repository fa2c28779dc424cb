/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Headers of the tars that berth-unpack writes: POSIX.1-1988 ustar (pax(1),
 * "ustar Interchange Format").  Pure.
 */
#include <stdio.h>
#include <string.h>

#include "image.h"

/* Offsets and sizes of the fields, as POSIX has them. */
#define NAME		0
#define NAME_SIZE	100
#define MODE		100
#define UID		108
#define GID		116
#define SIZE		124
#define MTIME		136
#define CHKSUM		148
#define TYPEFLAG	156
#define LINKNAME	157
#define MAGIC		257
#define DEVMAJOR	329
#define DEVMINOR	337

/* Octal with leading zeros and a NUL, or base-256 with its first bit set. */
static void
put_number(unsigned char *field, size_t size, int64_t value)
{
	size_t	 i;

	if (value >= 0 && (uint64_t)value >> (3 * (size - 1)) == 0) {
		for (i = size - 1; i > 0; i--) {
			field[i - 1] = (unsigned char)('0' + (value & 7));
			value >>= 3;
		}
		return;
	}
	for (i = size; i > 0; i--) {
		field[i - 1] = (unsigned char)(value & 0xff);
		value >>= 8;	/* of a negative one, the sign stays */
	}
	field[0] |= 0x80;
}

static int
put_text(unsigned char *field, size_t size, const char *text)
{
	size_t	 len = strlen(text);

	if (len > size)
		return (-1);
	memcpy(field, text, len);
	return (0);
}

int
tarout_header(unsigned char block[TAROUT_BLOCK], const struct tarout *t)
{
	unsigned int	 sum = 0;
	size_t		 i;

	memset(block, 0, TAROUT_BLOCK);
	if (put_text(block + NAME, NAME_SIZE, t->name) == -1 ||
	    (t->link != NULL &&
	    put_text(block + LINKNAME, NAME_SIZE, t->link) == -1))
		return (-1);
	put_number(block + MODE, 8, t->mode);
	put_number(block + UID, 8, t->uid);
	put_number(block + GID, 8, t->gid);
	put_number(block + SIZE, 12, (int64_t)t->size);
	put_number(block + MTIME, 12, t->mtime);
	put_number(block + DEVMAJOR, 8, 0);
	put_number(block + DEVMINOR, 8, 0);
	block[TYPEFLAG] = (unsigned char)t->type;
	memcpy(block + MAGIC, "ustar\0" "00", 8);
	memset(block + CHKSUM, ' ', 8);
	for (i = 0; i < TAROUT_BLOCK; i++)
		sum += block[i];
	put_number(block + CHKSUM, 7, sum);
	return (0);
}

size_t
tarout_padding(uint64_t size)
{
	return ((size_t)((TAROUT_BLOCK - size % TAROUT_BLOCK) % TAROUT_BLOCK));
}
