/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* broker/unpack/index.c: which manifest a platform gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static const struct refusal	 bad[] = {
	{ "annotations-array", "manifests[0].annotations is not an object" },
	{ "both-manifests-and-layers", "both a manifest and an index" },
	{ "digest-path", "manifests[0].digest is \"sha256:../../x\", not" },
	{ "duplicate-platform-key", "duplicate object key near '\"os\"'" },
	{ "entry-type-missing", "manifests[0].mediaType is missing" },
	{ "manifests-missing", "an index without manifests" },
	{ "manifests-object", "manifests is not an array" },
	{ "platform-key-case", "key manifests[0].platform.Architecture" },
	{ "platform-string", "manifests[0].platform is not an object" },
	{ "size-over-limit", "manifests[0].size is 4194305" },
};

/* What is asked of a sample, and the first digit of what it gives. */
static const struct {
	const char	*name, *os, *arch, *variant;
	const char	*digest;	/* NULL: nothing suits */
} choices[] = {
	{ "good", "linux", "amd64", "", "4" },	/* first of equals */
	{ "good", "linux", "amd64", "v3", "4" },
	{ "good", "linux", "arm", "v7", "2" },
	{ "good", "linux", "arm", "v6", "1" },
	{ "good", "linux", "arm", "v8", "2" },
	{ "good", "linux", "arm", "v5", NULL },
	{ "good", "linux", "arm", "", "2" },
	{ "good", "linux", "arm", "v9", NULL },
	{ "good", "linux", "arm64", "", "3" },
	{ "good", "linux", "arm64", "v8", "3" },
	{ "good", "linux", "386", "", "5" },
	{ "good", "windows", "amd64", "", "6" },
	{ "good", "linux", "s390x", "", NULL },
	{ "good-docker-list", "linux", "amd64", "", "1" },
	{ "good-amd64-levels", "linux", "amd64", "", "1" },
	{ "good-amd64-levels", "linux", "amd64", "v2", "2" },
	{ "good-amd64-levels", "linux", "amd64", "v4", "3" },
	{ "good-amd64-levels", "linux", "amd64", "v5", NULL },
	{ "good-unknown-entries", "linux", "amd64", "", "4" },
	{ "good-nested", "linux", "amd64", "", NULL },
	{ "good-no-platform", "linux", "amd64", "", NULL },
	{ "good-empty", "linux", "amd64", "", NULL },
};

static int
parse(const char *name, struct document *d, struct why *why)
{
	struct blob	 b = sample_load("index", name);
	int		 error;

	error = document_parse(b.data, b.len, MEDIA_UNKNOWN, d, why);
	free(b.data);
	return (error);
}

static struct msg_platform
platform(const char *os, const char *arch, const char *variant)
{
	struct msg_platform	 p;

	memset(&p, 0, sizeof(p));
	strcpy(p.os, os);
	strcpy(p.arch, arch);
	strcpy(p.variant, variant);
	return (p);
}

static void
bad_samples(void **state)
{
	struct document	 d;
	struct why	 why;
	size_t		 i;

	(void)state;
	for (i = 0; i < N(bad); i++) {
		if (parse(bad[i].name, &d, &why) == 0)
			fail_msg("%s was taken", bad[i].name);
		sample_refused(&bad[i], &why);
	}
	sample_all_used("index", bad, N(bad));
}

static void
choose(void **state)
{
	const struct index_entry	*e;
	struct msg_platform		 want;
	struct document			 d;
	struct why			 why;
	size_t				 i;

	(void)state;
	for (i = 0; i < N(choices); i++) {
		assert_int_equal(parse(choices[i].name, &d, &why), 0);
		want = platform(choices[i].os, choices[i].arch,
		    choices[i].variant);
		e = index_match(&d.index, &want);
		if ((e == NULL) != (choices[i].digest == NULL) ||
		    (e != NULL && e->digest[7] != *choices[i].digest))
			fail_msg("%s for %s/%s/%s: got %s", choices[i].name,
			    choices[i].os, choices[i].arch,
			    choices[i].variant, e == NULL ? "none" :
			    e->digest);
		document_free(&d);
	}
}

static void
nested(void **state)
{
	const struct index_entry	*e;
	struct msg_platform		 want;
	struct document			 d;
	struct why			 why;
	size_t				 pos = 0;

	(void)state;
	want = platform("linux", "amd64", "");
	assert_int_equal(parse("good-nested", &d, &why), 0);
	assert_non_null(e = index_nested(&d.index, &want, &pos));
	assert_string_equal(e->digest, DIGEST("1"));
	assert_non_null(e = index_nested(&d.index, &want, &pos));
	assert_string_equal(e->digest, DIGEST("3"));
	assert_null(index_nested(&d.index, &want, &pos));
	assert_null(index_anywhere(&d.index));
	document_free(&d);
	assert_int_equal(parse("good-no-platform", &d, &why), 0);
	assert_non_null(e = index_anywhere(&d.index));
	assert_string_equal(e->digest, DIGEST("2"));
	document_free(&d);
}

static void
listing(void **state)
{
	struct document	 d;
	struct why	 why;
	char		 text[256] = "", tiny[32] = "";

	(void)state;
	assert_int_equal(parse("good", &d, &why), 0);
	index_platforms(&d.index, text, sizeof(text));
	assert_string_equal(text, "linux/arm/v6, linux/arm/v7, "
	    "linux/arm64/v8, linux/amd64, linux/386, windows/amd64");
	index_platforms(&d.index, text, sizeof(text));
	assert_int_equal(strlen(text), 81);	/* each once */
	index_platforms(&d.index, tiny, sizeof(tiny));
	assert_string_equal(tiny, "linux/arm/v6, linux/arm/v7, ...");
	document_free(&d);
}

static void
too_many(void **state)
{
	struct document	 d;
	struct why	 why;
	char		*text, *p;
	size_t		 i;

	(void)state;
	assert_non_null(text = malloc(64 + 16 * (INDEX_ENTRIES_MAX + 1)));
	p = text + sprintf(text, "{\"schemaVersion\":2,\"manifests\":[");
	for (i = 0; i < INDEX_ENTRIES_MAX + 1; i++)
		p += sprintf(p, "%s{}", i > 0 ? "," : "");
	p += sprintf(p, "]}");
	assert_int_equal(document_parse(text, (size_t)(p - text),
	    MEDIA_UNKNOWN, &d, &why), -1);
	assert_string_equal(why.text, "1001 manifests, more than 1000");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(bad_samples),
		cmocka_unit_test(choose),
		cmocka_unit_test(nested),
		cmocka_unit_test(listing),
		cmocka_unit_test(too_many),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
