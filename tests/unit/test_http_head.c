/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* worker/fetch/header.c, head.c, retry.c: heads of HTTP answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "../../worker/fetch/head.h"

#define HEX32	"0123456789abcdef0123456789abcdef"
#define HEX64	HEX32 HEX32

static void
test_range(void **state)
{
	static const char	*const bad[] = { "", "bytes", "bytes 5-9",
		"bytes 5-9/", "bytes 9-5/10", "bytes 5-10/10", "bytes */10",
		"bytes -9/10", "bytes 5-/10", "bytes 5-9/10 ", "bytes  5-9/10",
		"items 5-9/10", "bytes +5-9/10", "bytes 0x5-9/10",
		"bytes 5-9/-1", "bytes 5-99999999999999999999/*",
		"bytes 5-18446744073709551615/*", "bytes 5-9,11-12/20" };
	uint64_t		 first, last, total;
	size_t			 i;

	(void)state;
	assert_int_equal(header_range("bytes 5-9/10", &first, &last, &total),
	    0);
	assert_int_equal(first, 5);
	assert_int_equal(last, 9);
	assert_int_equal(total, 10);
	assert_int_equal(header_range("BYTES 0-0/*", &first, &last, &total),
	    0);
	assert_true(total == UINT64_MAX);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (header_range(bad[i], &first, &last, &total) == 0)
			fail_msg("taken: \"%s\"", bad[i]);
}

static void
test_retry_after(void **state)
{
	static const char	*const bad[] = { "", "x", "-1", "1.5", "1 ",
		"Sun, 06 Nov 1994 08:49:37 UTC", "06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994" };
	uint64_t		 s;
	size_t			 i;

	(void)state;
	assert_int_equal(header_retry("120", 0, &s), 0);
	assert_int_equal(s, 120);
	/* RFC 9110's own date is 784111777 */
	assert_int_equal(header_retry("Sun, 06 Nov 1994 08:49:37 GMT",
	    784111770, &s), 0);
	assert_int_equal(s, 7);
	assert_int_equal(header_retry("Sun, 06 Nov 1994 08:49:37 GMT",
	    784111800, &s), 0);
	assert_int_equal(s, 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (header_retry(bad[i], 0, &s) == 0)
			fail_msg("taken: \"%s\"", bad[i]);
}

static void
test_type(void **state)
{
	char	 type[64];

	(void)state;
	assert_int_equal(header_type("Text/HTML; charset=utf-8", type,
	    sizeof(type)), 0);
	assert_string_equal(type, "text/html");
	assert_int_equal(header_type("a/b ;c", type, sizeof(type)), 0);
	assert_string_equal(type, "a/b");
	assert_int_equal(header_type("", type, sizeof(type)), -1);
	assert_int_equal(header_type(";x", type, sizeof(type)), -1);
	assert_int_equal(header_type("a b", type, sizeof(type)), -1);
	assert_int_equal(header_type("a/\xe9", type, sizeof(type)), -1);
	assert_int_equal(header_type("abcdefgh", type, 8), -1);
	assert_int_equal(
	    header_media("application/vnd.oci.image.index.v1+json"),
	    MEDIA_OCI_INDEX);
	assert_int_equal(header_media("application/json"), MEDIA_UNKNOWN);
}

static enum head_state
feed(struct head_reader *r, const char *text)
{
	enum head_state	 s = HEAD_MORE;
	const char	*end;

	head_free(r);
	head_init(r);
	for (; *text != '\0' && s == HEAD_MORE; text = end) {
		end = strchr(text, '\n') + 1;
		s = head_line(r, text, (size_t)(end - text));
	}
	assert_true(*text == '\0' || s == HEAD_ERROR);
	return (s);
}

static void
test_head(void **state)
{
	struct head_reader	 r;

	(void)state;
	head_init(&r);
	assert_int_equal(feed(&r,
	    "HTTP/1.1 200 OK\r\nContent-Type: Text/Plain;x\r\n"
	    "content-length:  12 \r\nDocker-Content-Digest: sha256:" HEX64
	    "\r\nX: y\r\n\r\n"), HEAD_END);
	assert_int_equal(r.head.status, 200);
	assert_int_equal(r.head.bad, 0);
	assert_int_equal(r.head.length, 12);
	assert_string_equal(r.head.type, "text/plain");
	assert_string_equal(r.head.digest, "sha256:" HEX64);
	/* a trailer changes nothing any more */
	assert_int_equal(head_line(&r, "Content-Length: 99\r\n", 20),
	    HEAD_MORE);
	assert_int_equal(r.head.length, 12);

	/* an interim answer is forgotten */
	assert_int_equal(feed(&r, "HTTP/1.1 103 Early\r\nLocation: /a\r\n"
	    "\r\nHTTP/1.1 307\r\nLocation: /b\r\nRetry-After: 5\r\n\r\n"),
	    HEAD_END);
	assert_int_equal(r.head.status, 307);
	assert_string_equal(r.head.location, "/b");
	assert_string_equal(r.head.retry, "5");
	assert_true(r.head.length == UINT64_MAX);

	assert_int_equal(feed(&r, "HTTP/1.1 401 no\r\n"
	    "WWW-Authenticate: Bearer realm=\"r\"\r\n"
	    "WWW-Authenticate: Basic realm=\"x\"\r\n"
	    "Content-Encoding: identity\r\n\r\n"), HEAD_END);
	assert_string_equal(r.head.challenge.realm, "r");
	assert_int_equal(r.head.challenge.schemes,
	    CHALLENGE_BEARER | CHALLENGE_BASIC);
	assert_int_equal(r.head.encoded, 0);
	head_free(&r);
}

static void
test_head_bad(void **state)
{
	static const char	*const marked[] = {
		"Content-Length: 1\r\nContent-Length: 2\r\n",
		"Content-Length: -1\r\n", "Content-Length: +1\r\n",
		"Content-Length: 1, 1\r\n", "Content-Length: \r\n",
		"Content-Length: 99999999999999999999\r\n",
		"Content-Type: a/b\r\nContent-Type: c/d\r\n",
		"Location: /a\r\nLocation: /b\r\n", "Location: /a\x01\r\n",
		"Location: /a\r\n b\r\n", "no colon\r\n" };
	static const char	*const refused[] = {
		"HTTP/1.1\r\n", "HTTP/1.1 20\r\n", "HTTP/1.1 2000 OK\r\n",
		"HTTP/1.1 2x0 OK\r\n", "HTTP/1.1 099 OK\r\n" };
	struct head_reader	 r;
	char			 text[256];
	size_t			 i;

	(void)state;
	head_init(&r);
	for (i = 0; i < sizeof(marked) / sizeof(marked[0]); i++) {
		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s\r\n",
		    marked[i]);
		assert_int_equal(feed(&r, text), HEAD_END);
		if (!r.head.bad)
			fail_msg("taken: %s", marked[i]);
	}
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (feed(&r, refused[i]) != HEAD_ERROR)
			fail_msg("taken: %s", refused[i]);
	assert_int_equal(feed(&r, "HTTP/1.1 401 no\r\n"
	    "WWW-Authenticate: Bearer realm=\"r\r\n\r\n"), HEAD_END);
	assert_int_equal(r.head.challenge_bad, 1);
	assert_int_equal(r.head.bad, 0);
	assert_int_equal(feed(&r, "HTTP/1.1 200 OK\r\n"
	    "Content-Encoding: gzip\r\n\r\n"), HEAD_END);
	assert_int_equal(r.head.encoded, 1);
	head_free(&r);
}

