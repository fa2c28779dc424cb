/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* worker/fetch/challenge.c: what registries put into WWW-Authenticate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../worker/fetch/fetch.h"

#define B	CHALLENGE_BEARER

static const struct {
	const char	*value;
	unsigned int	 schemes;
	const char	*realm, *service, *scope, *error;
} good[] = {
	{ "Bearer realm=\"https://auth.docker.io/token\","
	    "service=\"registry.docker.io\","
	    "scope=\"repository:library/redis:pull\"", B,
	    "https://auth.docker.io/token", "registry.docker.io",
	    "repository:library/redis:pull", "" },
	{ "bearer REALM=\"r\" , Scope=\"repository:a:pull,push\"", B,
	    "r", "", "repository:a:pull,push", "" },
	{ "Bearer realm=r,error=insufficient_scope", B,
	    "r", "", "", "insufficient_scope" },
	{ "Bearer realm = \"r\" ,\tservice\t=s", B, "r", "s", "", "" },
	{ "Bearer realm=\"a\\\"b\\\\c\"", B, "a\"b\\c", "", "", "" },
	{ "Bearer realm=\"\"", B, "", "", "", "" },
	{ "Bearer", B, "", "", "", "" },
	{ "Bearer realm=\"r\", foo=\"bar, realm=no\"", B, "r", "", "", "" },
	{ "Basic realm=\"x\"", CHALLENGE_BASIC, "", "", "", "" },
	{ "Basic realm=\"x\", Bearer realm=\"r\"", B | CHALLENGE_BASIC,
	    "r", "", "", "" },
	{ "Bearer realm=\"r\", Basic realm=\"x\", charset=\"UTF-8\"",
	    B | CHALLENGE_BASIC, "r", "", "", "" },
	{ "Bearer realm=\"one\", Bearer realm=\"two\"", B,
	    "one", "", "", "" },
	{ "Negotiate, Basic realm=x", CHALLENGE_OTHER | CHALLENGE_BASIC,
	    "", "", "", "" },
	{ "Negotiate oYG2MIG/+a==, Bearer realm=r", CHALLENGE_OTHER | B,
	    "r", "", "", "" },
	{ ", ,Bearer realm=r,,service=s, ", B, "r", "s", "", "" },
	{ "", 0, "", "", "", "" },
};

static const char	*const bad[] = {
	"Bearer realm=\"r",
	"Bearer realm=\"r\\",
	"Bearer realm=\"a\nb\"",
	"Bearer realm=\"a\x01\"",
	"Bearer realm=r realm=s",
	"Bearer realm=r, realm=s",
	"Bearer realm=r service=s",
	"Bearer realm=\"r\"x",
	"Bearer realm=, service=s",
	"realm=r",
	"=r",
	"\"Bearer\"",
	"Bearer realm=r, =s",
	"Bearer \xc3\xa9=r",
	"Bearer a=,b=,c=",
	("Bearer a=1,b=2,c=3,d=4,e=5,f=6,g=7,h=8,i=9,j=1,k=1,l=1,m=1,n=1,o=1"
	",p=1,q=1"),
};

static void
test_good(void **state)
{
	struct challenge	 c;
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		memset(&c, 0, sizeof(c));
		if (challenge_parse(good[i].value, strlen(good[i].value),
		    &c) == -1)
			fail_msg("refused: %s", good[i].value);
		assert_int_equal(c.schemes, good[i].schemes);
		assert_string_equal(c.realm, good[i].realm);
		assert_string_equal(c.service, good[i].service);
		assert_string_equal(c.scope, good[i].scope);
		assert_string_equal(c.error, good[i].error);
	}
}

static void
test_bad(void **state)
{
	struct challenge	 c;
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&c, 0, sizeof(c));
		if (challenge_parse(bad[i], strlen(bad[i]), &c) == 0)
			fail_msg("taken: %s", bad[i]);
	}
}

/* Several fields are one list; the first Bearer is the one. */
static void
test_fields(void **state)
{
	static const char	 one[] = "Basic realm=x";
	static const char	 two[] = "Bearer realm=r";
	static const char	 three[] = "Bearer realm=s,service=t";
	struct challenge	 c;

	(void)state;
	memset(&c, 0, sizeof(c));
	assert_int_equal(challenge_parse(one, strlen(one), &c), 0);
	assert_int_equal(challenge_parse(two, strlen(two), &c), 0);
	assert_int_equal(challenge_parse(three, strlen(three), &c), 0);
	assert_int_equal(c.schemes, CHALLENGE_BASIC | CHALLENGE_BEARER);
	assert_string_equal(c.realm, "r");
	assert_string_equal(c.service, "");
}

/* Too long for its place is refused, elsewhere it does not matter. */
static void
test_long(void **state)
{
	struct challenge	 c;
	char			 value[4096];
	size_t			 len;

	(void)state;
	memset(&c, 0, sizeof(c));
	memset(value, 'a', sizeof(value));
	memcpy(value, "Bearer realm=", 13);
	len = 13 + sizeof(c.realm) - 1;
	assert_int_equal(challenge_parse(value, len, &c), 0);
	assert_int_equal(strlen(c.realm), sizeof(c.realm) - 1);
	memset(&c, 0, sizeof(c));
	assert_int_equal(challenge_parse(value, len + 1, &c), -1);
	memset(&c, 0, sizeof(c));
	memcpy(value, "Bearer other=", 13);
	assert_int_equal(challenge_parse(value, len + 1, &c), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_long),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
