/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* broker/init/user.c: who a USER is, by files that an image may have forged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../broker/init/init.h"

static const char	 passwd[] =
	"root:x:0:0:root:/root:/bin/sh\n"
	"broken\n"
	"bob:x:1000:1001:Bob:/home/bob:/bin/sh\n"
	"again:x:1000:7::/again:/bin/sh\n"
	"nohome:x:5:6\n"
	"emptyhome:x:8:9:::\n"
	"4294967296:x:0:0::/:/bin/sh\n"
	"2147483648:x:0:0::/:/bin/sh\n"
	"1:x:0:0::/:/bin/sh\n"
	"00:x:0:0::/:/bin/sh\n"
	"-1:x:0:0::/:/bin/sh\n"
	"+0:x:0:0::/:/bin/sh\n"
	"0x0:x:0:0::/:/bin/sh\n"
	" 0:x:0:0::/:/bin/sh\n"
	"0\xe2\x80\x8b:x:0:0::/:/bin/sh\n"
	"big:x:4294967296:0::/:/bin/sh\n"
	"neg:x:-1:0::/:/bin/sh\n"
	"noid:x::0::/:/bin/sh\n"
	"octal:x:010:0::/:/bin/sh\n"
	"last:x:77:78::/last";
static const char	 group[] =
	"root:x:0:\n"
	"staff:x:50:bob,root\n"
	"half\n"
	"more:x:51:x,bob\n"
	"prefix:x:52:bobby,ob\n"
	"badgid:x:4294967296:mallory\n"
	"big:x:4294967296:\n"
	"wheel:x:10:bob";

static const struct {
	const char	*spec, *group;
	enum user_error	 error;
	uid_t		 uid;
	gid_t		 gid;
	size_t		 ngroups;
	const char	*home;
} cases[] = {
	/* what images say */
	{ "", NULL, USER_OK, 0, 0, 1, "/root" },
	{ "root", NULL, USER_OK, 0, 0, 1, "/root" },
	{ "0", NULL, USER_OK, 0, 0, 1, "/root" },
	{ "bob", NULL, USER_OK, 1000, 1001, 3, "/home/bob" },
	{ "1000", NULL, USER_OK, 1000, 1001, 3, "/home/bob" },
	{ "bob:staff", NULL, USER_OK, 1000, 50, 0, "/home/bob" },
	{ "bob:7", NULL, USER_OK, 1000, 7, 0, "/home/bob" },
	{ "1234", NULL, USER_OK, 1234, 0, 0, "/" },
	{ "1234:5678", NULL, USER_OK, 1234, 5678, 0, "/" },
	{ "last", NULL, USER_OK, 77, 78, 0, "/last" },
	{ "nohome", NULL, USER_OK, 5, 6, 0, "/" },
	{ "emptyhome", NULL, USER_OK, 8, 9, 0, "/" },
	{ "2147483647", NULL, USER_OK, 2147483647, 0, 0, "/" },
	/* --group is stronger */
	{ "bob", "wheel", USER_OK, 1000, 10, 0, "/home/bob" },
	{ "bob:staff", "0", USER_OK, 1000, 0, 0, "/home/bob" },
	{ "", "staff", USER_OK, 0, 50, 0, "/root" },
	/* digits are a number, whatever passwd says of that text */
	{ "1", NULL, USER_OK, 1, 0, 0, "/" },
	{ "4294967296", NULL, USER_RANGE, 0, 0, 0, NULL },
	{ "2147483648", NULL, USER_RANGE, 0, 0, 0, NULL },
	{ "99999999999999999999999", NULL, USER_RANGE, 0, 0, 0, NULL },
	{ "00", NULL, USER_RANGE, 0, 0, 0, NULL },
	/* and these are neither */
	{ "-1", NULL, USER_SYNTAX, 0, 0, 0, NULL },
	{ "+0", NULL, USER_SYNTAX, 0, 0, 0, NULL },
	{ "0x0", NULL, USER_SYNTAX, 0, 0, 0, NULL },
	{ " 0", NULL, USER_SYNTAX, 0, 0, 0, NULL },
	{ "0\xe2\x80\x8b", NULL, USER_SYNTAX, 0, 0, 0, NULL },
	{ "bob\n", NULL, USER_SYNTAX, 0, 0, 0, NULL },
	{ "1:", NULL, USER_SYNTAX, 0, 0, 0, NULL },
	{ ":1", NULL, USER_SYNTAX, 0, 0, 0, NULL },
	{ ":", NULL, USER_SYNTAX, 0, 0, 0, NULL },
	{ "1:1:1", NULL, USER_SYNTAX, 0, 0, 0, NULL },
	{ "bob:-1", NULL, USER_GROUP_SYNTAX, 0, 0, 0, NULL },
	{ "bob:4294967296", NULL, USER_GROUP_RANGE, 0, 0, 0, NULL },
	{ "bob", "", USER_GROUP_SYNTAX, 0, 0, 0, NULL },
	{ "bob", "1:1", USER_GROUP_SYNTAX, 0, 0, 0, NULL },
	/* unknown, and known with a forged line */
	{ "nobody", NULL, USER_UNKNOWN, 0, 0, 0, NULL },
	{ "broken", NULL, USER_ENTRY, 0, 0, 0, NULL },
	{ "big", NULL, USER_ENTRY, 0, 0, 0, NULL },
	{ "neg", NULL, USER_ENTRY, 0, 0, 0, NULL },
	{ "noid", NULL, USER_ENTRY, 0, 0, 0, NULL },
	{ "octal", NULL, USER_ENTRY, 0, 0, 0, NULL },
	{ "bob:nogroup", NULL, USER_GROUP_UNKNOWN, 0, 0, 0, NULL },
	{ "bob:half", NULL, USER_GROUP_ENTRY, 0, 0, 0, NULL },
	{ "bob:big", NULL, USER_GROUP_ENTRY, 0, 0, 0, NULL },
};