static void
test_head_long(void **state)
{
	struct head_reader	 r;
	size_t			 i, n;
	char			 line[1024];

	(void)state;
	memset(line, 'a', sizeof(line));
	memcpy(line, "X: ", 3);
	line[sizeof(line) - 1] = '\n';
	head_init(&r);
	assert_int_equal(head_line(&r, "HTTP/1.1 200 OK\r\n", 17), HEAD_MORE);
	n = HTTPHEAD_MAX / sizeof(line) - 1;
	for (i = 0; i < n; i++)
		assert_int_equal(head_line(&r, line, sizeof(line)),
		    HEAD_MORE);
	assert_int_equal(head_line(&r, line, sizeof(line)), HEAD_ERROR);
	head_free(&r);
}

static void
test_retry(void **state)
{
	struct retry	 r = { 0 };
	uint64_t	 ms;
	unsigned int	 i;

	(void)state;
	for (i = 0; i < FETCH_TRIES_MAX - 1; i++) {
		assert_int_equal(retry_next(&r, "", 500, &ms), 0);
		assert_int_equal(ms, 500U << i);
	}
	assert_int_equal(retry_next(&r, "", 500, &ms), -1);
	assert_int_equal(ms, 0);
	/* what the server wants is obeyed, but not beyond reason */
	memset(&r, 0, sizeof(r));
	assert_int_equal(retry_next(&r, "40", 500, &ms), 0);
	assert_int_equal(ms, 40000);
	assert_int_equal(retry_next(&r, "21", 500, &ms), -1);
	assert_int_equal(ms, 21000);
	memset(&r, 0, sizeof(r));
	assert_int_equal(retry_next(&r, "18446744073709551615", 500, &ms),
	    -1);
	memset(&r, 0, sizeof(r));
	assert_int_equal(retry_next(&r, "soon", 500, &ms), 0);
	assert_int_equal(ms, 500);
	assert_true(retry_status(429) && retry_status(503));
	assert_false(retry_status(500) || retry_status(404));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_type),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_head_bad),
		cmocka_unit_test(test_head_long),
		cmocka_unit_test(test_retry),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
