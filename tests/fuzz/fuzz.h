/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* What the fuzz targets share: libFuzzer's names, and a few of our own. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int	 LLVMFuzzerInitialize(int *argc, char ***argv);
int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);
size_t	 LLVMFuzzerCustomMutator(uint8_t *, size_t len, size_t max,
	    unsigned int seed);
size_t	 LLVMFuzzerMutate(uint8_t *, size_t len, size_t max);

/* What must hold whatever the input: its line is in the stack trace. */
#define MUST(x)		do { if (!(x)) abort(); } while (0)

/* Parts of an input end with this byte, which UTF-8 does not have. */
#define FUZZ_SEP	0xff

struct fuzz_in {
	const uint8_t	*p;
	size_t		 len;
};

/* A copy of its own size, so that ASan sees one byte too far. */
static inline void *
fuzz_copy(const void *data, size_t len)
{
	void	*p;

	MUST((p = malloc(len == 0 ? 1 : len)) != NULL);
	if (len > 0)
		memcpy(p, data, len);
	return (p);
}

/* The next part with a NUL behind it; the caller frees. */
static inline char *
fuzz_part(struct fuzz_in *in, size_t *len)
{
	const uint8_t	*end = NULL;
	size_t		 n;
	char		*s;

	if (in->len > 0)
		end = memchr(in->p, FUZZ_SEP, in->len);
	n = end == NULL ? in->len : (size_t)(end - in->p);
	MUST((s = malloc(n + 1)) != NULL);
	if (n > 0)
		memcpy(s, in->p, n);
	s[n] = '\0';
	in->p += n + (end != NULL);
	in->len -= n + (end != NULL);
	if (len != NULL)
		*len = n;
	return (s);
}

/* The first byte, or 0 when there is none. */
static inline uint8_t
fuzz_byte(struct fuzz_in *in)
{
	if (in->len == 0)
		return (0);
	in->len--;
	return (*in->p++);
}

/* Text for people: printable ASCII and shorter than its array. */
static inline void
fuzz_text(const char *s, size_t size)
{
	size_t	 i;

	for (i = 0; i < size && s[i] != '\0'; i++)
		MUST(s[i] >= ' ' && s[i] <= '~');
	MUST(i < size);
}

/*
 * cage.c: enters a user and mount namespace whose id 0 is nobody on the
 * host, with an empty tmpfs of its own.  Returns that directory, for
 * targets that write files.  Ends the process, saying so, where the kernel
 * does not let it.
 */
int	 cage_enter(void);
/* Removes all that is in this directory. */
void	 cage_empty(int dirfd);

#endif
