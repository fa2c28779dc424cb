/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* broker/init/appconfig.c: image and command line merged by Docker's rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../broker/init/init.h"
#include "../../common/record.h"

struct pair {
	enum record_key	 key;
	const char	*value;
};

static struct record	 app, run;
static struct appconfig	 conf;

static void
fill(struct record *r, const struct pair *pairs)
{
	record_init(r);
	for (; pairs->key != REC_NONE; pairs++)
		record_add(r, pairs->key, pairs->value, strlen(pairs->value));
	assert_int_equal(r->error, 0);
}

#define A(...)	((const struct pair[]){ __VA_ARGS__, { REC_NONE, NULL } })
#define NOTHING	((const struct pair[]){ { REC_NONE, NULL } })

static enum appconfig_error
merge(const struct pair *a, const struct pair *r)
{
	fill(&app, a);
	fill(&run, r);
	return (appconfig_merge(&conf, app.data, app.len, run.data, run.len));
}

static void
done(void)
{
	appconfig_free(&conf);
	record_free(&app);
	record_free(&run);
}

/* The list, joined with "|". */
static const char *
joined(const char *const *list)
{
	static char	 buf[512];

	buf[0] = '\0';
	for (; *list != NULL; list++) {
		strcat(buf, *list);
		if (list[1] != NULL)
			strcat(buf, "|");
	}
	return (buf);
}

static void
check_argv(const struct pair *r, const char *expected)
{
	assert_int_equal(merge(A({ REC_ENTRYPOINT, "e1" },
	    { REC_ENTRYPOINT, "e2" }, { REC_CMD, "c1" }, { REC_CMD, "" }), r),
	    APPCONFIG_OK);
	assert_string_equal(joined(conf.argv), expected);
	assert_null(conf.argv[conf.argc]);
	done();
}

static void
test_command(void **state)
{
	(void)state;
	check_argv(NOTHING, "e1|e2|c1|");
	check_argv(A({ REC_HASARGS, "" }), "e1|e2");
	check_argv(A({ REC_HASARGS, "" }, { REC_ARG, "a" }, { REC_ARG, "b" }),
	    "e1|e2|a|b");
	check_argv(A({ REC_EXEC, "x" }), "x");
	check_argv(A({ REC_EXEC, "x" }, { REC_HASARGS, "" },
	    { REC_ARG, "a" }), "x|a");
}

static void
test_no_command(void **state)
{
	(void)state;
	assert_int_equal(merge(NOTHING, NOTHING), APPCONFIG_COMMAND);
	done();
	assert_int_equal(merge(A({ REC_CMD, "c" }), A({ REC_HASARGS, "" })),
	    APPCONFIG_COMMAND);
	done();
	assert_int_equal(merge(NOTHING, A({ REC_HASARGS, "" },
	    { REC_ARG, "a" })), APPCONFIG_OK);
	assert_string_equal(joined(conf.argv), "a");
	done();
}

static void
test_environment(void **state)
{
	(void)state;
	assert_int_equal(merge(A({ REC_CMD, "c" }, { REC_ENV, "A=1" },
	    { REC_ENV, "B=1" }, { REC_ENV, "A=2" }, { REC_ENV, "=x" },
	    { REC_ENV, "bare" }, { REC_ENV, "AB=y" }, { REC_ENV, "bare" }),
	    A({ REC_ENVIRONMENT, "C=3" }, { REC_SETENV, "C=2" },
	    { REC_SETENV, "B=2" })), APPCONFIG_OK);
	assert_string_equal(joined(conf.env), "A=2|B=2|=x|bare|AB=y|C=3");
	assert_string_equal(appconfig_env(&conf, "A"), "2");
	assert_null(appconfig_env(&conf, "bare"));
	appconfig_default(&conf, "A=no");
	appconfig_default(&conf, "D=4");
	assert_string_equal(joined(conf.env), "A=2|B=2|=x|bare|AB=y|C=3|D=4");
	done();
}

/* Ten thousands of names take no time. */
static void
test_large_environment(void **state)
{
	char	 entry[64];
	int	 i;

	(void)state;
	record_init(&app);
	record_init(&run);
	record_add(&app, REC_CMD, "c", 1);
	for (i = 0; i < 60000; i++) {
		snprintf(entry, sizeof(entry), "NAME%d=%d", i % 30000, i);
		record_add(&app, REC_ENV, entry, strlen(entry));
	}
	assert_int_equal(appconfig_merge(&conf, app.data, app.len, run.data,
	    run.len), APPCONFIG_OK);
	assert_int_equal(conf.nenv, 30000);
	assert_string_equal(conf.env[0], "NAME0=30000");
	done();
}

