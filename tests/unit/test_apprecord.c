/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* broker/unpack/apprecord.c: what berth-init is told of an image. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

struct item {
	enum record_key	 key;
	const char	*value;
};

static void
expect(const char *name, const struct item *items, size_t n)
{
	struct blob	 b = sample_load("image-config", name);
	struct config	 c;
	struct record	 r;
	struct why	 why;
	const char	*value;
	size_t		 i, len, off = 0;

	assert_int_equal(config_parse(b.data, b.len, &c, &why), 0);
	assert_int_equal(apprecord_build(&c, &r, &why), 0);
	assert_int_equal(record_check(r.data, r.len), 0);
	for (i = 0; i < n; i++) {
		assert_int_equal(record_next(r.data, r.len, &off, &value,
		    &len), items[i].key);
		assert_string_equal(value, items[i].value);
	}
	assert_int_equal(record_next(r.data, r.len, &off, &value, &len),
	    REC_NONE);
	record_free(&r);
	config_free(&c);
	free(b.data);
}

static void
good(void **state)
{
	static const struct item	 items[] = {
		{ REC_ENTRYPOINT, "/entry.sh" }, { REC_ENTRYPOINT, "--flag" },
		{ REC_CMD, "redis-server" },
		{ REC_ENV, "PATH=/usr/bin:/bin" }, { REC_ENV, "TERM=xterm" },
		{ REC_USER, "redis:data" }, { REC_WORKDIR, "/data" },
		{ REC_STOPSIGNAL, "3" },
		{ REC_VOLUME, "/data" }, { REC_VOLUME, "/var/tmp" },
	};

	(void)state;
	expect("good", items, N(items));
	expect("good-minimal", NULL, 0);
	expect("good-nulls", NULL, 0);
}

/* Verbatim, but for what is no NAME=VALUE; no label is ever in it. */
static void
odd(void **state)
{
	static const struct item	 items[] = {
		{ REC_ENTRYPOINT, "entry.sh" },
		{ REC_CMD, "a" }, { REC_CMD, "" }, { REC_CMD, "b\nc" },
		{ REC_ENV, "A=1" }, { REC_ENV, "weird name=x" },
		{ REC_ENV, "A=2" }, { REC_ENV, "9X=1" },
		{ REC_ENV, "B.c-d=\xc3\xa9" }, { REC_ENV, "ESC=\x1b[0m" },
		{ REC_ENV, "C1=\xc2\x85" }, { REC_ENV, "LS=\xe2\x80\xa8" },
		{ REC_USER, "1000" }, { REC_WORKDIR, "relative" },
		{ REC_STOPSIGNAL, "37" },
		{ REC_VOLUME, "/A" }, { REC_VOLUME, "/a" },
		{ REC_VOLUME, "/a-2" }, { REC_VOLUME, "/b/c" },
	};

	(void)state;
	expect("good-odd", items, N(items));
}

static void
signals(void **state)
{
	static const struct {
		const char	*name;
		int		 number;
	} rows[] = {
		{ "SIGTERM", 15 }, { "TERM", 15 }, { "sigterm", 15 },
		{ "15", 15 }, { "015", -1 }, { "09", 9 }, { "1", 1 },
		{ "64", 64 }, { "65", -1 }, { "0", -1 }, { "-1", -1 },
		{ "+9", -1 }, { "0x9", -1 }, { "SIGKILL", 9 },
		{ "SIGWINCH", 28 }, { "SIGIO", 29 }, { "SIGPOLL", 29 },
		{ "SIGIOT", 6 }, { "SIGCLD", 17 }, { "SIGSYS", 31 },
		{ "SIGRTMIN", 34 }, { "SIGRTMIN+3", 37 }, { "RTMIN+30", 64 },
		{ "RTMIN+31", -1 }, { "RTMIN-1", -1 }, { "RTMAX", 64 },
		{ "SIGRTMAX-30", 34 }, { "RTMAX-31", -1 }, { "RTMAX+1", -1 },
		{ "RTMIN+", -1 }, { "RTMIN+3x", -1 }, { "RT", -1 },
		{ "SIGSIGTERM", -1 }, { "SIG15", -1 }, { "", -1 },
		{ "TERM\n", -1 }, { "SIGRTMI", -1 },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < N(rows); i++)
		if (apprecord_signal(rows[i].name) != rows[i].number)
			fail_msg("%s: %d, not %d", rows[i].name,
			    apprecord_signal(rows[i].name), rows[i].number);
}

/* More words than a record may hold. */
static void
too_many(void **state)
{
	static const char	 head[] = "{\"os\":\"linux\",\"architecture\":"
				    "\"amd64\",\"rootfs\":{},\"config\":"
				    "{\"Env\":[";
	struct config	 c;
	struct record	 r;
	struct why	 why;
	char		*text, *p;
	size_t		 i;

	(void)state;
	assert_non_null(text = malloc(512 + 8 * RECORD_ITEMS_MAX));
	p = text + sprintf(text, "%s", head);
	for (i = 0; i < RECORD_ITEMS_MAX; i++)
		p += sprintf(p, "%s\"A=1\"", i > 0 ? "," : "");
	p += sprintf(p, "]}}");
	assert_int_equal(config_parse(text, (size_t)(p - text), &c, &why), 0);
	assert_int_equal(apprecord_build(&c, &r, &why), -1);
	assert_non_null(strstr(why.text, "more than 65536 items"));
	record_free(&r);
	config_free(&c);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(odd),
		cmocka_unit_test(signals),
		cmocka_unit_test(too_many),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
