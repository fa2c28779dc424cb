/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* worker/fetch/addr.c: which addresses may be connected to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "../../worker/fetch/fetch.h"

static const struct {
	const char	*text;
	enum addr_class	 class;
} table[] = {
	{ "1.1.1.1", ADDR_PUBLIC }, { "9.255.255.255", ADDR_PUBLIC },
	{ "11.0.0.0", ADDR_PUBLIC }, { "172.15.255.255", ADDR_PUBLIC },
	{ "172.32.0.0", ADDR_PUBLIC }, { "192.169.0.0", ADDR_PUBLIC },
	{ "100.63.255.255", ADDR_PUBLIC }, { "100.128.0.0", ADDR_PUBLIC },
	{ "169.253.1.1", ADDR_PUBLIC }, { "126.255.255.255", ADDR_PUBLIC },
	{ "10.0.0.1", ADDR_PRIVATE }, { "172.16.0.1", ADDR_PRIVATE },
	{ "172.31.255.255", ADDR_PRIVATE }, { "192.168.1.1", ADDR_PRIVATE },
	{ "100.64.0.1", ADDR_PRIVATE }, { "198.19.0.1", ADDR_PRIVATE },
	{ "127.0.0.1", ADDR_LOOPBACK }, { "127.255.1.2", ADDR_LOOPBACK },
	{ "169.254.1.1", ADDR_LINKLOCAL },
	{ "169.254.169.254", ADDR_METADATA },
	{ "100.100.100.200", ADDR_METADATA },
	{ "168.63.129.16", ADDR_METADATA },
	{ "0.0.0.0", ADDR_UNSPECIFIED }, { "0.1.2.3", ADDR_UNSPECIFIED },
	{ "224.0.0.1", ADDR_MULTICAST }, { "239.1.1.1", ADDR_MULTICAST },
	{ "240.0.0.1", ADDR_RESERVED }, { "255.255.255.255", ADDR_RESERVED },
	{ "2606:4700::1", ADDR_PUBLIC }, { "::", ADDR_UNSPECIFIED },
	{ "::1", ADDR_LOOPBACK }, { "fc00::1", ADDR_PRIVATE },
	{ "fdff::1", ADDR_PRIVATE }, { "fd00:ec2::254", ADDR_METADATA },
	{ "fe80::1", ADDR_LINKLOCAL }, { "febf::1", ADDR_LINKLOCAL },
	{ "fec0::1", ADDR_PRIVATE }, { "ff02::1", ADDR_MULTICAST },
	{ "2001::1", ADDR_RESERVED }, { "2001:4860::1", ADDR_PUBLIC },
	{ "::ffff:127.0.0.1", ADDR_LOOPBACK },
	{ "::ffff:1.1.1.1", ADDR_PUBLIC },
	{ "::ffff:169.254.169.254", ADDR_METADATA },
	{ "::127.0.0.1", ADDR_LOOPBACK },
	{ "64:ff9b::10.0.0.1", ADDR_PRIVATE },
	{ "64:ff9b::1.1.1.1", ADDR_PUBLIC },
	{ "64:ff9b:1::1", ADDR_PRIVATE },
	{ "2002:7f00:1::", ADDR_LOOPBACK },
	{ "2002:101:101::", ADDR_PUBLIC },
};

static const struct sockaddr *
address(const char *text)
{
	static union {
		struct sockaddr		 sa;
		struct sockaddr_in	 in4;
		struct sockaddr_in6	 in6;
	} u;

	memset(&u, 0, sizeof(u));
	if (inet_pton(AF_INET, text, &u.in4.sin_addr) == 1)
		u.in4.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &u.in6.sin6_addr) == 1)
		u.in6.sin6_family = AF_INET6;
	else
		fail_msg("%s is no address", text);
	return (&u.sa);
}

static void
test_classify(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (addr_classify(address(table[i].text)) != table[i].class)
			fail_msg("%s: class %d", table[i].text,
			    addr_classify(address(table[i].text)));
}

static int
may(struct addr_policy *p, const char *text, int registry)
{
	return (addr_refused(p, address(text), registry) == NULL);
}

/* Whatever is neither public nor private must have been named. */
static void
test_named(void **state)
{
	struct addr_policy	 p;

	(void)state;
	addr_policy_init(&p, "registry.example");
	assert_false(may(&p, "127.0.0.1", 1));
	assert_false(may(&p, "::1", 1));
	assert_false(may(&p, "169.254.169.254", 1));
	assert_false(may(&p, "169.254.1.1", 1));
	assert_false(may(&p, "0.0.0.0", 1));
	assert_false(may(&p, "224.0.0.1", 1));
	assert_true(may(&p, "10.0.0.1", 1));
	assert_true(may(&p, "1.1.1.1", 1));
	addr_policy_init(&p, "169.254.1.1");
	assert_true(may(&p, "169.254.1.1", 1));
	assert_true(may(&p, "169.254.1.1", 0));	/* another port of it */
	assert_false(may(&p, "169.254.1.2", 1));
	assert_false(may(&p, "169.254.1.2", 0));
	addr_policy_init(&p, "[::]");
	assert_true(may(&p, "::", 1));
	assert_false(may(&p, "0.0.0.0", 1));
}

/* "localhost" is any of them, a named address is itself alone. */
static void
test_loopback(void **state)
{
	static const char	*const names[] = { "localhost", "LocalHost",
		"127.0.0.1", "[::1]" };
	struct addr_policy	 p;
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		addr_policy_init(&p, names[i]);
		assert_true(may(&p, "127.0.0.1", 1) == (i != 3));
		assert_true(may(&p, "127.0.0.1", 0) == (i != 3));
		assert_true(may(&p, "::1", 1) == (i != 2));
		assert_true(may(&p, "127.0.0.2", 0) == (i < 2));
		assert_true(may(&p, "192.168.0.1", 0));
		assert_true(may(&p, "1.1.1.1", 0));
		assert_false(may(&p, "169.254.169.254", 0));
	}
}

/* A public registry leads nobody into a private network. */
static void
test_foreign(void **state)
{
	struct addr_policy	 p;

	(void)state;
	addr_policy_init(&p, "registry.example");
	assert_false(may(&p, "10.0.0.1", 0));	/* not even seen yet */
	assert_true(may(&p, "1.1.1.1", 1));
	assert_false(may(&p, "10.0.0.1", 0));
	assert_true(may(&p, "9.9.9.9", 0));
	assert_true(may(&p, "10.0.0.1", 1));
	assert_false(may(&p, "10.0.0.2", 0));	/* once public, always */

	addr_policy_init(&p, "registry.example");
	assert_true(may(&p, "10.0.0.1", 1));
	assert_true(may(&p, "10.0.0.2", 0));
	assert_false(may(&p, "127.0.0.1", 0));
	assert_true(may(&p, "1.1.1.1", 1));
	assert_false(may(&p, "10.0.0.2", 0));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_classify),
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_foreign),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
