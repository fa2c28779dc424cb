/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* common/ref.c: what Docker's rules make of a reference, and refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../common/ref.h"

#define HEX32	"0123456789abcdef0123456789abcdef"
#define HEX64	HEX32 HEX32
#define DIGEST	"sha256:" HEX64
#define A50	"aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaa"
#define A250	A50 A50 A50 A50 A50

/* What is typed, and its normal form. */
static const char	*const good[][2] = {
	{ "redis", "docker.io/library/redis:latest" },
	{ "redis:7", "docker.io/library/redis:7" },
	{ "redis@" DIGEST, "docker.io/library/redis@" DIGEST },
	{ "redis:7@" DIGEST, "docker.io/library/redis@" DIGEST },
	{ "user/redis", "docker.io/user/redis:latest" },
	{ "a/b/c", "docker.io/a/b/c:latest" },
	{ "docker.io/redis", "docker.io/library/redis:latest" },
	{ "docker.io/a/b:t", "docker.io/a/b:t" },
	{ "index.docker.io/redis", "docker.io/library/redis:latest" },
	{ "index.docker.io:443/redis", "index.docker.io:443/redis:latest" },
	{ "docker.io:443/redis", "docker.io:443/redis:latest" },
	{ "localhost", "docker.io/library/localhost:latest" },
	{ "localhost/x", "localhost/x:latest" },
	{ "localhost:5000/x", "localhost:5000/x:latest" },
	{ "localhost:5000", "docker.io/library/localhost:5000" },
	{ "127.0.0.1:5000/a/b:t", "127.0.0.1:5000/a/b:t" },
	{ "[::1]:5000/x", "[::1]:5000/x:latest" },
	{ "[::1]/x@" DIGEST, "[::1]/x@" DIGEST },
	{ "[2001:db8::1]:65535/x", "[2001:db8::1]:65535/x:latest" },
	{ "quay.io/o/n:v1.2-rc_3", "quay.io/o/n:v1.2-rc_3" },
	{ "Quay.io/o/n", "Quay.io/o/n:latest" },
	{ "xn--bcher-kva.example/x", "xn--bcher-kva.example/x:latest" },
	{ "dolbyio/rtme:release-v0.1.1",
	    "docker.io/dolbyio/rtme:release-v0.1.1" },
	{ "a.b_c__d-e---f", "docker.io/library/a.b_c__d-e---f:latest" },
	{ "h.x/a:_tag", "h.x/a:_tag" },
	{ "library/" HEX64, "docker.io/library/" HEX64 ":latest" },
	{ HEX64 ":x", "docker.io/library/" HEX64 ":x" },
	{ HEX64 "a", "docker.io/library/" HEX64 "a:latest" },
	{ "h.x/" A250, "h.x/" A250 ":latest" },
};

