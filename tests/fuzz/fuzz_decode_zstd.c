/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * zstd, in pieces, against the library's own reading of the whole.  (Not
 * ZSTD_decompress(): that refuses an empty compressed block, which its
 * stream takes for what it is, nothing.)
 */
#include <sys/mman.h>

#include <unistd.h>
#include <zstd.h>

#include "../../broker/unpack/decode.h"
#include "fuzz.h"

#define OUT_MAX	(4U << 20)

static unsigned char	 ours[OUT_MAX], theirs[OUT_MAX];

/* All frames from one buffer into another, or -1. */
static ssize_t
reference(const uint8_t *data, size_t len)
{
	static ZSTD_DCtx	*z;
	ZSTD_inBuffer		 in = { data, len, 0 };
	ZSTD_outBuffer		 out = { theirs, OUT_MAX, 0 };
	size_t			 left = 0;

	if (z == NULL)
		MUST((z = ZSTD_createDCtx()) != NULL);
	ZSTD_DCtx_reset(z, ZSTD_reset_session_only);
	while (in.pos < in.size) {
		left = ZSTD_decompressStream(z, &out, &in);
		if (ZSTD_isError(left) || out.pos == OUT_MAX)
			return (-1);
	}
	return (left == 0 ? (ssize_t)out.pos : -1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static int	 fd = -1;
	struct decoder	*d;
	size_t		 piece = len % 7 == 0 ? 1000 : OUT_MAX, got = 0;
	ssize_t		 n;

	if (fd == -1)
		MUST((fd = memfd_create("zstd", 0)) != -1);
	MUST(ftruncate(fd, 0) == 0);
	MUST(pwrite(fd, data, len, 0) == (ssize_t)len);
	MUST((d = decoder_new(CODEC_ZSTD, fd, len)) != NULL);
	do {
		n = decoder_read(d, ours + got, piece < OUT_MAX - got ?
		    piece : OUT_MAX - got);
		if (n > 0)
			got += (size_t)n;
	} while (n > 0 && got < OUT_MAX);
	if (n == -1)
		fuzz_text(decoder_why(d), 4096);
	else if (got < OUT_MAX) {
		MUST(reference(data, len) == (ssize_t)got);
		MUST(memcmp(ours, theirs, got) == 0);
	}
	decoder_free(d);
	return (0);
}
