/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* WWW-Authenticate: one field value a line. */
#include "../../worker/fetch/fetch.h"
#include "fuzz.h"

static void
ends(const char *s, size_t size)
{
	MUST(strnlen(s, size) < size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct challenge	 c;
	const uint8_t		*end;
	size_t			 n;
	char			*value;
	int			 r = 0;

	memset(&c, 0, sizeof(c));
	while (len > 0 && r == 0) {
		end = memchr(data, '\n', len);
		n = end == NULL ? len : (size_t)(end - data);
		value = fuzz_copy(data, n);
		r = challenge_parse(value, n, &c);
		free(value);
		data += n + (end != NULL);
		len -= n + (end != NULL);
	}
	if (r != 0)
		return (0);
	ends(c.realm, sizeof(c.realm));
	ends(c.service, sizeof(c.service));
	ends(c.scope, sizeof(c.scope));
	ends(c.error, sizeof(c.error));
	MUST(c.realm[0] == '\0' || (c.schemes & CHALLENGE_BEARER) != 0);
	return (0);
}
