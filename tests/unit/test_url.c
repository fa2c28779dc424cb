/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* worker/fetch/url.c: which URLs of a registry are followed, and where to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../worker/fetch/fetch.h"

static const struct {
	const char	*text;
	const char	*scheme, *host;
	unsigned int	 port;
	const char	*shown, *sent;
} good[] = {
	{ "https://h.x/a?b=c#d", "https", "h.x", 443, "h.x",
	    "https://h.x/a?b=c" },
	{ "HTTP://H.X:80/a", "http", "h.x", 80, "h.x", NULL },
	{ "http://h.x:8080", "http", "h.x", 8080, "h.x:8080",
	    "http://h.x:8080/" },
	{ "https://[::1]:5000/", "https", "[::1]", 5000, "[::1]:5000", NULL },
	{ "http://127.0.0.1/", "http", "127.0.0.1", 80, "127.0.0.1", NULL },
	/* an address in disguise is one to the judge as well */
	{ "http://0x7f.1/", "http", "127.0.0.1", 80, "127.0.0.1", NULL },
};

static const struct {
	const char	*text;
	enum url_error	 error;
} bad[] = {
	{ "", URL_BAD },
	{ "/a", URL_SCHEME },
	{ "h.x/a", URL_SCHEME },
	{ "file:///etc/passwd", URL_SCHEME },
	{ "gopher://h.x/", URL_SCHEME },
	{ "scp://h.x/", URL_SCHEME },
	{ "ftp://h.x/", URL_SCHEME },
	{ "javascript:alert(1)", URL_SCHEME },
	{ "https:/h.x/a", URL_BAD },
	{ "h.x:80/a", URL_SCHEME },
	{ "https://u:p@h.x/", URL_USER },
	{ "https://u@h.x/", URL_USER },
	{ "https://", URL_BAD },
	{ "https:///a", URL_BAD },
	{ "https://h.x:0/", URL_BAD },
	{ "https://h.x:65536/", URL_BAD },
	{ "https://h.x:x/", URL_BAD },
	{ "https://h .x/", URL_BAD },
	{ "https://h.x/\r\nX: y", URL_BAD },
	{ "https://h.x/a\\b", URL_BAD },
	{ "https:\\\\h.x", URL_BAD },
	{ "https://h\xc3\xa9.x/", URL_BAD },
	{ "https://[fe80::1%25eth0]/", URL_BAD },
	{ "https://h%e7.x/", URL_BAD },
	{ "https://h%c3%a9.x/", URL_BAD },
	{ "https://h%26.x/", URL_BAD },
	{ "https://%68.x/", URL_BAD },
	{ "http://0x7f%33/", URL_BAD },
};

static const struct {
	const char	*base, *location;
	enum url_error	 error;
	const char	*to;
} moves[] = {
	{ "https://h.x/v2/a/b", "https://c.x/d?s=%20", URL_OK,
	    "https://c.x/d?s=%20" },
	{ "https://h.x/v2/a/b", "/d", URL_OK, "https://h.x/d" },
	{ "https://h.x/v2/a/b", "d", URL_OK, "https://h.x/v2/a/d" },
	{ "https://h.x/v2/a/b", "../d", URL_OK, "https://h.x/v2/d" },
	{ "https://h.x/v2/a/b", "?q", URL_OK, "https://h.x/v2/a/b?q" },
	{ "https://h.x/v2/a/b", "//c.x/d", URL_OK, "https://c.x/d" },
	{ "http://h.x/a", "https://h.x/a", URL_OK, "https://h.x/a" },
	{ "http://h.x/a", "http://c.x/a", URL_OK, "http://c.x/a" },
	{ "https://h.x/a", "http://h.x/a", URL_DOWNGRADE, NULL },
	{ "https://h.x/a", "file:///etc/passwd", URL_SCHEME, NULL },
	{ "https://h.x/a", "///c.x/a", URL_BAD, NULL },
	{ "https://h.x/a", "https://u:p@h.x/a", URL_USER, NULL },
	{ "https://h.x/a", "//u@c.x/a", URL_USER, NULL },
	{ "https://h.x/a", "", URL_BAD, NULL },
	{ "https://h.x/a", "/a b", URL_BAD, NULL },
	{ "https://h.x/a", "//%63.x/a", URL_BAD, NULL },
	{ "https://h.x/a", "b//%63", URL_OK, "https://h.x/b//%63" },
	{ "https://h.x/a", "/%63.x//%63", URL_OK, "https://h.x/%63.x//%63" },
};

