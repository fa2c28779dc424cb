/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * gzip by ISA-L against zlib: what ours takes is what zlib makes of the
 * same members, byte for byte.
 */
#include <sys/mman.h>

#include <unistd.h>
#include <zlib.h>

#include "../../broker/unpack/decode.h"
#include "fuzz.h"

#define OUT_MAX	(4U << 20)
#define HEADLEN	10		/* of a member without optional fields */

static unsigned char	 ours[OUT_MAX], theirs[OUT_MAX];

/* zlib's bytes, or -1 when it refuses. */
static ssize_t
reference(const uint8_t *data, size_t len)
{
	z_stream	 z;
	size_t		 got = 0;
	int		 error = Z_STREAM_END;

	memset(&z, 0, sizeof(z));
	MUST(inflateInit2(&z, 31) == Z_OK);
	z.next_in = (unsigned char *)(uintptr_t)data;
	z.avail_in = (unsigned int)len;
	while (z.avail_in > 0 && error == Z_STREAM_END) {
		MUST(inflateReset(&z) == Z_OK);
		z.next_out = theirs + got;
		z.avail_out = (unsigned int)(OUT_MAX - got);
		error = inflate(&z, Z_FINISH);
		got = (size_t)(z.next_out - theirs);
	}
	inflateEnd(&z);
	return (error == Z_STREAM_END ? (ssize_t)got : -1);
}

/* Right trailers, mostly: else hardly a stream gets to its end. */
static void
trailers(uint8_t *data, size_t len)
{
	z_stream	 z;
	uint32_t	 crc, n;

	if (len < HEADLEN + 8 || data[0] != 0x1f || data[1] != 0x8b)
		return;
	memset(&z, 0, sizeof(z));
	MUST(inflateInit2(&z, -15) == Z_OK);
	z.next_in = data + HEADLEN;
	z.avail_in = (unsigned int)(len - HEADLEN);
	z.next_out = theirs;
	z.avail_out = OUT_MAX;
	if (data[3] == 0 && inflate(&z, Z_FINISH) == Z_STREAM_END &&
	    z.avail_in >= 8) {
		n = (uint32_t)z.total_out;
		crc = (uint32_t)crc32_z(0, theirs, n);
		memcpy(z.next_in, &crc, 4);
		memcpy(z.next_in + 4, &n, 4);
	}
	inflateEnd(&z);
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max,
    unsigned int seed)
{
	len = LLVMFuzzerMutate(data, len, max);
	if (seed % 8 != 0)
		trailers(data, len);
	return (len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static int	 fd = -1;
	struct decoder	*d;
	size_t		 piece = len % 7 == 0 ? 1000 : OUT_MAX, got = 0;
	ssize_t		 n;

	if (fd == -1)
		MUST((fd = memfd_create("gzip", 0)) != -1);
	MUST(ftruncate(fd, 0) == 0);
	MUST(pwrite(fd, data, len, 0) == (ssize_t)len);
	MUST((d = decoder_new(CODEC_GZIP, fd, len)) != NULL);
	do {
		n = decoder_read(d, ours + got, piece < OUT_MAX - got ?
		    piece : OUT_MAX - got);
		if (n > 0)
			got += (size_t)n;
	} while (n > 0 && got < OUT_MAX);
	if (n == -1)
		fuzz_text(decoder_why(d), 4096);
	else if (got < OUT_MAX)
		MUST(reference(data, len) == (ssize_t)got &&
		    memcmp(ours, theirs, got) == 0);
	decoder_free(d);
	return (0);
}
