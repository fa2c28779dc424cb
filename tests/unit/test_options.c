/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Quantities, variables, lists and command lines of berth(1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../worker/cli/cli.h"

static void
test_memory(void **state)
{
	static const struct {
		const char	*s;
		uint64_t	 bytes;		/* 0: refused */
	} t[] = {
		{ "1", 1 }, { "4096", 4096 }, { "64M", 64000000 },
		{ "64Mi", 64 << 20 }, { "1K", 1000 }, { "1Ki", 1024 },
		{ "2G", 2000000000 }, { "1Gi", 1 << 30 },
		{ "1.5Gi", 3ULL << 29 }, { "0.5K", 500 }, { "0.1", 1 },
		{ "9223372036854775807", INT64_MAX },
		{ "9223372036854775808", 0 }, { "18446744073709551616", 0 },
		{ "99999999999Gi", 0 }, { "", 0 }, { "0", 0 }, { "0M", 0 },
		{ "M", 0 }, { "-1", 0 }, { "+1", 0 }, { " 1", 0 },
		{ "1 M", 0 }, { "1MB", 0 }, { "1m", 0 }, { "1k", 0 },
		{ "0x10", 0 }, { "1.", 0 }, { ".5M", 0 }, { "1.2.3", 0 },
		{ "1e9", 0 }, { "lots", 0 }, { "1.0000000000G", 0 },
	};
	uint64_t	 bytes;
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		bytes = 0;
		if (t[i].bytes == 0) {
			if (value_memory(t[i].s, &bytes) == NULL)
				fail_msg("%s is taken", t[i].s);
			assert_int_equal(bytes, 0);
		} else {
			assert_null(value_memory(t[i].s, &bytes));
			assert_int_equal(bytes, t[i].bytes);
		}
	}
}

static void
test_cpu(void **state)
{
	static const struct {
		const char	*s;
		uint32_t	 milli;		/* 0: refused */
	} t[] = {
		{ "1", 1000 }, { "1.5", 1500 }, { "500m", 500 },
		{ "1500m", 1500 }, { "0.001", 1 }, { "1m", 1 },
		{ "1000000", 1000000000 }, { "1000001", 0 }, { "0", 0 },
		{ "0.0005", 0 }, { "0m", 0 }, { "1.5m", 0 }, { "", 0 },
		{ "m", 0 }, { "0x", 0 }, { "-1", 0 }, { "1 ", 0 },
		{ "1M", 0 }, { "4294967296", 0 },
	};
	uint32_t	 milli;
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		milli = 0;
		assert_int_equal(value_cpu(t[i].s, &milli) == NULL,
		    t[i].milli != 0);
		assert_int_equal(milli, t[i].milli);
	}
}

static void
test_count(void **state)
{
	uint32_t	 n = 0;

	(void)state;
	assert_null(value_count("512", &n));
	assert_int_equal(n, 512);
	assert_null(value_count("4194304", &n));
	assert_non_null(value_count("4194305", &n));
	assert_non_null(value_count("0", &n));
	assert_non_null(value_count("-1", &n));
	assert_non_null(value_count("1.5", &n));
	assert_non_null(value_count("max", &n));
	assert_non_null(value_count("", &n));
}

/* The bits of a list, or UINT32_MAX when it is refused. */
static uint32_t
insecure(const char *s)
{
	uint32_t	 bits = 0, seen = 0;

	return (value_insecure(s, &bits, &seen) == NULL ? bits : UINT32_MAX);
}

