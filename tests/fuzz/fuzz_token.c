/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The JSON that a token server answers with. */

/* for auth_read(), which is no one else's */
#include "../../worker/fetch/auth.c"
#include "fetchstub.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct auth	 a;

	memset(&a, 0, sizeof(a));
	a.body.max = TOKEN_MAX;
	MUST(body_add(&a.body, data, len) == 0 || len > TOKEN_MAX);
	if (a.body.len > 0 && auth_read(&a) == 0) {
		MUST(a.token[0] != '\0' && strlen(a.token) <= TOKEN_MAXLEN);
		MUST(strpbrk(a.token, " \t\r\n") == NULL);
		fuzz_text(a.token, strlen(a.token) + 1);
		MUST(a.end > seconds());
	}
	forget(&a);
	body_free(&a.body);
	return (0);
}
