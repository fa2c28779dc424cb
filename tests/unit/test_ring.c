/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* broker/unpack/ring.c: all bytes in order, all of them hashed. */
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

#include "../../broker/unpack/ring.h"

#define PIECE	(256 * 1024)	/* ring.c's SLOT_SIZE */
#define MOST	(21 * PIECE + 7)

static unsigned char	 plain[MOST];

static int
setup(void **state)
{
	uint32_t	 x = 1;
	size_t		 i;

	(void)state;
	for (i = 0; i < MOST; i++) {
		x = x * 1103515245 + 12345;
		plain[i] = (unsigned char)(x >> 16);
	}
	return (0);
}

static int
file(size_t len)
{
	int	 fd = memfd_create("plain", MFD_CLOEXEC);

	assert_int_not_equal(fd, -1);
	assert_int_equal(pwrite(fd, plain, len, 0), len);
	return (fd);
}

/* Takes all; each pause is long enough for the other to run full. */
static void
take(size_t len, unsigned int pause)
{
	char		 want[DIGEST_SIZE], is[DIGEST_SIZE];
	struct hash	*h = hash_new(), *all = hash_new();
	int		 fd = file(len);
	struct decoder	*d = decoder_new(CODEC_NONE, fd, len);
	struct ring	*r = ring_start(d, h);
	const void	*data;
	size_t		 have = 0;
	ssize_t		 n;

	while ((n = ring_next(r, &data)) > 0) {
		assert_true((size_t)n <= len - have);
		if (pause != 0 && have / PIECE % 4 == 0)
			usleep(pause);
		/* what has been handed out stays as it is until the next */
		assert_memory_equal(data, plain + have, (size_t)n);
		have += (size_t)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(have, len);
	assert_int_equal(ring_next(r, &data), 0);
	hash_add(all, plain, len);
	hash_digest(all, want);
	hash_digest(h, is);
	assert_string_equal(is, want);
	ring_free(r);
	decoder_free(d);
	hash_free(h);
	hash_free(all);
	close(fd);
}

static void
test_all_bytes(void **state)
{
	static const size_t	 lens[] = { 0, 1, PIECE - 1, PIECE, PIECE + 1,
				    8 * PIECE, 8 * PIECE + 1, MOST };
	size_t			 i;
	int			 k;

	(void)state;
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		take(lens[i], 2000);
		for (k = 0; k < 10; k++)
			take(lens[i], 0);
	}
}

/* Whoever does not want the rest gets away, wherever the other thread is. */
static void
test_left_early(void **state)
{
	struct hash	*h;
	struct decoder	*d;
	struct ring	*r;
	const void	*data;
	int		 fd = file(MOST), i, k;

	(void)state;
	for (i = 0; i < 20; i++) {
		h = hash_new();
		d = decoder_new(CODEC_NONE, fd, MOST);
		r = ring_start(d, h);
		for (k = 0; k < i; k++)
			assert_int_equal(ring_next(r, &data), PIECE);
		ring_free(r);
		decoder_free(d);
		hash_free(h);
	}
	close(fd);
}

/* The file ends before the blob should. */
static void
test_failure(void **state)
{
	struct hash	*h = hash_new();
	int		 fd = file(3 * PIECE);
	struct decoder	*d = decoder_new(CODEC_NONE, fd, MOST);
	struct ring	*r = ring_start(d, h);
	const void	*data;
	int		 i;

	(void)state;
	for (i = 0; i < 3; i++)
		assert_int_equal(ring_next(r, &data), PIECE);
	assert_int_equal(ring_next(r, &data), -1);
	assert_int_equal(ring_next(r, &data), -1);
	assert_string_equal(decoder_why(d), "blob: cannot be read again");
	ring_free(r);
	decoder_free(d);
	hash_free(h);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_all_bytes),
		cmocka_unit_test(test_left_early),
		cmocka_unit_test(test_failure),
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