static void
test_insecure(void **state)
{
	uint32_t	 bits = 0, seen = 0;

	(void)state;
	assert_int_equal(insecure("none"), 0);
	assert_int_equal(insecure("image"), INSECURE_IMAGE);
	assert_int_equal(insecure("IMAGE,Http"),
	    INSECURE_IMAGE | INSECURE_HTTP);
	assert_int_equal(insecure("all-fetch"), INSECURE_ALL_FETCH);
	assert_int_equal(insecure("all-run"), INSECURE_ALL_RUN);
	assert_int_equal(insecure("all"), INSECURE_ALL);
	assert_int_equal(insecure("all,image"), INSECURE_ALL);
	assert_int_equal(insecure("image,image"), UINT32_MAX);
	assert_int_equal(insecure("image,none"), UINT32_MAX);
	assert_int_equal(insecure("none,image"), UINT32_MAX);
	assert_int_equal(insecure("imagine"), UINT32_MAX);
	assert_int_equal(insecure("ima"), UINT32_MAX);
	assert_int_equal(insecure(""), UINT32_MAX);
	assert_int_equal(insecure("image,"), UINT32_MAX);
	assert_int_equal(insecure(",image"), UINT32_MAX);
	assert_int_equal(insecure("image http"), UINT32_MAX);
	/* given in two pieces, a word twice is still twice */
	assert_null(value_insecure("image", &bits, &seen));
	assert_null(value_insecure("tls", &bits, &seen));
	assert_int_equal(bits, INSECURE_IMAGE | INSECURE_TLS);
	assert_non_null(value_insecure("image", &bits, &seen));
}

static void
test_platform(void **state)
{
	struct msg_platform	 p;

	(void)state;
	assert_null(value_platform("linux/arm/v7", &p));
	assert_string_equal(p.os, "linux");
	assert_string_equal(p.arch, "arm");
	assert_string_equal(p.variant, "v7");
	assert_null(value_platform("linux/amd64", &p));
	assert_string_equal(p.variant, "");
	assert_non_null(value_platform("linux", &p));
	assert_non_null(value_platform("linux/", &p));
	assert_non_null(value_platform("/amd64", &p));
	assert_non_null(value_platform("linux/arm/", &p));
	assert_non_null(value_platform("linux/arm/v7/x", &p));
	assert_non_null(value_platform("Linux/amd64", &p));
	assert_non_null(value_platform(
	    "linux/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &p));
	value_platform_here(&p);
	assert_string_equal(p.os, "linux");
	assert_string_not_equal(p.arch, "");
}

static void
test_env(void **state)
{
	struct strings	 list = { 0 };

	(void)state;
	assert_null(value_env("A=b", &list));
	assert_null(value_env("A=", &list));
	assert_null(value_env("odd name=b=c\nd", &list));
	assert_non_null(value_env("A", &list));
	assert_non_null(value_env("=b", &list));
	assert_non_null(value_env("", &list));
	assert_int_equal(strings_add(&list, "A=b"), 0);
	assert_non_null(value_env("A=c", &list));
	assert_null(value_env("AA=c", &list));
	strings_free(&list);
}

/* Parses words split at blanks; '_' stands for an empty one. */
static int
parse(struct options *o, char *why, const char *line)
{
	static char	 buf[1024];
	static char	*argv[64];
	char		*word, *save = NULL;
	int		 argc = 0;

	strcpy(buf, line);
	argv[argc++] = (char *)(uintptr_t)"berth";
	for (word = strtok_r(buf, " ", &save); word != NULL;
	    word = strtok_r(NULL, " ", &save))
		argv[argc++] = strcmp(word, "_") == 0 ? word + 1 : word;
	argv[argc] = NULL;
	return (options_parse(o, argc, argv, why, 512));
}

static void
test_lines(void **state)
{
	static const struct {
		const char	*line;
		enum command	 command;
		size_t		 operands;
	} t[] = {
		{ "fetch docker://x", CMD_FETCH, 1 },
		{ "fetch a b c", CMD_FETCH, 3 },
		{ "--dir=/x fetch a", CMD_FETCH, 1 },
		{ "--dir /x fetch a", CMD_FETCH, 1 },
		{ "fetch --dir=/x a", CMD_FETCH, 1 },
		{ "fetch a --dir=/x", CMD_FETCH, 1 },
		{ "fetch a --full --sync", CMD_FETCH, 1 },
		{ "fetch --full=false a", CMD_FETCH, 1 },
		{ "--insecure-options=image run a --cpu 1.5", CMD_RUN, 1 },
		{ "run a -- --cpu --", CMD_RUN, 1 },
		{ "run --net=host a --memory=1Gi --", CMD_RUN, 1 },
		{ "image list", CMD_IMAGE_LIST, 0 },
		{ "image --debug list --format=json", CMD_IMAGE_LIST, 0 },
		{ "image export --oci a b", CMD_IMAGE_EXPORT, 2 },
		{ "image export a b --layered", CMD_IMAGE_EXPORT, 2 },
		{ "image rm a b", CMD_IMAGE_RM, 2 },
		{ "image cat-manifest a", CMD_IMAGE_CAT_MANIFEST, 1 },
		{ "help", CMD_HELP, 0 },
		{ "help image list", CMD_HELP, 2 },
		{ "run --help", CMD_RUN, 0 },
		{ "--help", CMD_NONE, 0 },
		{ "version", CMD_VERSION, 0 },
	};
	struct options	 o;
	char		 why[512];
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (parse(&o, why, t[i].line) == -1)
			fail_msg("%s: %s", t[i].line, why);
		assert_int_equal(o.command, t[i].command);
		assert_int_equal(o.operands.n, t[i].operands);
		options_free(&o);
	}
}

static void
test_wrong_lines(void **state)
{
	static const char *const	 t[] = {
		"", "nonsense", "fetc a", "fetchx a", "image", "image lis",
		"image polish", "fetch", "run", "run a b", "image list x",
		"image rm", "image export --oci a", "image export a b",
		"image export --oci --layered a b", "image export --oci=x a b",
		"fetch --nonsense a", "fetch --ful a", "fetch --cpu=1 a",
		"--cpu=1 run a", "fetch -f a", "fetch a -- b", "-- run a",
		"run -- a", "run a --cpu", "run a --cpu=", "run a --net",
		"run a --net=moon", "run a --user=", "run a --exec= ",
		"run a --working-dir=x", "run a --hostname=a_b",
		"run a --set-env=A", "run a --set-env=A=1 --set-env=A=2",
		"run a --environment=A=1 --environment=A=1",
		"fetch a --pull-policy=perhaps", "fetch a --platform=linux",
		"image list --format=yaml", "fetch a --full=maybe",
		"--dir=/x --connect=/y fetch a", "--dir= fetch a",
		"--insecure-options=imagine fetch a",
		"--insecure-options=image fetch a --insecure-options=image",
		"version x", "help a b c", "fetch a -",
	};
	struct options	 o;
	char		 why[512];
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		why[0] = '\0';
		if (parse(&o, why, t[i]) == 0)
			fail_msg("\"%s\" is taken", t[i]);
		assert_string_not_equal(why, "");
		assert_null(strchr(why, '\n'));
		options_free(&o);
	}
}