static void
test_parse(void **state)
{
	struct url	 u;
	char		 host[300];
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (url_parse(good[i].text, &u) != URL_OK)
			fail_msg("refused: %s", good[i].text);
		assert_string_equal(u.scheme, good[i].scheme);
		assert_string_equal(u.host, good[i].host);
		assert_int_equal(u.port, good[i].port);
		url_host(&u, host, sizeof(host));
		assert_string_equal(host, good[i].shown);
		if (good[i].sent != NULL)
			assert_string_equal(u.text, good[i].sent);
		url_free(&u);
		url_free(&u);
	}
}

static void
test_refuse(void **state)
{
	enum url_error	 error;
	struct url	 u;
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		error = url_parse(bad[i].text, &u);
		if (error != bad[i].error)
			fail_msg("\"%s\": got \"%s\", not \"%s\"",
			    bad[i].text, url_strerror(error),
			    url_strerror(bad[i].error));
		assert_null(u.text);
	}
}

static void
test_long(void **state)
{
	struct url	 u;
	char		 text[URL_MAXLEN + 2];

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "https://h.x/", 12);
	text[URL_MAXLEN + 1] = '\0';
	assert_int_equal(url_parse(text, &u), URL_LONG);
	text[URL_MAXLEN] = '\0';
	assert_int_equal(url_parse(text, &u), URL_OK);
	url_free(&u);
}

static void
test_resolve(void **state)
{
	enum url_error	 error;
	struct url	 base, to;
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		assert_int_equal(url_parse(moves[i].base, &base), URL_OK);
		error = url_resolve(&base, moves[i].location, &to);
		if (error != moves[i].error)
			fail_msg("\"%s\": got \"%s\", not \"%s\"",
			    moves[i].location, url_strerror(error),
			    url_strerror(moves[i].error));
		if (error == URL_OK)
			assert_string_equal(to.text, moves[i].to);
		else
			assert_null(to.text);
		url_free(&to);
		url_free(&base);
	}
}

static void
test_origin(void **state)
{
	static const char	*const other[] = { "http://h.x/",
		"https://h.y/", "https://h.x:444/", "https://a.h.x/",
		"https://h.x.y/" };
	struct url		 a, b;
	size_t			 i;

	(void)state;
	assert_int_equal(url_parse("https://h.x/a", &a), URL_OK);
	assert_int_equal(url_parse("https://H.x:443/b", &b), URL_OK);
	assert_true(url_same_origin(&a, &b));
	url_free(&b);
	for (i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		assert_int_equal(url_parse(other[i], &b), URL_OK);
		assert_false(url_same_origin(&a, &b));
		url_free(&b);
	}
	url_free(&a);
}

/* What a registry says cannot become another parameter. */
static void
test_token(void **state)
{
	struct url	 u;

	(void)state;
	assert_int_equal(url_token("https://a.x/t", "s", "repository:a:pull",
	    &u), URL_OK);
	assert_string_equal(u.text,
	    "https://a.x/t?service=s&scope=repository%3aa%3apull");
	url_free(&u);
	assert_int_equal(url_token("https://a.x/t?k=v#f", "a&scope=b", "",
	    &u), URL_OK);
	assert_string_equal(u.text,
	    "https://a.x/t?k=v&service=a%26scope%3db");
	url_free(&u);
	assert_int_equal(url_token("https://a.x/t", "", "a#b c\r\n%", &u),
	    URL_OK);
	assert_string_equal(u.text,
	    "https://a.x/t?scope=a%23b+c%0d%0a%25");
	url_free(&u);
	assert_int_equal(url_token("https://u@a.x/t", "", "", &u), URL_USER);
	assert_int_equal(url_token("/t", "", "", &u), URL_SCHEME);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_origin),
		cmocka_unit_test(test_token),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
