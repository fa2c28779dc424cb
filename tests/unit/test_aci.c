/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * broker/unpack/aci.c and what it is made of: the bytes that an image ID is
 * the hash of.  A change of samples/aci/ changes every ID there is: it needs
 * a new number in the annotation berth/conversion.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"

static const struct {
	const char	*name, *id;
} images[] = {
	{ "good", "sha512-"
	    "9a0f92cf2e49a413980381aa9d20b2bba84a74153701f23212934c5b7aa0d4b6"
	    "ac9cb78f82c8150a20b3718a49e517d4"
	    "6f2d40bfa4beeaea6acebd5974d337fa" },
	{ "good-minimal", "sha512-"
	    "b9140d7743f978820dd3f249a09d2ae99e4af0832012f7d9421874d8d11f563a"
	    "cb752f4c9fca453da75a3cb5186fdb0a"
	    "96d947294d313da81dff38e6d8cc3926" },
	{ "good-odd", "sha512-"
	    "b50c83aa84eb17ceaad8ffa65d3fc775d8591b0b180095a606b474261213248b"
	    "18c9b86fae6383f88fd4f27a784213f3"
	    "764c169ee244e5d0afed29bf039d03a5" },
};

/* The manifest of a sample; the caller frees it. */
static struct blob
manifest(const char *name)
{
	struct blob	 b = sample_load("image-config", name), m;
	struct config	 c;
	struct why	 why;
	char		 digest[DIGEST_SIZE];

	assert_int_equal(config_parse(b.data, b.len, &c, &why), 0);
	digest_of(b.data, b.len, digest);
	assert_int_equal(aci_manifest(&c, digest, &m, &why), 0);
	config_free(&c);
	free(b.data);
	return (m);
}

static void
golden(void **state)
{
	struct blob	 m, aci, want;
	char		 id[IMAGEID_SIZE];
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
		m = manifest(images[i].name);
		want = sample_load("aci", images[i].name);
		if (m.len != want.len || memcmp(m.data, want.data, m.len) != 0)
			fail_msg("%s: another manifest:\n%.*s",
			    images[i].name, (int)m.len, (char *)m.data);
		assert_int_equal(aci_wrap(&m, &aci), 0);
		digest_imageid(aci.data, aci.len, id);
		assert_string_equal(id, images[i].id);
		free(m.data);
		free(aci.data);
		free(want.data);
	}
}

/*
 * It is JSON, its keys are in order, and no control character of the config
 * is left bare for a terminal.
 */
static int
in_order(const json_t *value)
{
	const char	*key, *last = NULL;
	json_t		*v;
	size_t		 i;

	json_object_foreach((json_t *)(uintptr_t)value, key, v) {
		if ((last != NULL && strcmp(last, key) >= 0) || !in_order(v))
			return (0);
		last = key;
	}
	for (i = 0; i < json_array_size(value); i++)
		if (!in_order(json_array_get(value, i)))
			return (0);
	return (1);
}

static void
well_formed(void **state)
{
	struct blob	 m = manifest("good-odd");
	struct why	 why;
	json_t		*root;
	size_t		 i;

	(void)state;
	assert_non_null(root = jdoc_parse(m.data, m.len, &why));
	assert_true(in_order(root));
	for (i = 0; i < m.len; i++)
		assert_true(m.data[i] == '\n' || (m.data[i] >= 0x20 &&
		    m.data[i] != 0x7f && !(m.data[i] == 0xc2 &&
		    m.data[i + 1] < 0xa0)));
	json_decref(root);
	free(m.data);
}

static void
tar_blocks(void **state)
{
	struct blob	 m = manifest("good"), aci;
	const char	*p;
	size_t		 body;

	(void)state;
	assert_int_equal(aci_wrap(&m, &aci), 0);
	p = (const char *)aci.data;
	body = (m.len + 511) / 512 * 512;
	assert_int_equal(aci.len, 512 + body + 512 + 1024);
	assert_string_equal(p, "manifest");
	assert_string_equal(p + 100, "0000644");
	assert_string_equal(p + 108, "0000000");
	assert_string_equal(p + 136, "00000000000");
	assert_int_equal(strtoul(p + 124, NULL, 8), m.len);
	assert_int_equal(p[156], '0');
	assert_memory_equal(p + 257, "ustar\0" "00", 8);
	assert_int_equal(p[265], '\0');
	assert_memory_equal(p + 512, m.data, m.len);
	p += 512 + body;
	assert_string_equal(p, "rootfs");
	assert_string_equal(p + 100, "0000755");
	assert_int_equal(p[156], '5');
	free(m.data);
	free(aci.data);
}

static void
chain_ids(void **state)
{
	char	 chain[DIGEST_SIZE] = "", pair[2 * DIGEST_SIZE];
	char	 want[DIGEST_SIZE];

	(void)state;
	digest_chain(chain, DIGEST("1"), chain);
	assert_string_equal(chain, DIGEST("1"));
	digest_chain(chain, DIGEST("2"), chain);
	snprintf(pair, sizeof(pair), "%s %s", DIGEST("1"), DIGEST("2"));
	digest_of(pair, strlen(pair), want);
	assert_string_equal(chain, want);
	/* printf %s "sha256:11... sha256:22..." | sha256sum */
	assert_string_equal(chain, "sha256:9932074217c35353d2e03a3f"
	    "5a86549f7c67bfeb0ba53e23d69f4d4c8f7958f5");
	digest_of("", 0, want);
	assert_string_equal(want, "sha256:e3b0c44298fc1c149afbf4c8996fb924"
	    "27ae41e4649b934ca495991b7852b855");
}

static void
big_numbers(void **state)
{
	unsigned char	 block[TAROUT_BLOCK];
	struct tarout	 t;
	char		 name[102];

	(void)state;
	memset(&t, 0, sizeof(t));
	t.type = '0';
	t.name = "x";
	t.size = 077777777777;
	assert_int_equal(tarout_header(block, &t), 0);
	assert_string_equal((char *)block + 124, "77777777777");
	t.size++;
	t.mtime = -1;
	assert_int_equal(tarout_header(block, &t), 0);
	assert_memory_equal(block + 124,
	    "\x80\0\0\0\0\0\0\x02\0\0\0\0", 12);
	assert_memory_equal(block + 136,
	    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
	memset(name, 'n', sizeof(name));
	name[100] = '\0';
	t.name = name;
	assert_int_equal(tarout_header(block, &t), 0);
	name[100] = 'n';
	name[101] = '\0';
	assert_int_equal(tarout_header(block, &t), -1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(well_formed),
		cmocka_unit_test(tar_blocks),
		cmocka_unit_test(chain_ids),
		cmocka_unit_test(big_numbers),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
