/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* broker/unpack/decode.c: every codec, cut and flipped everywhere. */
#include <sys/mman.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "../../broker/unpack/decode.h"

#define PLAIN	20000

static unsigned char	 plain[PLAIN], packed[3 * PLAIN], out[4 * PLAIN];

static int
setup(void **state)
{
	unsigned int	 x = 1, i;

	(void)state;
	for (i = 0; i < PLAIN; i++) {
		x = x * 1103515245 + 12345;
		plain[i] = (unsigned char)(i % 7 < 4 ? 'a' + i % 5 : x >> 16);
	}
	return (0);
}

static size_t
gzip(unsigned char *dst, const unsigned char *src, size_t len)
{
	z_stream	 z;

	memset(&z, 0, sizeof(z));
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, 0), Z_OK);
	z.next_in = (unsigned char *)(uintptr_t)src;
	z.avail_in = (unsigned int)len;
	z.next_out = dst;
	z.avail_out = PLAIN;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return (PLAIN - z.avail_out);
}

static size_t
zstd(unsigned char *dst, const unsigned char *src, size_t len)
{
	size_t	 n = ZSTD_compress(dst, 2 * PLAIN, src, len, 3);

	assert_false(ZSTD_isError(n));
	return (n);
}

/* Into out, by calls for step bytes.  The length, or -1 with why. */
static ssize_t
decode(enum codec codec, size_t len, size_t step, char why[128])
{
	struct decoder	*d;
	size_t		 fill = 0;
	ssize_t		 n;
	int		 fd;

	assert_int_not_equal(fd = memfd_create("t", MFD_CLOEXEC), -1);
	assert_int_equal(write(fd, packed, len), (ssize_t)len);
	assert_non_null(d = decoder_new(codec, fd, len));
	while ((n = decoder_read(d, out + fill, sizeof(out) - fill < step ?
	    sizeof(out) - fill : step)) > 0)
		fill += (size_t)n;
	snprintf(why, 128, "%s", decoder_why(d));
	decoder_free(d);
	close(fd);
	return (n == -1 ? -1 : (ssize_t)fill);
}

static void
good(enum codec codec, size_t len, size_t times)
{
	static const size_t	 steps[] = { 1, 513, 1 << 20 };
	char			 why[128];
	size_t			 i, k;

	for (i = 0; i < 3; i++) {
		memset(out, 0, sizeof(out));
		assert_int_equal(decode(codec, len, steps[i], why),
		    times * PLAIN);
		for (k = 0; k < times; k++)
			assert_memory_equal(out + k * PLAIN, plain, PLAIN);
	}
}

static void
bad(enum codec codec, size_t len, const char *want)
{
	char	 why[128];

	assert_int_equal(decode(codec, len, 4096, why), -1);
	if (strstr(why, want) == NULL)
		fail_msg("refused with \"%s\", expected \"%s\"", why, want);
}

static void
test_none(void **state)
{
	(void)state;
	memcpy(packed, plain, PLAIN);
	good(CODEC_NONE, PLAIN, 1);
}

static void
test_gzip(void **state)
{
	size_t	 a, len;

	(void)state;
	a = gzip(packed, plain, PLAIN);
	good(CODEC_GZIP, a, 1);
	/* members, an empty one among them */
	len = a + gzip(packed + a, plain, 0);
	len += gzip(packed + len, plain, PLAIN);
	good(CODEC_GZIP, len, 2);
	packed[len] = 0;
	bad(CODEC_GZIP, len + 1, "garbage");
	memcpy(packed + len, "garbage", 7);
	bad(CODEC_GZIP, len + 7, "garbage");
	packed[len - 1] ^= 1;			/* the size */
	bad(CODEC_GZIP, len, "checksum");
	packed[len - 1] ^= 1;
	packed[len - 5] ^= 1;			/* the CRC */
	bad(CODEC_GZIP, len, "checksum");
	packed[len - 5] ^= 1;
	packed[3] |= 0x20;			/* RFC 1952 2.3.1.2 */
	bad(CODEC_GZIP, len, "reserved flags");
}

static void
test_zstd(void **state)
{
	size_t	 a, len;

	(void)state;
	a = zstd(packed, plain, PLAIN);
	good(CODEC_ZSTD, a, 1);
	len = a + zstd(packed + a, plain, PLAIN);
	/* a skippable frame between and behind */
	memcpy(packed + len, "\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
	good(CODEC_ZSTD, len + 11, 2);
	memcpy(packed + len, "garbage", 7);
	bad(CODEC_ZSTD, len + 7, "zstd");
}

/* Only what the media type names. */
static void
test_other_codec(void **state)
{
	size_t	 len;

	(void)state;
	len = gzip(packed, plain, PLAIN);
	bad(CODEC_ZSTD, len, "not a zstd stream");
	len = zstd(packed, plain, PLAIN);
	bad(CODEC_GZIP, len, "not a gzip stream");
	bad(CODEC_GZIP, 1, "not a gzip stream");
	bad(CODEC_GZIP, 0, "not a gzip stream");
	bad(CODEC_ZSTD, 0, "not a zstd stream");
}

static void
test_truncated(void **state)
{
	static const enum codec	 codecs[] = { CODEC_GZIP, CODEC_ZSTD };
	char			 why[128];
	size_t			 len, cut, i;

	(void)state;
	for (i = 0; i < 2; i++) {
		len = i == 0 ? gzip(packed, plain, PLAIN) :
		    zstd(packed, plain, PLAIN);
		for (cut = 4; cut < len; cut += 1 + cut % 97)
			assert_int_equal(decode(codecs[i], cut, 1 << 20, why),
			    -1);
	}
}

/* No flipped bit goes through with other contents. */
static void
test_flipped(void **state)
{
	char	 why[128];
	size_t	 len, i;

	(void)state;
	len = gzip(packed, plain, PLAIN);
	for (i = 10; i < len; i += 1 + i % 31) {
		packed[i] ^= (unsigned char)(1 << i % 8);
		assert_int_equal(decode(CODEC_GZIP, len, 1 << 20, why), -1);
		packed[i] ^= (unsigned char)(1 << i % 8);
	}
}

/* A window of 256 MiB, as zstd --ultra --long=28 asks for. */
static void
test_window(void **state)
{
	static const unsigned char	 frame[] = { 0x28, 0xb5, 0x2f, 0xfd,
	    0x00, 0x90, 0x01, 0x00, 0x00 };

	(void)state;
	memcpy(packed, frame, sizeof(frame));
	bad(CODEC_ZSTD, sizeof(frame), "zstd: ");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_gzip),
		cmocka_unit_test(test_zstd),
		cmocka_unit_test(test_other_codec),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_flipped),
		cmocka_unit_test(test_window),
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
