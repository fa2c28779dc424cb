/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * worker/http/http_parse.c: what it makes of a request's head, whole and
 * byte by byte, and what it refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../worker/http/http.h"

#define H	"Host: x\r\n"
#define GET	"GET /health HTTP/1.1\r\n" H
#define R(text)	text, sizeof(text) - 1

static const struct {
	const char	*text;
	size_t		 len;
	enum http_result res;
} table[] = {
	/* Taken. */
	{ R(GET "\r\n"), HTTP_WHOLE },
	{ R("GET / HTTP/1.1\r\n" H "\r\n"), HTTP_WHOLE },
	{ R("GET / HTTP/1.0\r\n\r\n"), HTTP_WHOLE },
	{ R("POST /start?a=b&c=%20 HTTP/1.1\r\n" H "\r\n"), HTTP_WHOLE },
	{ R("get /health HTTP/1.1\r\n" H "\r\n"), HTTP_WHOLE },
	{ R("TRACE /health HTTP/1.1\r\n" H "\r\n"), HTTP_WHOLE },
	{ R("GET /%74erminate HTTP/1.1\r\n" H "\r\n"), HTTP_WHOLE },
	{ R("GET /..//start HTTP/1.1\r\n" H "\r\n"), HTTP_WHOLE },
	{ R("GET //x/health HTTP/1.1\r\n" H "\r\n"), HTTP_WHOLE },
	{ R("GET /start?a?b HTTP/1.1\r\n" H "\r\n"), HTTP_WHOLE },
	{ R(GET "X:\r\n\r\n"), HTTP_WHOLE },
	{ R(GET "X: \t a b \t \r\n\r\n"), HTTP_WHOLE },
	{ R(GET "X: caf\xc3\xa9 \xff\r\n\r\n"), HTTP_WHOLE },
	{ R(GET "Content-Length: 0\r\n\r\n"), HTTP_WHOLE },
	{ R(GET "Content-Length: 4096\r\n\r\n"), HTTP_WHOLE },
	{ R(GET "Connection: close\r\nConnection: x\r\n\r\n"), HTTP_WHOLE },
	{ R(GET "Connection: , a ,\t,close \r\n\r\n"), HTTP_WHOLE },
	{ R("GET / HTTP/1.1\r\nHOST: [::1]:80\r\n\r\n"), HTTP_WHOLE },
	{ R(GET "\r\nGET / HT"), HTTP_WHOLE },
	/* Not whole yet. */
	{ R(""), HTTP_MORE },
	{ R("G"), HTTP_MORE },
	{ R("GET / HTTP/1.1\r"), HTTP_MORE },
	{ R(GET "\r"), HTTP_MORE },
	{ R(GET "Fo"), HTTP_MORE },
	/* Line ends and control characters. */
	{ R("GET / HTTP/1.1\n" H "\r\n"), HTTP_BAD_LINE_END },
	{ R(GET "X: y\n\r\n"), HTTP_BAD_LINE_END },
	{ R(GET "\n"), HTTP_BAD_LINE_END },
	{ R(GET "X: y\rz\r\n\r\n"), HTTP_BAD_LINE_END },
	{ R(GET "X: y\r\r\n\r\n"), HTTP_BAD_LINE_END },
	{ R(GET "X: y\0z\r\n\r\n"), HTTP_BAD_CONTROL },
	{ R(GET "X\0: y\r\n\r\n"), HTTP_BAD_CONTROL },
	{ R(GET "X: \x1b[31m\r\n\r\n"), HTTP_BAD_CONTROL },
	{ R(GET "X: \x7f\r\n\r\n"), HTTP_BAD_CONTROL },
	{ R("GET /\0 HTTP/1.1\r\n" H "\r\n"), HTTP_BAD_CONTROL },
	{ R("GET /\x1b HTTP/1.1\r\n" H "\r\n"), HTTP_BAD_CONTROL },
	{ R("GET\t/ HTTP/1.1\r\n" H "\r\n"), HTTP_BAD_CONTROL },
	{ R("\x16\x03\x01\x02"), HTTP_BAD_CONTROL },
	/* The request line. */
	{ R("\r\nGET / HTTP/1.1\r\n" H "\r\n"), HTTP_BAD_METHOD },
	{ R(" GET / HTTP/1.1\r\n" H "\r\n"), HTTP_BAD_METHOD },
	{ R("G(T / HTTP/1.1\r\n" H "\r\n"), HTTP_BAD_METHOD },
	{ R("ABCDEFGHIJKLMNOPQ / HTTP/1.1\r\n" H "\r\n"), HTTP_BAD_METHOD },
	{ R("GET\r\n" H "\r\n"), HTTP_BAD_REQUEST_LINE },
	{ R("GET /\r\n" H "\r\n"), HTTP_BAD_REQUEST_LINE },
	{ R("GET  / HTTP/1.1\r\n" H "\r\n"), HTTP_BAD_REQUEST_LINE },
	{ R("GET /  HTTP/1.1\r\n" H "\r\n"), HTTP_BAD_REQUEST_LINE },
	{ R("GET / HTTP/1.1 \r\n" H "\r\n"), HTTP_BAD_REQUEST_LINE },
	{ R("GET / http/1.1\r\n" H "\r\n"), HTTP_BAD_REQUEST_LINE },
	{ R("GET / HTTP/1.10\r\n" H "\r\n"), HTTP_BAD_REQUEST_LINE },
	{ R("GET / HTTP/1\r\n" H "\r\n"), HTTP_BAD_REQUEST_LINE },
	{ R("GET /a b HTTP/1.1\r\n" H "\r\n"), HTTP_BAD_REQUEST_LINE },
	{ R("GET / HTTP/1.2\r\n" H "\r\n"), HTTP_BAD_VERSION },
	{ R("GET / HTTP/1.9\r\n" H "\r\n"), HTTP_BAD_VERSION },
	{ R("GET / HTTP/2.0\r\n" H "\r\n"), HTTP_BAD_VERSION },
	{ R("GET / HTTP/0.9\r\n\r\n"), HTTP_BAD_VERSION },
	{ R("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), HTTP_BAD_VERSION },
	{ R("OPTIONS * HTTP/1.1\r\n" H "\r\n"), HTTP_BAD_TARGET },
	{ R("GET http://x/health HTTP/1.1\r\n" H "\r\n"), HTTP_BAD_TARGET },
	{ R("CONNECT x:80 HTTP/1.1\r\n" H "\r\n"), HTTP_BAD_TARGET },
	{ R("GET health HTTP/1.1\r\n" H "\r\n"), HTTP_BAD_TARGET },
	{ R("GET /#a HTTP/1.1\r\n" H "\r\n"), HTTP_BAD_TARGET },
	{ R("GET /\xc0\xaf HTTP/1.1\r\n" H "\r\n"), HTTP_BAD_TARGET },
	{ R("GET /\\ HTTP/1.1\r\n" H "\r\n"), HTTP_BAD_TARGET },
	{ R("GET /?a=\"b\" HTTP/1.1\r\n" H "\r\n"), HTTP_BAD_TARGET },
	/* Fields. */
	{ R(GET " folded\r\n\r\n"), HTTP_BAD_FOLD },
	{ R(GET "X: y\r\n\tz\r\n\r\n"), HTTP_BAD_FOLD },
	{ R(GET "Content-Length:\r\n 3\r\n\r\n"), HTTP_BAD_LENGTH },
	{ R(GET ": y\r\n\r\n"), HTTP_BAD_FIELD },
	{ R(GET "X : y\r\n\r\n"), HTTP_BAD_FIELD },
	{ R(GET "X\t: y\r\n\r\n"), HTTP_BAD_FIELD },
	{ R(GET "X\r\n\r\n"), HTTP_BAD_FIELD },
	{ R(GET "X\x80: y\r\n\r\n"), HTTP_BAD_FIELD },
	{ R(GET "Content-Length : 3\r\n\r\nabc"), HTTP_BAD_FIELD },
	{ R(GET "Connection: \"close\"\r\n\r\n"), HTTP_BAD_FIELD },
	{ R(GET "Connection: close;x\r\n\r\n"), HTTP_BAD_FIELD },
	{ R(GET "Connection: close keep-alive\r\n\r\n"), HTTP_BAD_FIELD },
	{ R(GET "Connection: close\xe0keep-alive\r\n\r\n"),
	    HTTP_BAD_FIELD },
	{ R("GET / HTTP/1.1\r\n\r\n"), HTTP_BAD_HOST },
	{ R(GET H "\r\n"), HTTP_BAD_HOST },
	{ R(GET "hOST: y\r\n\r\n"), HTTP_BAD_HOST },
	{ R("GET / HTTP/1.0\r\n" H H "\r\n"), HTTP_BAD_HOST },
	{ R("GET / HTTP/1.1\r\nHost:\r\n\r\n"), HTTP_BAD_HOST },
	{ R("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), HTTP_BAD_HOST },
	{ R("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), HTTP_BAD_HOST },
	/* Lengths and codings. */
	{ R(GET "Content-Length: 3\r\nContent-Length: 4\r\n\r\n"),
	    HTTP_BAD_LENGTH },
	{ R(GET "Content-Length: 3\r\nContent-Length: 3\r\n\r\n"),
	    HTTP_BAD_LENGTH },
	{ R(GET "Content-Length: 3, 3\r\n\r\n"), HTTP_BAD_LENGTH },
	{ R(GET "Content-Length: +3\r\n\r\n"), HTTP_BAD_LENGTH },
	{ R(GET "Content-Length: -1\r\n\r\n"), HTTP_BAD_LENGTH },
	{ R(GET "Content-Length: 0x3\r\n\r\n"), HTTP_BAD_LENGTH },
	{ R(GET "Content-Length: 03\r\n\r\n"), HTTP_BAD_LENGTH },
	{ R(GET "Content-Length: 3 \t3\r\n\r\n"), HTTP_BAD_LENGTH },
	{ R(GET "Content-Length:\r\n\r\n"), HTTP_BAD_LENGTH },
	{ R(GET "Content-Length: 99999999999999999999\r\n\r\n"),
	    HTTP_BAD_LENGTH },
	{ R(GET "Content-Length: 4097\r\n\r\n"), HTTP_BAD_BODY_SIZE },
	{ R(GET "Content-Length: 999999999\r\n\r\n"), HTTP_BAD_BODY_SIZE },
	{ R(GET "Transfer-Encoding: chunked\r\n\r\n"), HTTP_BAD_CODING },
	{ R(GET "Transfer-Encoding: identity\r\n\r\n"), HTTP_BAD_CODING },
	{ R(GET "Content-Length: 3\r\ntransfer-encoding: xchunked\r\n\r\n"),
	    HTTP_BAD_CODING },
	{ R(GET "Transfer-Encoding:\r\n\r\n"), HTTP_BAD_CODING },
	{ R(GET "Expect: 100-continue\r\n\r\n"), HTTP_BAD_EXPECT },
	{ R(GET "Upgrade: h2c\r\n\r\n"), HTTP_BAD_UPGRADE },
	{ R(GET "Authorization: a\r\nAuthorization: a\r\n\r\n"),
	    HTTP_BAD_AUTHORIZATION },
};

static enum http_result
bytewise(struct http_request *r, const char *text, size_t len)
{
	enum http_result	 res = HTTP_MORE;
	size_t			 i;

	memset(r, 0, sizeof(*r));
	for (i = 0; i <= len && res == HTTP_MORE; i++)
		res = http_parse(r, text, i);
	return (res);
}

static void
test_table(void **state)
{
	struct http_request	 a, b;
	enum http_result	 res;
	const char		*why;
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memset(&a, 0, sizeof(a));
		res = http_parse(&a, table[i].text, table[i].len);
		if (res != table[i].res)
			fail_msg("row %zu: %s: %d", i, table[i].text, res);
		if (bytewise(&b, table[i].text, table[i].len) != res)
			fail_msg("row %zu: %s: differs byte by byte", i,
			    table[i].text);
		if (res == HTTP_WHOLE) {
			b.scan = a.scan;
			assert_memory_equal(&a, &b, sizeof(a));
		}
		if (res > HTTP_WHOLE) {
			assert_in_range(http_refusal(res, &why), 400, 505);
			assert_non_null(why);
		}
	}
}

/* The text is not looked at beyond len. */
static void
parse(struct http_request *r, const char *text)
{
	memset(r, 0, sizeof(*r));
	assert_int_equal(http_parse(r, text, strlen(text)), HTTP_WHOLE);
}

static void
test_fields(void **state)
{
	static const char	 text[] = "POST /start?id=1&x=%20 HTTP/1.1\r\n"
	    "host: 127.0.0.1:8080\r\nAUTHORIZATION: \t Bearer abc \r\n"
	    "content-length: 12\r\nSec-Fetch-Site: none\r\n\r\n";
	struct http_request	 r;

	(void)state;
	parse(&r, text);
	assert_int_equal(r.line, sizeof(text) - 1);
	assert_int_equal(r.method, HTTP_POST);
	assert_int_equal(r.body, 12);
	assert_int_equal(r.minor, 1);
	assert_int_equal(r.keepalive, 1);
	assert_int_equal(r.hostname, 0);
	assert_int_equal(r.seen, HTTP_SAW_HOST | HTTP_SAW_AUTHORIZATION |
	    HTTP_SAW_LENGTH | HTTP_SAW_BROWSER);
	assert_memory_equal(text + r.path.off, "/start", r.path.len);
	assert_int_equal(r.path.len, 6);
	assert_memory_equal(text + r.query.off, "id=1&x=%20", r.query.len);
	assert_int_equal(r.query.len, 10);
	assert_memory_equal(text + r.authorization.off, "Bearer abc", 10);
	assert_int_equal(r.authorization.len, 10);
	/* A whole head stays whole while its body comes. */
	assert_int_equal(http_parse(&r, text, sizeof(text) - 1), HTTP_WHOLE);
}

static void
test_methods(void **state)
{
	struct http_request	 r;

	(void)state;
	parse(&r, "HEAD / HTTP/1.0\r\n\r\n");
	assert_int_equal(r.method, HTTP_HEAD);
	parse(&r, "DELETE / HTTP/1.0\r\n\r\n");
	assert_int_equal(r.method, HTTP_OTHER);
	parse(&r, "Get / HTTP/1.0\r\n\r\n");
	assert_int_equal(r.method, HTTP_OTHER);
}

static void
test_keepalive(void **state)
{
	static const struct {
		const char	*text;
		int		 keep;
	} rows[] = {
		{ GET "\r\n", 1 },
		{ GET "Connection: close\r\n\r\n", 0 },
		{ GET "Connection: ClOsE\r\n\r\n", 0 },
		{ GET "Connection: foo , close\r\n\r\n", 0 },
		{ GET "Connection: closed\r\n\r\n", 1 },
		{ GET "Connection: keep-alive\r\nConnection: close\r\n\r\n",
		    0 },
		{ "GET / HTTP/1.0\r\n\r\n", 0 },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 1 },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
		    0 },
	};
	struct http_request	 r;
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parse(&r, rows[i].text);
		if (r.keepalive != rows[i].keep)
			fail_msg("%s: %d", rows[i].text, r.keepalive);
	}
}

static void
test_hostname(void **state)
{
	static const struct {
		const char	*host;
		int		 is_name;
	} rows[] = {
		{ "127.0.0.1", 0 }, { "127.0.0.1:80", 0 }, { "[::1]:8080", 0 },
		{ "localhost", 0 }, { "LocalHost:1", 0 }, { "evil.example", 1 },
		{ "localhost.evil.example", 1 }, { "127.0.0.1.nip.io", 1 },
		{ "localhos", 1 }, { ":80", 1 }, { "a[::1]", 1 },
	};
	struct http_request	 r;
	char			 text[128];
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text),
		    "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", rows[i].host);
		parse(&r, text);
		if (r.hostname != rows[i].is_name)
			fail_msg("%s: %d", rows[i].host, r.hostname);
	}
}