static const struct {
	const char	*text;
	enum ref_error	 error;
} bad[] = {
	{ "", REF_EMPTY },
	{ HEX64, REF_HEX },
	{ A250 A250 A50, REF_LONG },
	{ "hh.x/a" A250, REF_LONG },
	{ "library/" A250, REF_LONG },
	{ A250, REF_LONG },
	{ "h.x:65535/" A250, REF_LONG },
	{ "Redis", REF_UPPER },
	{ "h.x/A", REF_UPPER },
	{ "Host/x", REF_UPPER },
	{ "/x", REF_NAME },
	{ "x/", REF_NAME },
	{ "h.x/", REF_NAME },
	{ "h.x//x", REF_NAME },
	{ "h.x/a/", REF_NAME },
	{ "a//b", REF_NAME },
	{ "-a", REF_NAME },
	{ "a-", REF_NAME },
	{ "_a", REF_NAME },
	{ "a___b", REF_NAME },
	{ "a..b", REF_NAME },
	{ "a._b", REF_NAME },
	{ "a-.b", REF_NAME },
	{ "a b", REF_NAME },
	{ "a\nb", REF_NAME },
	{ "a%2e%2e", REF_NAME },
	{ "r\xc3\xa9", REF_NAME },
	{ "h.x/../y", REF_NAME },
	{ "..", REF_NAME },
	{ "../x", REF_HOST },
	{ ".", REF_NAME },
	{ "./x", REF_HOST },
	{ ":t", REF_NAME },
	{ "@" DIGEST, REF_NAME },
	{ "x:", REF_TAG },
	{ "x:.a", REF_TAG },
	{ "x:-a", REF_TAG },
	{ "x:a b", REF_TAG },
	{ "x:a:b", REF_TAG },
	{ "x:@" DIGEST, REF_TAG },
	{ "x:" A50 A50 "aaaaabbbbbaaaaabbbbbaaaaabbbb", REF_TAG },
	{ "x@", REF_DIGEST },
	{ "x@sha256:", REF_DIGEST },
	{ "x@" HEX64, REF_DIGEST },
	{ "x@sha256:" HEX64 "0", REF_DIGEST },
	{ "x@sha256:0123456789ABCDEF0123456789abcdef"
	    "0123456789abcdef0123456789abcdef", REF_DIGEST },
	{ "x@sha512:" HEX64, REF_DIGEST },
	{ "x@" DIGEST "@" DIGEST, REF_DIGEST },
	{ "x@" DIGEST ":tag", REF_DIGEST },
	{ ":5000/x", REF_HOST },
	{ "h:/x", REF_HOST },
	{ "h:0/x", REF_HOST },
	{ "h:080/x", REF_HOST },
	{ "h:65536/x", REF_HOST },
	{ "h:999999/x", REF_HOST },
	{ "h:+1/x", REF_HOST },
	{ "h:1a/x", REF_HOST },
	{ "a:b:1/x", REF_HOST },
	{ "user:pw@h.x/x", REF_HOST },
	{ "user@h.x/x", REF_HOST },
	{ "h..x/x", REF_HOST },
	{ "-h.x/x", REF_HOST },
	{ "h-.x/x", REF_HOST },
	{ "h.x-/x", REF_HOST },
	{ "h.x./x", REF_HOST },
	{ "h_h.x/x", REF_HOST },
	{ "h\xc3\xa9.x/x", REF_HOST },
	{ "::1/x", REF_HOST },
	{ "[::1/x", REF_HOST },
	{ "[::1]5/x", REF_HOST },
	{ "[::1%1]/x", REF_HOST },
	{ "[:::1]/x", REF_HOST },
	{ "[1.2.3.4]/x", REF_HOST },
	{ "[.]/x", REF_HOST },
	{ "[]:1/x", REF_HOST },
	{ "http://h/x", REF_HOST },
};

static void
test_good(void **state)
{
	struct ref	 r;
	char		 buf[REF_MAXLEN + 1];
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (ref_parse(good[i][0], &r) != REF_OK)
			fail_msg("%s: refused", good[i][0]);
		assert_int_equal(ref_format(&r, buf, sizeof(buf)), 0);
		assert_string_equal(buf, good[i][1]);
		if (!ref_normal(buf))
			fail_msg("%s: not normal", buf);
		assert_int_equal(ref_normal(good[i][0]),
		    strcmp(good[i][0], good[i][1]) == 0);
	}
}

static void
test_bad(void **state)
{
	struct ref	 r;
	enum ref_error	 error;
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		error = ref_parse(bad[i].text, &r);
		if (error != bad[i].error)
			fail_msg("\"%s\": got \"%s\", not \"%s\"",
			    bad[i].text, ref_strerror(error),
			    ref_strerror(bad[i].error));
		assert_false(ref_normal(bad[i].text));
	}
}

static void
test_fields(void **state)
{
	struct ref	 r;
	char		 buf[8];

	(void)state;
	assert_int_equal(ref_parse("[::1]:5000/a/b:t@" DIGEST, &r), REF_OK);
	assert_string_equal(r.host, "[::1]");
	assert_int_equal(r.port, 5000);
	assert_string_equal(r.repository, "a/b");
	assert_string_equal(r.tag, "");
	assert_string_equal(r.digest, DIGEST);
	assert_int_equal(ref_format(&r, buf, sizeof(buf)), -1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_fields),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
