/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* broker/unpack/manifest.c and json.c: what is read, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

#define NOT_DIGEST	"not \"sha256:\" and 64 lower case hex digits"
#define BOTH		"both a manifest and an index"
#define SCHEMA1		"deprecated Docker schema 1 manifest: ask the " \
			    "publisher to push it again"

static const struct refusal	 bad[] = {
	{ "array", "JSON, but not an object" },
	{ "artifact", "not a container image: config media type "
	    "application/vnd.cncf.helm.config.v1+json" },
	{ "artifact-empty-config", "not a container image: artifact type "
	    "application/vnd.example.sbom" },
	{ "bom", "not JSON: line 1" },
	{ "both-config-and-manifests", BOTH },
	{ "both-layers-and-manifests", BOTH },
	{ "config-digest-missing", "config.digest is missing" },
	{ "config-missing", "config is missing" },
	{ "config-null", "config is missing" },
	{ "digest-63", "layers[1].digest is \"sha256:aaaa" },
	{ "digest-65", NOT_DIGEST },
	{ "digest-config-path", "config.digest is \"sha256:../" },
	{ "digest-empty", "layers[1].digest is \"\", " NOT_DIGEST },
	{ "digest-md5", NOT_DIGEST },
	{ "digest-newline", "a\\x0a\", " NOT_DIGEST },
	{ "digest-nul", "\\u0000 in a string" },
	{ "digest-path", "layers[1].digest is \"../../x\", " NOT_DIGEST },
	{ "digest-sha512", NOT_DIGEST },
	{ "digest-subject", "subject.digest is \"sha256:x\"" },
	{ "digest-twice", NOT_DIGEST },
	{ "digest-uppercase", NOT_DIGEST },
	{ "duplicate-key", "duplicate object key near '\"layers\"'" },
	{ "duplicate-key-deep", "duplicate object key near '\"size\"'" },
	{ "empty", "not JSON" },
	{ "encrypted", "layers[0] is an encrypted layer" },
	{ "foreign-with-urls", "layers[1] is a foreign layer" },
	{ "html", "not JSON: line 1" },
	{ "key-case", "key Layers differs from \"layers\" in case alone" },
	{ "key-case-kelvin", "from \"digest\" in case alone" },
	{ "key-case-long-s", "from \"manifests\" in case alone" },
	{ "layer-not-object", "layers[0] is not an object" },
	{ "layer-type-control", "unknown media type a\\x1b[31m\\x0ab" },
	{ "layer-type-missing", "layers[0].mediaType is missing" },
	{ "layer-type-unknown", "layers[0] has the unknown media type "
	    "application/vnd.in-toto+json" },
	{ "layers-missing", "layers is missing" },
	{ "layers-object", "layers is not an array" },
	{ "mediatype-number", "mediaType is not a string" },
	{ "mediatype-of-index", "an index without manifests" },
	{ "mediatype-unknown", "media type text/html" },
	{ "neither", "not an image manifest" },
	{ "schema-missing", "schemaVersion is missing" },
	{ "schema-string", "schemaVersion is not an integer" },
	{ "schema1", SCHEMA1 },
	{ "schema1-beside-schema2", SCHEMA1 },
	{ "schema3", "schemaVersion is 3, not 2" },
	{ "size-config-over-limit", "config.size is 4194305" },
	{ "size-exponent", "layers[0].size is not an integer" },
	{ "size-huge", "too big integer" },
	{ "size-negative", "layers[0].size is -1, not 0 to" },
	{ "size-null", "layers[0].size is not an integer" },
	{ "size-over-limit", "layers[0].size is 68719476737, not 0 to" },
	{ "size-real", "layers[0].size is not an integer" },
	{ "size-string", "layers[0].size is not an integer" },
	{ "size-true", "layers[0].size is not an integer" },
	{ "trailing", "not JSON" },
	{ "truncated", "not JSON" },
};

static int
parse(const char *name, enum media claim, struct document *d,
    struct why *why)
{
	struct blob	 b = sample_load("manifest", name);
	int		 error;

