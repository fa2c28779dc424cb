/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* broker/unpack/config.c: image configs, read and refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

#define NO_PATH	"is not an absolute path without \"..\""
#define HIDES	"would hide the root or a kernel file system"
#define NOSIG	"which is no signal"

static const struct refusal	 bad[] = {
	{ "architecture-empty", "architecture is missing" },
	{ "architecture-path", "architecture is \"../x\", not a name" },
	{ "config-array", "config is not an object" },
	{ "diffid-number", "rootfs.diff_ids[0] is not a string" },
	{ "diffid-path", "rootfs.diff_ids[0] is \"../../x\", not" },
	{ "diffid-uppercase", "64 lower case hex digits" },
	{ "duplicate-key", "duplicate object key near '\"User\"'" },
	{ "entrypoint-string", "config.Entrypoint is not an array" },
	{ "env-nul", "\\u0000 in a string" },
	{ "env-number", "config.Env[0] is not a string" },
	{ "env-string", "config.Env is not an array" },
	{ "healthcheck-real", "config.Healthcheck has a value that is" },
	{ "healthcheck-test-string", "Healthcheck.Test is not an array" },
	{ "history-long", "history tells of 3 layers, rootfs.diff_ids of 2" },
	{ "key-case", "key config.env differs from \"Env\" in case alone" },
	{ "key-case-top", "key RootFS differs from \"rootfs\"" },
	{ "labels-number", "config.Labels.a is not a string" },
	{ "os-missing", "os is missing" },
	{ "rootfs-missing", "rootfs is missing" },
	{ "rootfs-type", "rootfs.type is \"ext4\", not \"layers\"" },
	{ "stopsignal-65", NOSIG },
	{ "stopsignal-huge", NOSIG },
	{ "stopsignal-negative", NOSIG },
	{ "stopsignal-rtmin-99", NOSIG },
	{ "stopsignal-sig", NOSIG },
	{ "stopsignal-space", NOSIG },
	{ "stopsignal-suffix", "config.StopSignal is \"SIGKILL9\", " NOSIG },
	{ "stopsignal-zero", NOSIG },
	{ "user-long", "config.User is longer than 255 bytes" },
	{ "user-number", "config.User is not a string" },
	{ "variant-number", "variant is not a string" },
	{ "volume-dev", "volume \"/dev/shm\" " HIDES },
	{ "volume-dotdot", "volume \"/../..\" " NO_PATH },
	{ "volume-dotdot-inside", NO_PATH },
	{ "volume-empty", NO_PATH },
	{ "volume-long", NO_PATH },
	{ "volume-proc", "volume \"/proc\" " HIDES },
	{ "volume-proc-below", HIDES },
	{ "volume-relative", NO_PATH },
	{ "volume-root", HIDES },
	{ "volume-root-dots", "volume \"//.//\" " HIDES },
	{ "volume-sys", HIDES },
	{ "workdir-long", "config.WorkingDir is longer than 4095 bytes" },
};

static int
parse(const char *name, struct config *c, struct why *why)
{
	struct blob	 b = sample_load("image-config", name);
	int		 error;

	error = config_parse(b.data, b.len, c, why);
	free(b.data);
	return (error);
}

static void
bad_samples(void **state)
{
	struct config	 c;
	struct why	 why;
	size_t		 i;

	(void)state;
	for (i = 0; i < N(bad); i++) {
		if (parse(bad[i].name, &c, &why) == 0)
			fail_msg("%s was taken", bad[i].name);
		sample_refused(&bad[i], &why);
	}
	sample_all_used("image-config", bad, N(bad));
}

static void
good(void **state)
{
	struct config	 c;
	struct why	 why;

	(void)state;
	assert_int_equal(parse("good", &c, &why), 0);
	assert_string_equal(c.platform.os, "linux");
	assert_string_equal(c.platform.arch, "amd64");
	assert_string_equal(c.platform.variant, "");
	assert_string_equal(c.author, "A <a@example.com>");
	assert_string_equal(c.user, "redis:data");
	assert_string_equal(c.workdir, "/data");
	assert_int_equal(c.signo, 3);
	assert_int_equal(json_array_size(c.entrypoint), 2);
	assert_int_equal(json_array_size(c.cmd), 1);
	assert_int_equal(json_array_size(c.env), 2);
	assert_int_equal(c.ndiffids, 2);
	assert_string_equal(c.diffids[1], DIGEST("2"));
	assert_int_equal(c.nvolumes, 2);
	assert_string_equal(c.volumes[0], "/data");
	assert_string_equal(c.volumes[1], "/var/tmp");
	config_free(&c);
}

/* null is as good as nothing, wherever it stands. */
static void
sparse(void **state)
{
	static const char *const	 names[] = {
		"good-minimal", "good-nulls", "good-history-missing",
		"good-history-short", "good-volume-like-proc", "good-odd"
	};
	struct config	 c;
	struct why	 why;
	size_t		 i;

	(void)state;
	for (i = 0; i < N(names); i++) {
		if (parse(names[i], &c, &why) == -1)
			fail_msg("%s: %s", names[i], why.text);
		config_free(&c);
	}
	assert_int_equal(parse("good-nulls", &c, &why), 0);
	assert_null(c.user);
	assert_null(c.env);
	assert_null(c.healthcheck);
	assert_int_equal(c.ndiffids, 0);
	config_free(&c);
	assert_int_equal(parse("good-odd", &c, &why), 0);
	assert_int_equal(c.signo, 37);
	assert_int_equal(c.nvolumes, 4);
	assert_string_equal(c.volumes[3], "/b/c");
	config_free(&c);
}

static void
suits(void **state)
{
	struct msg_platform	 want;
	struct config		 c;
	struct why		 why;

	(void)state;
	assert_int_equal(parse("good-minimal", &c, &why), 0);
	memset(&want, 0, sizeof(want));
	strcpy(want.os, "linux");
	strcpy(want.arch, "arm64");
	assert_int_equal(config_suits(&c, &want, &why), 0);
	strcpy(want.arch, "amd64");
	strcpy(want.variant, "v2");
	assert_int_equal(config_suits(&c, &want, &why), -1);
	assert_string_equal(why.text,
	    "the image is for linux/arm64/v8, not for linux/amd64/v2");
	config_free(&c);
}

static void
torn(void **state)
{
	struct config	 c;
	struct why	 why;
	struct blob	 b = sample_load("image-config", "good");
	size_t		 i;

	(void)state;
	for (i = 0; i < b.len; i++)
		if (config_parse(b.data, i, &c, &why) == 0)
			config_free(&c);
	for (i = 0; i < b.len * 8; i++) {
		b.data[i / 8] ^= (unsigned char)(1 << (i % 8));
		if (config_parse(b.data, b.len, &c, &why) == 0)
			config_free(&c);
		b.data[i / 8] ^= (unsigned char)(1 << (i % 8));
	}
	free(b.data);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(bad_samples),
		cmocka_unit_test(good),
		cmocka_unit_test(sparse),
		cmocka_unit_test(suits),
		cmocka_unit_test(torn),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
