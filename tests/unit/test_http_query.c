/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * worker/http/http_query.c: queries to indexes and values, and each reason
 * to refuse one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../worker/http/http.h"

static const struct http_app	 apps[] = {
	{ "one", 3, {
		{ "id", 0 },
		{ "alias", 0 },
		{ "token", PARAM_REQUIRED | PARAM_SECRET },
	} },
	{ "two", 1, { { "id", 0 } } },
};

#define T	"token=t"
#define U(esc)	T "&id=" esc	/* id with an escaped value */

static const struct {
	const char	*query;
	enum query_error error;
	const char	*name;
	const char	*values;	/* "index=value;" each */
} one[] = {
	{ T, QUERY_OK, "", "2=t;" },
	{ T "&id=7", QUERY_OK, "", "2=t;0=7;" },
	{ "id=7&" T, QUERY_OK, "", "0=7;2=t;" },
	{ "alias=a&id=7&" T, QUERY_OK, "", "1=a;0=7;2=t;" },
	{ T "&id=", QUERY_OK, "", "2=t;0=;" },
	{ T "&id=a=b", QUERY_OK, "", "2=t;0=a=b;" },
	{ T "&id=a?b", QUERY_OK, "", "2=t;0=a?b;" },
	{ T "&id=a+b%20c%2B", QUERY_OK, "", "2=t;0=a b c+;" },
	{ T "&%69d=%2f%2F", QUERY_OK, "", "2=t;0=//;" },
	{ T "&id=%26%3D%25", QUERY_OK, "", "2=t;0=&=%;" },
	{ T "&app=one", QUERY_OK, "", "2=t;" },
	{ "app=one&" T "&id=1", QUERY_OK, "", "2=t;0=1;" },
	{ U("caf%C3%A9"), QUERY_OK, "", "2=t;0=caf\xc3\xa9;" },
	{ U("%F0%9F%9A%A2"), QUERY_OK, "", "2=t;0=\xf0\x9f\x9a\xa2;" },
	{ U("%EF%BF%BF"), QUERY_OK, "", "2=t;0=\xef\xbf\xbf;" },
	{ U("--help"), QUERY_OK, "", "2=t;0=--help;" },
	/* Form. */
	{ "", QUERY_MISSING, "token", NULL },
	{ "token", QUERY_SYNTAX, "", NULL },
	{ "=t", QUERY_SYNTAX, "", NULL },
	{ T "&", QUERY_SYNTAX, "", NULL },
	{ "&" T, QUERY_SYNTAX, "", NULL },
	{ T "&&id=1", QUERY_SYNTAX, "", NULL },
	{ T "&id", QUERY_SYNTAX, "", NULL },
	{ T ";id=1", QUERY_OK, "", "2=t;id=1;" },	/* no separator */
	/* Escapes. */
	{ U("%"), QUERY_ESCAPE, "id", NULL },
	{ U("%2"), QUERY_ESCAPE, "id", NULL },
	{ U("%zz"), QUERY_ESCAPE, "id", NULL },
	{ U("%2g"), QUERY_ESCAPE, "id", NULL },
	{ U("% 1"), QUERY_ESCAPE, "id", NULL },
	{ U("%u0041"), QUERY_ESCAPE, "id", NULL },
	{ T "&%6=1", QUERY_ESCAPE, "", NULL },
	/* Bytes. */
	{ U("%00"), QUERY_BYTES, "id", NULL },
	{ U("a%00b"), QUERY_BYTES, "id", NULL },
	{ U("%0a"), QUERY_BYTES, "id", NULL },
	{ U("%0D"), QUERY_BYTES, "id", NULL },
	{ U("%09"), QUERY_BYTES, "id", NULL },
	{ U("%1b[31m"), QUERY_BYTES, "id", NULL },
	{ U("%7f"), QUERY_BYTES, "id", NULL },
	{ U("%80"), QUERY_BYTES, "id", NULL },
	{ U("%C3"), QUERY_BYTES, "id", NULL },
	{ U("%C3a"), QUERY_BYTES, "id", NULL },
	{ U("%C0%AF"), QUERY_BYTES, "id", NULL },
	{ U("%C2%85"), QUERY_BYTES, "id", NULL },
	{ U("%E0%80%AF"), QUERY_BYTES, "id", NULL },
	{ U("%E2%82"), QUERY_BYTES, "id", NULL },
	{ U("%ED%A0%80"), QUERY_BYTES, "id", NULL },
	{ U("%F4%90%80%80"), QUERY_BYTES, "id", NULL },
	{ U("%F0%80%80%AF"), QUERY_BYTES, "id", NULL },
	{ U("%FF"), QUERY_BYTES, "id", NULL },
	/* Names. */
	{ T "&foo=1", QUERY_UNDECLARED, "foo", NULL },
	{ T "&ID=1", QUERY_UNDECLARED, "ID", NULL },
	{ T "&id%20=1", QUERY_UNDECLARED, "", NULL },
	{ T "&%3Cb%3E=1", QUERY_UNDECLARED, "", NULL },
	{ T "&i%64s=1", QUERY_UNDECLARED, "ids", NULL },
	{ T "&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "=1", QUERY_UNDECLARED, "", NULL },
	{ T "&image=docker://x", QUERY_UNDECLARED, "image", NULL },
	{ T "&id=1&id=2", QUERY_TWICE, "id", NULL },
	{ T "&" T, QUERY_TWICE, "token", NULL },
	{ T "&id=1&%69d=1", QUERY_TWICE, "id", NULL },
	{ "id=1", QUERY_MISSING, "token", NULL },
	{ "token=", QUERY_EMPTY, "token", NULL },
	{ "token=&id=1", QUERY_EMPTY, "token", NULL },
	{ T "&app=two", QUERY_APP_UNKNOWN, "", NULL },
	{ T "&app=", QUERY_APP_UNKNOWN, "", NULL },
	{ T "&app=one&app=one", QUERY_TWICE, "app", NULL },
};

static void
values(const struct msg_http_start *m, char *buf, size_t size)
{
	uint32_t	 i;
	size_t		 o = 0;

	buf[0] = '\0';
	for (i = 0; i < m->n; i++) {
		assert_int_equal(strlen(m->data + m->v[i].off), m->v[i].len);
		o += (size_t)snprintf(buf + o, size - o, "%u=%s;",
		    m->v[i].param, m->data + m->v[i].off);
	}
}

static void
test_one(void **state)
{
	struct msg_http_start	 m;
	struct query_why	 why;
	char			 buf[8192];
	size_t			 i;
	int			 r;

	(void)state;
	for (i = 0; i < sizeof(one) / sizeof(one[0]); i++) {
		memset(&why, 0, sizeof(why));
		r = http_query(one[i].query, strlen(one[i].query), apps, 1, 1,
		    &m, &why);
		if (why.error != one[i].error || (r == 0) !=
		    (one[i].error == QUERY_OK))
			fail_msg("%s: %d", one[i].query, why.error);
		if (one[i].error >= QUERY_UNDECLARED)
			assert_string_equal(why.name, one[i].name);
		if (r == 0) {
			values(&m, buf, sizeof(buf));
			assert_string_equal(buf, one[i].values);
		} else {
			query_text(&why, buf, sizeof(buf));
			assert_in_range(strlen(buf), 8, 200);
		}
	}
}

static void
test_apps(void **state)
{
	static const struct {
		const char	*query;
		int		 takes;
		enum query_error error;
		uint32_t	 app;
	} rows[] = {
		{ "app=two", 1, QUERY_OK, 1 },
		{ "app=two&id=1", 1, QUERY_OK, 1 },
		{ "id=1&app=two", 1, QUERY_OK, 1 },
		{ "app=one&" T, 1, QUERY_OK, 0 },
		{ "app=two&" T, 1, QUERY_UNDECLARED, 0 },
		{ "id=1", 1, QUERY_APP_NEEDED, 0 },
		{ "", 1, QUERY_APP_NEEDED, 0 },
		{ "app=three", 1, QUERY_APP_UNKNOWN, 0 },
		{ "app=one", 1, QUERY_MISSING, 0 },
		{ "app=one", 0, QUERY_OK, 0 },
		{ "app=two", 0, QUERY_OK, 1 },
		{ "app=two&id=1", 0, QUERY_UNDECLARED, 0 },
		{ "", 0, QUERY_APP_NEEDED, 0 },
	};
	struct msg_http_start	 m;
	struct query_why	 why;
	size_t			 i;
	int			 r;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&why, 0, sizeof(why));
		r = http_query(rows[i].query, strlen(rows[i].query), apps, 2,
		    rows[i].takes, &m, &why);
		if (why.error != rows[i].error)
			fail_msg("%s: %d", rows[i].query, why.error);
		if (r == 0)
			assert_int_equal(m.app, rows[i].app);
	}
	/* /stop of the only app */
	assert_int_equal(http_query("", 0, apps, 1, 0, &m, &why), 0);
	assert_int_equal(m.app, 0);
}

