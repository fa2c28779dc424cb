/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* common/record.c: what is built is read again; all else is refused. */
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../common/limits.h"
#include "../../common/record.h"

/* The bytes of a finished record; the caller frees. */
static unsigned char *
bytes(struct record *r, size_t *len)
{
	struct stat	 st;
	unsigned char	*p;
	int		 fd;

	assert_int_not_equal(fd = record_finish(r), -1);
	assert_null(r->data);
	assert_int_equal(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK |
	    F_SEAL_GROW | F_SEAL_WRITE);
	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	assert_non_null(p = malloc(*len));
	assert_int_equal(pread(fd, p, *len, 0), *len);
	close(fd);
	return (p);
}

static void
test_round(void **state)
{
	static const struct {
		enum record_key	 key;
		const char	*value;
	} items[] = {
		{ REC_ENTRYPOINT, "/bin/sh" }, { REC_CMD, "" },
		{ REC_CMD, "a" }, { REC_CMD, "ab" }, { REC_CMD, "abc" },
		{ REC_CMD, "abcd" }, { REC_ENV, "A=\xff\n" },
		{ REC_HASARGS, "" },
	};
	struct record	 r;
	unsigned char	*p;
	const char	*value;
	size_t		 i, len, vlen, off = 0;

	(void)state;
	record_init(&r);
	for (i = 0; i < sizeof(items) / sizeof(items[0]); i++)
		record_add(&r, items[i].key, items[i].value,
		    strlen(items[i].value));
	p = bytes(&r, &len);
	assert_int_equal(record_check(p, len), 0);
	for (i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		assert_int_equal(record_next(p, len, &off, &value, &vlen),
		    items[i].key);
		assert_string_equal(value, items[i].value);
		assert_int_equal(vlen, strlen(items[i].value));
	}
	assert_int_equal(record_next(p, len, &off, &value, &vlen), REC_NONE);
	free(p);
}

static void
test_empty(void **state)
{
	struct record	 r;
	unsigned char	*p;
	const char	*value;
	size_t		 len, vlen, off = 0;

	(void)state;
	record_init(&r);
	p = bytes(&r, &len);
	assert_int_equal(len, 8);
	assert_int_equal(record_check(p, len), 0);
	assert_int_equal(record_next(p, len, &off, &value, &vlen), REC_NONE);
	free(p);
}

static void
test_building_refuses(void **state)
{
	struct record	 r;
	char		*big;

	(void)state;
	record_init(&r);
	record_add(&r, REC_CMD, "a\0b", 3);
	record_add(&r, REC_CMD, "fine", 4);
	assert_int_equal(record_finish(&r), -1);
	assert_int_equal(errno, EINVAL);

	assert_non_null(big = malloc(RECORD_MAX));
	memset(big, 'x', RECORD_MAX);
	record_init(&r);
	record_add(&r, REC_CMD, big, RECORD_MAX);
	assert_int_equal(record_finish(&r), -1);
	assert_int_equal(errno, E2BIG);
	free(big);
}

/* Every cut and every flipped bit is refused or reads as something sane. */
static void
test_damage(void **state)
{
	struct record	 r;
	unsigned char	*p, *q;
	const char	*value;
	size_t		 bit, len, vlen, off, total;

	(void)state;
	record_init(&r);
	record_add(&r, REC_ENTRYPOINT, "/bin/sh", 7);
	record_add(&r, REC_ENV, "A=b", 3);
	record_add(&r, REC_CMD, "", 0);
	p = bytes(&r, &len);
	/* a cut at an item's end is a shorter record; any other is none */
	for (total = 0; total < len; total++) {
		assert_non_null(q = malloc(total == 0 ? 1 : total));
		memcpy(q, p, total);
		if (record_check(q, total) == 0)
			assert_true(total == 8 || total == 24 || total == 36);
		else
			assert_int_equal(errno, EINVAL);
		free(q);
	}
	assert_non_null(q = malloc(len));
	for (bit = 0; bit < len * 8; bit++) {
		memcpy(q, p, len);
		q[bit / 8] ^= (unsigned char)(1U << (bit % 8));
		if (record_check(q, len) == -1)
			continue;
		off = 0;
		while (record_next(q, len, &off, &value, &vlen) != REC_NONE) {
			assert_int_equal(strlen(value), vlen);
			assert_true((const unsigned char *)value + vlen <
			    q + len);
		}
	}
	free(q);
	free(p);
}

static void
test_hostile(void **state)
{
	unsigned char		 b[64] = { 0 };
	struct record_item	 item;

	(void)state;
	memcpy(b, RECORD_MAGIC, 8);
	item.key = REC_CMD;
	item.len = UINT32_MAX;		/* len + NUL wraps */
	memcpy(b + 8, &item, sizeof(item));
	assert_int_equal(record_check(b, sizeof(b)), -1);
	item.len = UINT32_MAX - 7;
	memcpy(b + 8, &item, sizeof(item));
	assert_int_equal(record_check(b, sizeof(b)), -1);
	item.len = 0;
	item.key = REC_MAX;
	memcpy(b + 8, &item, sizeof(item));
	assert_int_equal(record_check(b, 20), -1);
	item.key = REC_NONE;
	memcpy(b + 8, &item, sizeof(item));
	assert_int_equal(record_check(b, 20), -1);
	item.key = REC_CMD;
	memcpy(b + 8, &item, sizeof(item));
	assert_int_equal(record_check(b, 20), 0);
	b[17] = 'x';			/* padding that is not zero */
	assert_int_equal(record_check(b, 20), -1);
	assert_int_equal(record_check(b, 0), -1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_building_refuses),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_hostile),
	};

	return (cmocka_run_group_tests_name("record", tests, NULL, NULL));
}