static enum user_error
resolve(struct user *u, const char *spec, const char *gname, const char *p,
    size_t plen, const char *g, size_t glen)
{
	const struct user_text	 pt = { p, plen }, gt = { g, glen };

	return (user_resolve(u, spec, gname, &pt, &gt));
}

static void
test_cases(void **state)
{
	struct user	 u;
	enum user_error	 error;
	size_t		 i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		error = resolve(&u, cases[i].spec, cases[i].group, passwd,
		    sizeof(passwd) - 1, group, sizeof(group) - 1);
		if (error != cases[i].error)
			fail_msg("%s: %s", cases[i].spec,
			    user_strerror(error));
		if (error != USER_OK)
			continue;
		assert_int_equal(u.uid, cases[i].uid);
		assert_int_equal(u.gid, cases[i].gid);
		assert_int_equal(u.ngroups, cases[i].ngroups);
		assert_string_equal(u.home, cases[i].home);
	}
}

static void
test_groups_of_a_user(void **state)
{
	struct user	 u;

	(void)state;
	assert_int_equal(resolve(&u, "bob", NULL, passwd, sizeof(passwd) - 1,
	    group, sizeof(group) - 1), USER_OK);
	assert_int_equal(u.groups[0], 50);
	assert_int_equal(u.groups[1], 51);
	assert_int_equal(u.groups[2], 10);
}

static void
test_no_files(void **state)
{
	struct user	 u;

	(void)state;
	assert_int_equal(resolve(&u, "", NULL, NULL, 0, NULL, 0), USER_OK);
	assert_int_equal(u.uid, 0);
	assert_int_equal(u.gid, 0);
	assert_string_equal(u.home, "/");
	assert_int_equal(resolve(&u, "bob", NULL, NULL, 0, NULL, 0),
	    USER_UNKNOWN);
	assert_int_equal(resolve(&u, "1:bob", NULL, "", 0, "", 0),
	    USER_GROUP_UNKNOWN);
}

static void
test_forged_group_line_of_a_member(void **state)
{
	static const char	 p[] = "mallory:x:9:9::/:\n";
	struct user		 u;

	(void)state;
	assert_int_equal(resolve(&u, "mallory", NULL, p, sizeof(p) - 1, group,
	    sizeof(group) - 1), USER_GROUP_ENTRY);
}

static void
test_nul_in_home(void **state)
{
	static const char	 p[] = "root:x:0:0::/a\0b:/bin/sh\n";
	struct user		 u;

	(void)state;
	assert_int_equal(resolve(&u, "root", NULL, p, sizeof(p) - 1, NULL, 0),
	    USER_ENTRY);
}

static void
test_long_home(void **state)
{
	static char	 p[PATH_MAXLEN + 64] = "root:x:0:0::/";
	struct user	 u;
	size_t		 n = strlen(p);

	(void)state;
	memset(p + n, 'a', PATH_MAXLEN - 1);
	assert_int_equal(resolve(&u, "root", NULL, p, n + PATH_MAXLEN - 1,
	    NULL, 0), USER_OK);
	assert_int_equal(strlen(u.home), PATH_MAXLEN);
	p[n + PATH_MAXLEN - 1] = 'a';
	assert_int_equal(resolve(&u, "root", NULL, p, n + PATH_MAXLEN, NULL,
	    0), USER_ENTRY);
}

/* As many lines as anyone has, and no more. */
static void
test_many_lines(void **state)
{
	struct user	 u;
	char		*p;

	(void)state;
	p = malloc(PASSWD_MAX);
	assert_non_null(p);
	memset(p, '\n', PASSWD_MAX);
	assert_int_equal(resolve(&u, "bob", NULL, p, PASSWD_MAX, NULL, 0),
	    USER_PASSWD);
	assert_int_equal(resolve(&u, "0:bob", NULL, passwd,
	    sizeof(passwd) - 1, p, PASSWD_MAX), USER_GROUP_FILE);
	memset(p, 'x', PASSWD_MAX);
	assert_int_equal(resolve(&u, "bob", NULL, p, PASSWD_MAX, NULL, 0),
	    USER_UNKNOWN);
	free(p);
}

static void
test_many_groups(void **state)
{
	static const char	 line[] = "g:x:1:bob\n";
	struct user		 u;
	size_t			 i, len = sizeof(line) - 1;
	char			*g;

	(void)state;
	g = malloc((USER_GROUPS_MAX + 1) * len);
	assert_non_null(g);
	for (i = 0; i <= USER_GROUPS_MAX; i++)
		memcpy(g + i * len, line, len);
	assert_int_equal(resolve(&u, "bob", NULL, passwd, sizeof(passwd) - 1,
	    g, USER_GROUPS_MAX * len), USER_OK);
	assert_int_equal(u.ngroups, USER_GROUPS_MAX);
	assert_int_equal(resolve(&u, "bob", NULL, passwd, sizeof(passwd) - 1,
	    g, (USER_GROUPS_MAX + 1) * len), USER_GROUP_MANY);
	free(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_groups_of_a_user),
		cmocka_unit_test(test_no_files),
		cmocka_unit_test(test_forged_group_line_of_a_member),
		cmocka_unit_test(test_nul_in_home),
		cmocka_unit_test(test_long_home),
		cmocka_unit_test(test_many_lines),
		cmocka_unit_test(test_many_groups),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