static void
test_values_of_a_line(void **state)
{
	struct options	 o;
	char		 why[512];

	(void)state;
	assert_int_equal(parse(&o, why, "--insecure-options image,paths run "
	    "--cpu=500m --memory 64Mi --pids=9 --net=host --user u --group "
	    "7 --working-dir=/w --hostname=h --exec /bin/x --readonly-rootfs "
	    "--interactive --set-env A=1 --set-env=B=2 --environment A=3 "
	    "--set-env-file f --pull-policy=never --platform=linux/arm/v7 "
	    "--sync docker://x -- one _ --two"), 0);
	assert_int_equal(o.insecure, INSECURE_IMAGE | INSECURE_PATHS);
	assert_int_equal(o.cpu, 500);
	assert_int_equal(o.memory, 64 << 20);
	assert_int_equal(o.pids, 9);
	assert_true(o.nethost && o.readonly && o.interactive && o.sync);
	assert_string_equal(o.user, "u");
	assert_string_equal(o.group, "7");
	assert_string_equal(o.workdir, "/w");
	assert_string_equal(o.hostname, "h");
	assert_string_equal(o.exec, "/bin/x");
	assert_int_equal(o.setenv.n, 2);
	assert_string_equal(o.setenv.v[1], "B=2");
	assert_int_equal(o.environment.n, 1);
	assert_int_equal(o.envfiles.n, 1);
	assert_int_equal(o.policy, PULL_NEVER);
	assert_string_equal(o.platform.arch, "arm");
	assert_string_equal(o.operands.v[0], "docker://x");
	assert_int_equal(o.nargs, 3);
	assert_string_equal(o.args[1], "");
	assert_string_equal(o.args[2], "--two");
	options_free(&o);

	assert_int_equal(parse(&o, why, "run x"), 0);
	assert_int_equal(o.policy, -1);
	assert_null(o.args);
	assert_string_equal(o.platform.os, "linux");
	options_free(&o);
	/* behind "--" nothing is still something */
	assert_int_equal(parse(&o, why, "run x --"), 0);
	assert_non_null(o.args);
	assert_int_equal(o.nargs, 0);
	options_free(&o);
}