	error = document_parse(b.data, b.len, claim, d, why);
	free(b.data);
	return (error);
}

static void
bad_samples(void **state)
{
	struct document	 d;
	struct why	 why;
	size_t		 i;

	(void)state;
	for (i = 0; i < N(bad); i++) {
		if (parse(bad[i].name, MEDIA_UNKNOWN, &d, &why) == 0)
			fail_msg("%s was taken", bad[i].name);
		sample_refused(&bad[i], &why);
	}
	sample_all_used("manifest", bad, N(bad));
}

static void
good_oci(void **state)
{
	struct document	 d;
	struct why	 why;

	(void)state;
	assert_int_equal(parse("good-oci", MEDIA_OCI_MANIFEST, &d, &why), 0);
	assert_int_equal(d.media, MEDIA_OCI_MANIFEST);
	assert_string_equal(d.manifest.config, DIGEST("a"));
	assert_int_equal(d.manifest.config_size, 100);
	assert_int_equal(d.manifest.nlayers, 3);
	assert_int_equal(d.manifest.layers[0].codec, CODEC_GZIP);
	assert_int_equal(d.manifest.layers[1].codec, CODEC_ZSTD);
	assert_int_equal(d.manifest.layers[2].codec, CODEC_NONE);
	assert_int_equal(d.manifest.layers[2].size, 100);
	assert_string_equal(d.manifest.layers[2].digest, DIGEST("d"));
	document_free(&d);
}

static void
good_others(void **state)
{
	struct document	 d;
	struct why	 why;

	(void)state;
	assert_int_equal(parse("good-docker", MEDIA_DOCKER_MANIFEST, &d,
	    &why), 0);
	assert_int_equal(d.media, MEDIA_DOCKER_MANIFEST);
	assert_int_equal(d.manifest.layers[0].codec, CODEC_GZIP);
	assert_int_equal(d.manifest.layers[1].codec, CODEC_NONE);
	document_free(&d);
	assert_int_equal(parse("good-no-mediatype", MEDIA_UNKNOWN, &d, &why),
	    0);
	assert_int_equal(d.media, MEDIA_OCI_MANIFEST);
	document_free(&d);
	assert_int_equal(parse("good-no-layers", MEDIA_UNKNOWN, &d, &why), 0);
	assert_int_equal(d.manifest.nlayers, 0);
	document_free(&d);
	assert_int_equal(parse("good-same-layer-twice", MEDIA_UNKNOWN, &d,
	    &why), 0);
	document_free(&d);
	assert_int_equal(parse("good-foreign-without-urls", MEDIA_UNKNOWN, &d,
	    &why), 0);
	assert_int_equal(d.manifest.layers[0].codec, CODEC_GZIP);
	document_free(&d);
}

static void
claims(void **state)
{
	struct document	 d;
	struct why	 why;

	(void)state;
	assert_int_equal(parse("good-oci", MEDIA_OCI_INDEX, &d, &why), -1);
	assert_non_null(strstr(why.text, "differs from what it was served"));
	assert_int_equal(parse("good-oci", MEDIA_DOCKER_MANIFEST, &d, &why),
	    -1);
	assert_int_equal(parse("good-docker", MEDIA_OCI_MANIFEST, &d, &why),
	    -1);
	/* without a word of its own, the claim decides what it must be */
	assert_int_equal(parse("good-no-mediatype", MEDIA_OCI_INDEX, &d,
	    &why), -1);
	assert_string_equal(why.text, "an index without manifests");
	assert_int_equal(parse("good-no-mediatype", MEDIA_DOCKER_MANIFEST, &d,
	    &why), 0);
	document_free(&d);
}

