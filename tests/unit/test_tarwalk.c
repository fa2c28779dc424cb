/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* broker/unpack/tarwalk.c: raw tar headers, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../broker/unpack/tarwalk.h"

#define BLOCK	512

/* A tar in the making, and what the walker made of it. */
static struct {
	unsigned char	 tar[64 * BLOCK + 8192];
	size_t		 len;
	struct tar_entry *e[16];
	size_t		 n;
	unsigned char	 raw[64 * BLOCK + 8192];
	size_t		 rawlen, body;
	char		 why[512];
} t;

static int
on_raw(void *arg, const unsigned char *p, size_t len)
{
	(void)arg;
	assert_true(t.rawlen + len <= sizeof(t.raw));
	memcpy(t.raw + t.rawlen, p, len);
	t.rawlen += len;
	return (0);
}

static int
on_entry(void *arg, struct tar_entry *e)
{
	(void)arg;
	assert_true(t.n < 16);
	t.e[t.n++] = e;
	return (0);
}

static int
on_body(void *arg, const unsigned char *p, size_t len)
{
	(void)arg;
	(void)p;
	t.body += len;
	return (0);
}

static int
reset(void **state)
{
	(void)state;
	while (t.n > 0)
		tar_entry_free(t.e[--t.n]);
	memset(&t, 0, sizeof(t));
	return (0);
}

static void
checksum(unsigned char *h)
{
	unsigned int	 sum = 0, i;

	memset(h + 148, ' ', 8);
	for (i = 0; i < BLOCK; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
}

/* A ustar header; the caller may spoil it and call checksum() again. */
static unsigned char *
header(char type, const char *name, unsigned long long size)
{
	unsigned char	*h = t.tar + t.len;

	memset(h, 0, BLOCK);
	memcpy(h, name, strlen(name) < 100 ? strlen(name) : 100);
	memcpy(h + 100, "0000644\0000000001\0000000002", 24);
	snprintf((char *)h + 124, 12, "%011llo", size);
	memcpy(h + 136, "00000000007", 12);
	h[156] = (unsigned char)type;
	memcpy(h + 257, "ustar\00000", 8);
	checksum(h);
	t.len += BLOCK;
	return (h);
}

static void
bytes(const void *p, size_t len)
{
	memcpy(t.tar + t.len, p, len);
	t.len += (len + BLOCK - 1) / BLOCK * BLOCK;
}

/* A body that nobody looks at. */
static void
body(size_t len)
{
	t.len += (len + BLOCK - 1) / BLOCK * BLOCK;
}

/* A pax header of one record; the length that it begins with counts too. */
static void
pax(char type, const char *key, const char *value, size_t valuelen)
{
	char	 rec[4096];
	size_t	 len = strlen(key) + valuelen + 3, digits = 1, off;

	while (len + digits >= (digits == 1 ? 10U : digits == 2 ? 100U :
	    digits == 3 ? 1000U : 10000U))
		digits++;
	off = (size_t)snprintf(rec, sizeof(rec), "%zu %s=", len + digits, key);
	memcpy(rec + off, value, valuelen);
	rec[off + valuelen] = '\n';
	header(type, "pax", off + valuelen + 1);
	bytes(rec, off + valuelen + 1);
}

/* Feeds it in pieces of step bytes; 0 or -1. */
static int
walk(size_t step)
{
	static const struct tarwalk_ops	 ops = { on_raw, on_entry, on_body };
	struct tarwalk			*w;
	size_t				 off, n;
	int				 r = 0;

	assert_non_null(w = tarwalk_new(&ops, NULL));
	for (off = 0; off < t.len && r == 0; off += n) {
		n = t.len - off < step ? t.len - off : step;
		r = tarwalk_feed(w, t.tar + off, n);
	}
	if (r == 0)
		r = tarwalk_end(w);
	snprintf(t.why, sizeof(t.why), "%s", tarwalk_why(w));
	tarwalk_free(w);
	return (r);
}

static void
end(void)
{
	t.len += 2 * BLOCK;
}

/* The tar as it stands is refused with this in the reason. */
static void
refused(const char *why)
{
	if (walk(SIZE_MAX) == 0)
		fail_msg("taken, expected: %s", why);
	if (strstr(t.why, why) == NULL)
		fail_msg("refused with \"%s\", expected \"%s\"", t.why, why);
	reset(NULL);
}

static void
test_plain(void **state)
{
	static const size_t	 steps[] = { SIZE_MAX, 512, 511, 7, 1 };
	size_t			 i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		reset(state);
		header('5', "./a//b/./", 0);
		header('0', "/a/b/f", 600);
		body(600);
		header('2', "l", 0);
		memcpy(t.tar + t.len - BLOCK + 157, "../up", 5);
		checksum(t.tar + t.len - BLOCK);
		end();
		assert_int_equal(walk(steps[i]), 0);
		assert_int_equal(t.n, 3);
		assert_string_equal(t.e[0]->path, "a/b");
		assert_int_equal(t.e[0]->type, TAR_DIR);
		assert_string_equal(t.e[1]->name, "/a/b/f");
		assert_string_equal(t.e[1]->path, "a/b/f");
		assert_int_equal(t.e[1]->size, 600);
		assert_int_equal(t.e[1]->uid, 1);
		assert_int_equal(t.e[1]->gid, 2);
		assert_int_equal(t.e[1]->mode, 0644);
		assert_int_equal(t.e[1]->mtime, 7);
		assert_string_equal(t.e[2]->link, "../up");
		/* all but the body comes raw, and the body's place is told */
		assert_int_equal(t.body, 600);
		assert_int_equal(t.rawlen, t.len - 600);
		assert_int_equal(t.e[1]->body, 2 * BLOCK);
	}
}