/* All values and their NULs fill the message, and not one byte more. */
static void
test_full(void **state)
{
	char			 q[2 * HTTP_QUERY_MAX];
	struct msg_http_start	 m;
	struct query_why	 why;
	size_t			 n;

	(void)state;
	n = (size_t)snprintf(q, sizeof(q), T "&id=");
	memset(q + n, 'x', sizeof(q) - n);
	assert_int_equal(http_query(q, n + HTTP_QUERY_MAX - 3, apps, 1, 1, &m,
	    &why), 0);
	assert_int_equal(m.data[HTTP_QUERY_MAX - 1], '\0');
	assert_int_equal(m.data[HTTP_QUERY_MAX - 2], 'x');
	assert_int_equal(http_query(q, n + HTTP_QUERY_MAX - 2, apps, 1, 1, &m,
	    &why), -1);
	assert_int_equal(why.error, QUERY_LONG);
	/* Nothing is left for the NUL of an empty value. */
	memcpy(q + n + HTTP_QUERY_MAX - 3, "&alias=", 7);
	assert_int_equal(http_query(q, n + HTTP_QUERY_MAX + 4, apps, 1, 1, &m,
	    &why), -1);
	assert_int_equal(why.error, QUERY_LONG);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_apps),
		cmocka_unit_test(test_full),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