/* A manifest with n layers of size bytes each. */
static struct blob
layers(size_t n, unsigned long long size)
{
	struct blob	 b;
	size_t		 room = 1024 + n * 256, i;
	char		*p;

	assert_non_null(p = malloc(room));
	b.data = (unsigned char *)p;
	p += sprintf(p, "{\"schemaVersion\":2,\"config\":{\"mediaType\":"
	    "\"application/vnd.oci.image.config.v1+json\",\"digest\":\""
	    DIGEST("a") "\",\"size\":2},\"layers\":[");
	for (i = 0; i < n; i++)
		p += sprintf(p, "%s{\"mediaType\":\"application/vnd.oci."
		    "image.layer.v1.tar\",\"digest\":\"" DIGEST("b")
		    "\",\"size\":%llu}", i > 0 ? "," : "", size);
	p += sprintf(p, "]}");
	b.len = (size_t)(p - (char *)b.data);
	assert_true(b.len < room);
	return (b);
}

static void
limits(void **state)
{
	static const struct {
		size_t			 n;
		unsigned long long	 size;
		const char		*why;	/* NULL: taken */
	} rows[] = {
		{ LAYERS_MAX, 1, NULL },
		{ LAYERS_MAX + 1, 1, "128 layers, more than 127" },
		{ 20000, 1, "20000 layers, more than 127" },
		{ 4, BLOB_MAX, NULL },
		{ 5, BLOB_MAX, "bytes together" },
	};
	struct document	 d;
	struct why	 why;
	struct blob	 b;
	size_t		 i;

	(void)state;
	for (i = 0; i < N(rows); i++) {
		b = layers(rows[i].n, rows[i].size);
		if (rows[i].why == NULL) {
			assert_int_equal(document_parse(b.data, b.len,
			    MEDIA_UNKNOWN, &d, &why), 0);
			document_free(&d);
		} else {
			assert_int_equal(document_parse(b.data, b.len,
			    MEDIA_UNKNOWN, &d, &why), -1);
			assert_non_null(strstr(why.text, rows[i].why));
		}
		free(b.data);
	}
}

static void
nesting(void **state)
{
	struct why	 why;
	json_t		*root;
	char		 text[2 * JSON_DEPTH_MAX + 64], *many;
	size_t		 i, n;

	(void)state;
	for (n = JSON_DEPTH_MAX; n <= JSON_DEPTH_MAX + 1; n++) {
		strcpy(text, "{\"a\":");
		for (i = 1; i < n; i++)
			strcat(text, "[");
		strcat(text, "\"[[[{{{\\\"[[\"");
		for (i = 1; i < n; i++)
			strcat(text, "]");
		strcat(text, "}");
		root = jdoc_parse(text, strlen(text), &why);
		if (n <= JSON_DEPTH_MAX)
			assert_non_null(root);
		else
			assert_null(root);
		json_decref(root);
	}
	assert_string_equal(why.text, "JSON nested deeper than 64");
	n = 2 * (JSON_VALUES_MAX + 10);
	assert_non_null(many = malloc(n));
	memset(many, '0', n);
	for (i = 2; i + 2 < n; i += 2)
		many[i] = ',';
	memcpy(many, "[0", 2);
	assert_null(jdoc_parse(many, n, &why));
	assert_string_equal(why.text, "JSON with more than 262144 values");
	free(many);
}

/* Every prefix and every flipped bit: refused or taken, never worse. */
static void
torn(void **state)
{
	static const char *const	 names[] = {
		"good-oci", "good-docker"
	};
	struct document	 d;
	struct why	 why;
	struct blob	 b;
	size_t		 i, j;

	(void)state;
	for (i = 0; i < N(names); i++) {
		b = sample_load("manifest", names[i]);
		for (j = 0; j < b.len; j++)
			if (document_parse(b.data, j, MEDIA_UNKNOWN, &d,
			    &why) == 0)
				document_free(&d);
		for (j = 0; j < b.len * 8; j++) {
			b.data[j / 8] ^= (unsigned char)(1 << (j % 8));
			if (document_parse(b.data, b.len, MEDIA_UNKNOWN, &d,
			    &why) == 0)
				document_free(&d);
			b.data[j / 8] ^= (unsigned char)(1 << (j % 8));
		}
		free(b.data);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(bad_samples),
		cmocka_unit_test(good_oci),
		cmocka_unit_test(good_others),
		cmocka_unit_test(claims),
		cmocka_unit_test(limits),
		cmocka_unit_test(nesting),
		cmocka_unit_test(torn),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