static void
test_pax(void **state)
{
	(void)state;
	pax('g', "comment", "git", 3);
	pax('x', "path", "a long name", 11);
	header('0', "short", 0);
	pax('x', "mtime", "-1.25", 5);
	header('0', "t", 0);
	pax('x', "SCHILY.xattr.user.k", "v\0w", 3);
	header('0', "x", 0);
	pax('x', "uid", "1000000", 7);
	header('0', "u", 0);
	pax('x', "vendor.thing", "", 0);
	header('0', "v", 0);
	end();
	assert_int_equal(walk(100), 0);
	assert_int_equal(t.n, 5);
	assert_string_equal(t.e[0]->path, "a long name");
	assert_int_equal(t.e[1]->mtime, -2);
	assert_int_equal(t.e[1]->nsec, 750000000);
	assert_int_equal(t.e[2]->nxattrs, 1);
	assert_string_equal(t.e[2]->xattrs[0].name, "user.k");
	assert_int_equal(t.e[2]->xattrs[0].len, 3);
	assert_memory_equal(t.e[2]->xattrs[0].value, "v\0w", 3);
	assert_int_equal(t.e[3]->uid, 1000000);
}

static void
gnu(unsigned char *h)
{
	memcpy(h + 257, "ustar  ", 8);
	checksum(h);
}