static void
test_user_and_directory(void **state)
{
	(void)state;
	assert_int_equal(merge(A({ REC_CMD, "c" }), NOTHING), APPCONFIG_OK);
	assert_string_equal(conf.user, "");
	assert_null(conf.group);
	assert_string_equal(conf.workdir, "/");
	done();
	assert_int_equal(merge(A({ REC_CMD, "c" }, { REC_USER, "u:g" },
	    { REC_WORKDIR, "/w" }), A({ REC_RUNGROUP, "h" })), APPCONFIG_OK);
	assert_string_equal(conf.user, "u:g");
	assert_string_equal(conf.group, "h");
	assert_string_equal(conf.workdir, "/w");
	done();
	assert_int_equal(merge(A({ REC_CMD, "c" }, { REC_USER, "u:g" },
	    { REC_WORKDIR, "" }), A({ REC_RUNUSER, "v" },
	    { REC_RUNWORKDIR, "/x" })), APPCONFIG_OK);
	assert_string_equal(conf.user, "v");
	assert_string_equal(conf.workdir, "/x");
	done();
}

static void
test_stop_signal(void **state)
{
	static const char *const bad[] = { "", "0", "65", "99", "-9", "+9",
		"09", "9 ", "SIGKILL", "100", "4294967305" };
	size_t	 i;

	(void)state;
	assert_int_equal(merge(A({ REC_CMD, "c" }), NOTHING), APPCONFIG_OK);
	assert_int_equal(conf.stopsignal, 15);
	done();
	assert_int_equal(merge(A({ REC_CMD, "c" }, { REC_STOPSIGNAL, "3" }),
	    NOTHING), APPCONFIG_OK);
	assert_int_equal(conf.stopsignal, 3);
	done();
	assert_int_equal(merge(A({ REC_CMD, "c" }, { REC_STOPSIGNAL, "64" }),
	    NOTHING), APPCONFIG_OK);
	done();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(merge(A({ REC_CMD, "c" },
		    { REC_STOPSIGNAL, bad[i] }), NOTHING),
		    APPCONFIG_STOPSIGNAL);
		assert_string_equal(conf.bad, bad[i]);
		done();
	}
}

static void
test_volumes(void **state)
{
	static const char *const bad[] = { "", "/", "//", "/.", "data",
		"/proc", "/proc/x", "//proc", "/./dev", "/sys/", "/dev/shm",
		"/..", "/a/..", "/a/../b", "/a/.." };
	size_t	 i;

	(void)state;
	assert_int_equal(merge(A({ REC_CMD, "c" }, { REC_VOLUME, "/data" },
	    { REC_VOLUME, "/var/proc" }, { REC_VOLUME, "/process" },
	    { REC_VOLUME, "/a/..b" }), NOTHING), APPCONFIG_OK);
	assert_int_equal(conf.nvolumes, 4);
	done();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(merge(A({ REC_CMD, "c" },
		    { REC_VOLUME, bad[i] }), NOTHING), APPCONFIG_VOLUME);
		done();
	}
}

/* An image cannot say what only the caller may, nor the reverse. */
static void
test_foreign_items(void **state)
{
	(void)state;
	assert_int_equal(merge(A({ REC_CMD, "c" }, { REC_EXEC, "x" }),
	    NOTHING), APPCONFIG_APP);
	done();
	assert_int_equal(merge(A({ REC_CMD, "c" }), A({ REC_ENV, "A=1" })),
	    APPCONFIG_RUN);
	done();
	assert_int_equal(merge(A({ REC_CMD, "c" }, { REC_USER, "a" },
	    { REC_USER, "b" }), NOTHING), APPCONFIG_TWICE);
	assert_string_equal(conf.bad, "b");
	done();
	assert_int_equal(appconfig_merge(&conf, "berthR1", 7, "", 0),
	    APPCONFIG_APP);
	appconfig_free(&conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_no_command),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_large_environment),
		cmocka_unit_test(test_user_and_directory),
		cmocka_unit_test(test_stop_signal),
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_foreign_items),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