static void
test_secrets_are_not_said(void **state)
{
	struct options	 o;
	char		 why[512];

	(void)state;
	assert_int_equal(parse(&o, why, "run x --environment=T=hidden "
	    "--environment T=hidden"), -1);
	assert_null(strstr(why, "hidden"));
	options_free(&o);
	assert_int_equal(parse(&o, why, "run x --hostname=\x1b[2J"), -1);
	assert_null(strchr(why, '\x1b'));
	options_free(&o);
}

/* What a file of variables gives, or -1. */
static int
envfile(const char *text, size_t len, struct strings *list)
{
	char	 path[] = "/tmp/test_options.XXXXXX";
	int	 fd, r;

	memset(list, 0, sizeof(*list));
	assert_int_not_equal(fd = mkstemp(path), -1);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
	r = envfile_read(path, list);
	unlink(path);
	return (r);
}

#define ENVFILE(s)	envfile(s, sizeof(s) - 1, &list)

static void
test_envfile(void **state)
{
	struct strings	 list;

	(void)state;
	/* the reasons go where nobody looks */
	assert_non_null(freopen("/dev/null", "w", stderr));
	assert_int_equal(ENVFILE("# comment\n; another\n\n  \t\n  A=1\n"
	    "B= x \nC=\nD=\"q\"=#;"), 0);
	assert_int_equal(list.n, 4);
	assert_string_equal(list.v[0], "A=1");
	assert_string_equal(list.v[1], "B= x ");
	assert_string_equal(list.v[2], "C=");
	assert_string_equal(list.v[3], "D=\"q\"=#;");
	strings_free_copies(&list);
	assert_int_equal(ENVFILE(""), 0);
	assert_int_equal(ENVFILE("A\n"), -1);
	assert_int_equal(ENVFILE("=x\n"), -1);
	assert_int_equal(ENVFILE("A=1\nA=2\n"), -1);
	strings_free_copies(&list);
	assert_int_equal(ENVFILE("A=1\0B=2\n"), -1);
	strings_free_copies(&list);
	assert_int_equal(envfile_read("/no/such/file", &list), -1);
	assert_int_equal(envfile_read("/", &list), -1);
}

/* What is in the tables is well formed: usage and manuals rest on it. */
static void
test_tables(void **state)
{
	size_t	 i, j;

	(void)state;
	for (i = 0; i < option_count; i++) {
		assert_non_null(option_table[i].set);
		assert_true(strlen(option_table[i].help) < 50);
		assert_int_equal(option_table[i].commands & 1U << CMD_NONE,
		    option_table[i].commands == OPTION_ALL ? 1 : 0);
		for (j = 0; j < i; j++)
			assert_string_not_equal(option_table[i].name,
			    option_table[j].name);
	}
	for (i = CMD_NONE + 1; i < CMD_MAX; i++) {
		assert_non_null(command_table[i].name);
		assert_non_null(command_table[i].help);
		assert_true(command_table[i].min <= command_table[i].max);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_cpu),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_insecure),
		cmocka_unit_test(test_platform),
		cmocka_unit_test(test_env),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_wrong_lines),
		cmocka_unit_test(test_values_of_a_line),
		cmocka_unit_test(test_secrets_are_not_said),
		cmocka_unit_test(test_envfile),
		cmocka_unit_test(test_tables),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