static void
test_gnu(void **state)
{
	unsigned char	*h;
	char		 name[301];

	(void)state;
	memset(name, 'n', 150);
	memset(name + 150, '/', 1);
	memset(name + 151, 'm', 149);
	name[300] = '\0';
	gnu(header('L', "././@LongLink", 301));
	bytes(name, 301);
	gnu(header('K', "././@LongLink", 5));
	bytes("../x", 5);
	gnu(header('2', "cut", 0));
	h = header('0', "base256", 0);
	memcpy(h + 108, "\x80\0\0\0\0\0\xff\xfe", 8);
	memcpy(h + 136, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", 12);
	gnu(h);
	end();
	assert_int_equal(walk(33), 0);
	assert_string_equal(t.e[0]->path, name);
	assert_string_equal(t.e[0]->link, "../x");
	assert_int_equal(t.e[1]->uid, 65534);
	assert_int_equal(t.e[1]->mtime, -2);
}

static void
test_sparse(void **state)
{
	unsigned char	*h;

	(void)state;
	h = header('S', "old", 512);
	h[482] = 1;
	memcpy(h + 483, "00000100000", 12);
	gnu(h);
	t.len += BLOCK;			/* one more block of map */
	body(512);
	pax('x', "GNU.sparse.realsize", "99999", 5);
	header('0', "new", 512);
	body(512);
	end();
	assert_int_equal(walk(1000), 0);
	assert_int_equal(t.n, 2);
	assert_true(t.e[0]->sparse);
	assert_int_equal(t.e[0]->size, 0100000);
	assert_true(t.e[1]->sparse);
	assert_int_equal(t.e[1]->size, 99999);
	/* bodies of sparse files are raw */
	assert_int_equal(t.body, 0);
	assert_int_equal(t.rawlen, t.len);
}

static void
test_numbers_refused(void **state)
{
	unsigned char	*h;

	(void)state;
	pax('x', "uid", "4294967296", 10);
	header('0', "f", 0);
	refused("f: owner out of range");
	pax('x', "uid", "4294967295", 10);
	header('0', "f", 0);
	refused("owner out of range");
	pax('x', "uid", "-1", 2);
	refused("bad number");
	pax('x', "gid", "1e3", 3);
	refused("bad number");
	pax('x', "size", "9223372036854775808", 19);
	refused("bad number");
	pax('x', "size", "9223372036854775807", 19);
	header('0', "f", 0);
	refused("size out of range");
	pax('x', "mtime", "99999999999", 11);
	header('0', "f", 0);
	refused("time out of range");
	h = header('0', "f", 0);
	memset(h + 108, 0xff, 8);
	checksum(h);
	refused("owner out of range");
	h = header('0', "f", 0);
	memset(h + 124, 0xff, 12);
	checksum(h);
	refused("size out of range");
	h = header('0', "f", 0);
	memcpy(h + 124, "12x", 3);
	checksum(h);
	refused("bad number");
}

static void
test_names_refused(void **state)
{
	char	 deep[2 * PATH_DEPTH_MAX + 3], longname[300];
	size_t	 i;

	(void)state;
	pax('x', "path", "ok\0/../x", 8);
	header('0', "f", 0);
	refused("NUL in a name");
	pax('x', "linkpath", "a\0b", 3);
	refused("NUL in a name");
	pax('x', "path", "", 0);
	refused("empty name");
	header('0', "", 0);
	refused("empty name");
	header('0', "a/../b", 0);
	refused("\"..\" in a path");
	header('0', "file/", 0);
	refused("no directory");
	header('2', "./", 0);
	refused("no directory");
	header('0', ".", 0);
	refused("root directory of another type");
	header('1', "f", 0);
	memcpy(t.tar + 157, "../../x", 7);
	checksum(t.tar);
	refused("\"..\" in a path");
	header('1', "f", 0);
	memcpy(t.tar + 157, "/", 1);
	checksum(t.tar);
	refused("hard link to the root");
	header('2', "f", 0);
	refused("link's target");
	for (i = 0; i <= PATH_DEPTH_MAX; i++)
		memcpy(deep + 2 * i, "d/", 3);
	pax('x', "path", deep, strlen(deep));
	header('5', "d", 0);
	refused("path too deep");
	memset(longname, 'x', 256);
	pax('x', "path", longname, 256);
	header('0', "f", 0);
	refused("name too long");
}

static void
test_forms_refused(void **state)
{
	unsigned char	*h;

	(void)state;
	h = header('0', "f", 0);
	h[0] = 'g';
	refused("bad header checksum");
	h = header('0', "f", 0);
	memcpy(h + 257, "cpio!!", 6);
	checksum(h);
	refused("unknown tar format");
	h = header('0', "f", 0);
	memcpy(h + 345, "a/prefix", 8);
	gnu(h);
	refused("GNU header with a prefix");
	pax('g', "path", "x", 1);
	refused("global header");
	pax('g', "uid", "0", 1);
	refused("global header");
	pax('x', "path", "x", 1);
	pax('x', "path", "y", 1);
	refused("two extended headers");
	pax('x', "path", "x", 1);
	end();
	refused("without an entry");
	pax('x', "path", "x", 1);
	refused("truncated");
	header('V', "label", 0);
	refused("unknown type");
	header('M', "more", 0);
	refused("unknown type");
	header('5', "d", 10);
	refused("no contents");
	header('1', "l", 10);
	refused("no contents");
	header('x', "pax", 2 * PAX_HEADER_MAX);
	refused("extended header too long");
	header('L', "name", 200 * KIB);
	refused("extended header too long");
	header('x', "pax", 5);
	bytes("99 a=", 5);
	refused("bad record length");
}

static void
test_end(void **state)
{
	(void)state;
	assert_int_equal(walk(1), 0);		/* nothing at all */
	reset(state);
	header('0', "f", 0);
	assert_int_equal(walk(9), 0);		/* no end marker */
	reset(state);
	end();
	t.len += 10 * BLOCK;			/* usual padding */
	assert_int_equal(walk(4096), 0);
	reset(state);
	header('0', "f", 5);
	t.len += 100;
	refused("truncated");
	header('0', "f", 0);
	t.len -= 1;
	refused("truncated");
	end();
	bytes("garbage", 7);
	refused("garbage behind the end");
	t.len += BLOCK;
	header('0', "f", 0);
	refused("entry behind a block of zeros");
}

static void
test_slack(void **state)
{
	static const struct tarwalk_ops	 ops = { on_raw, on_entry, NULL };
	static unsigned char		 zeros[BLOCK];
	struct tarwalk			*w;
	size_t				 i;
	int				 r = 0;

	(void)state;
	assert_non_null(w = tarwalk_new(&ops, NULL));
	for (i = 0; i <= TAR_SLACK_MAX / BLOCK + 2 && r == 0; i++) {
		t.rawlen = 0;
		r = tarwalk_feed(w, zeros, BLOCK);
	}
	assert_int_equal(r, -1);
	assert_int_equal(i, TAR_SLACK_MAX / BLOCK + 3);
	tarwalk_free(w);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_teardown(test_plain, reset),
		cmocka_unit_test_teardown(test_pax, reset),
		cmocka_unit_test_teardown(test_gnu, reset),
		cmocka_unit_test_teardown(test_sparse, reset),
		cmocka_unit_test_teardown(test_numbers_refused, reset),
		cmocka_unit_test_teardown(test_names_refused, reset),
		cmocka_unit_test_teardown(test_forms_refused, reset),
		cmocka_unit_test_teardown(test_end, reset),
		cmocka_unit_test_teardown(test_slack, reset),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
