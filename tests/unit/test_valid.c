/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* common/valid.c and log_encode(): what is a name, what may be printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../common/limits.h"
#include "../../common/log.h"
#include "../../common/valid.h"

#define HEX16	"0123456789abcdef"
#define HEX64	HEX16 HEX16 HEX16 HEX16
#define A21	"aaaaaaaaaaaaaaaaaaaaa"
#define A63	A21 A21 A21

static void
test_string(void **state)
{
	(void)state;
	assert_true(valid_string("", 1));
	assert_true(valid_string("a\0\0", 4));
	assert_false(valid_string("abcd", 4));		/* no end */
	assert_false(valid_string("a\0b", 4));		/* behind the end */
	assert_true(valid_text("a ~", 4));
	assert_false(valid_text("a\n", 3));
	assert_false(valid_text("a\x7f", 3));
	assert_false(valid_text("\xc3\xbc", 3));
	assert_false(valid_text("\x1b[0m", 5));
}

static void
test_digest(void **state)
{
	(void)state;
	assert_true(valid_digest("sha256:" HEX64));
	assert_false(valid_digest("sha256:" HEX64 "0"));
	assert_false(valid_digest("sha256:0123"));
	assert_false(valid_digest("sha512:" HEX64 HEX64));
	assert_false(valid_digest("SHA256:" HEX64));
	assert_false(valid_digest("sha256:" HEX64 "\n"));
	assert_false(valid_digest("sha256:A" "123456789abcdef0123456789abcdef0"
	    "123456789abcdef0123456789abcdef"));
	assert_false(valid_digest(""));
	assert_false(valid_digest("sha256:../../../../../../../../../../../.."
	    "/../../../../../../../../../etc"));
}

static void
test_imageid(void **state)
{
	(void)state;
	assert_true(valid_imageid("sha512-00", IMAGEID_MINLEN));
	assert_false(valid_imageid("sha512-0", IMAGEID_MINLEN));
	assert_true(valid_imageid("sha512-" HEX64 HEX64, IMAGEID_HEXLEN));
	assert_false(valid_imageid("sha512-" HEX64 HEX64 "0",
	    IMAGEID_MINLEN));
	assert_false(valid_imageid("sha512-" HEX64, IMAGEID_HEXLEN));
	assert_false(valid_imageid("sha512-0g", IMAGEID_MINLEN));
	assert_false(valid_imageid("sha512-AB", IMAGEID_MINLEN));
	assert_false(valid_imageid("sha512:00", IMAGEID_MINLEN));
}

static void
test_uuid(void **state)
{
	(void)state;
	assert_true(valid_uuid("01234567-89ab-cdef-0123-456789abcdef"));
	assert_false(valid_uuid("01234567-89ab-cdef-0123-456789abcde"));
	assert_false(valid_uuid("01234567-89ab-cdef-0123-456789abcdef0"));
	assert_false(valid_uuid("01234567-89AB-cdef-0123-456789abcdef"));
	assert_false(valid_uuid("01234567/89ab-cdef-0123-456789abcdef"));
	assert_false(valid_uuid("../../../../../../../../../../../../"));
	assert_false(valid_uuid(""));
}

static void
test_names(void **state)
{
	(void)state;
	assert_true(valid_appname("transcriber"));
	assert_true(valid_appname("0a.b_c-d"));
	assert_true(valid_appname(A63));
	assert_false(valid_appname(A63 "a"));
	assert_false(valid_appname(""));
	assert_false(valid_appname("."));
	assert_false(valid_appname(".."));
	assert_false(valid_appname("-a"));
	assert_false(valid_appname("a/b"));
	assert_false(valid_appname("A"));
	assert_true(valid_paramname("id"));
	assert_false(valid_paramname("i d"));
	assert_true(valid_hostname("a-b.C"));
	assert_false(valid_hostname(""));
	assert_false(valid_hostname("a_b"));
	assert_false(valid_hostname("a\nb"));
	assert_true(valid_hostname(A63 "a"));
	assert_false(valid_hostname(A63 "aa"));
	assert_true(valid_platform("amd64"));
	assert_true(valid_platform(""));
	assert_false(valid_platform("amd64/v2"));
	assert_false(valid_platform("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static void
test_encode(void **state)
{
	char	 b[16];

	(void)state;
	assert_string_equal(log_encode(b, sizeof(b), "a\n\\", 3),
	    "a\\x0a\\\\");
	assert_string_equal(log_encode(b, sizeof(b), "\0\xff", 2),
	    "\\x00\\xff");
	assert_string_equal(log_encode(b, sizeof(b), "", 0), "");
	/* cut between characters, never within one */
	assert_string_equal(log_encode(b, 6, "abc\n", 4), "abc");
	assert_string_equal(log_encode(b, 4, "abc", 3), "abc");
	assert_string_equal(log_encode(b, 3, "abc", 3), "ab");
	assert_string_equal(log_encode(b, 1, "abc", 3), "");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_string),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_imageid),
		cmocka_unit_test(test_uuid),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_encode),
	};

	return (cmocka_run_group_tests_name("valid", tests, NULL, NULL));
}