/* The longest head is taken, one byte more is not, whole or not. */
static void
test_size(void **state)
{
	static char		 text[HTTP_HEAD_MAX + 64];
	struct http_request	 r;
	size_t			 len;

	(void)state;
	len = (size_t)snprintf(text, sizeof(text), GET "X: ");
	memset(text + len, 'x', sizeof(text) - len);
	memcpy(text + HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
	memset(&r, 0, sizeof(r));
	assert_int_equal(http_parse(&r, text, sizeof(text)), HTTP_WHOLE);
	assert_int_equal(r.line, HTTP_HEAD_MAX);

	memset(text + HTTP_HEAD_MAX - 4, 'x', 4);
	memcpy(text + HTTP_HEAD_MAX - 3, "\r\n\r\n", 4);
	memset(&r, 0, sizeof(r));
	assert_int_equal(http_parse(&r, text, sizeof(text)),
	    HTTP_BAD_HEAD_SIZE);

	memset(text, 'x', sizeof(text));
	assert_int_equal(bytewise(&r, text, HTTP_HEAD_MAX - 1), HTTP_MORE);
	assert_int_equal(bytewise(&r, text, HTTP_HEAD_MAX),
	    HTTP_BAD_HEAD_SIZE);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_keepalive),
		cmocka_unit_test(test_hostname),
		cmocka_unit_test(test_size),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
