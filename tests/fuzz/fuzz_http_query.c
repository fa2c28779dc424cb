/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The query of /start: what is taken passes the broker's own check of the
 * message that it becomes.
 */
#include "../../worker/http/http.h"
#include "fuzz.h"

static const struct http_app	 apps[] = {
	{ "one", 3, { { "id", PARAM_REQUIRED }, { "alias", 0 },
	    { "token", PARAM_SECRET } } },
	{ "two", 1, { { "a-b.c_d", 0 } } },
	{ "none", 0, { { "", 0 } } },
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_in		 in = { data, len };
	struct query_why	 why;
	struct msg_http_start	*m;
	char			 text[256], *q;
	uint8_t			 how = fuzz_byte(&in);
	uint32_t		 napps = how % 3 + 1;

	memset(&why, 0, sizeof(why));
	q = fuzz_copy(in.p, in.len);
	MUST((m = malloc(sizeof(*m))) != NULL);
	if (http_query(q, in.len, apps, napps, (how & 4) == 0, m, &why) ==
	    0) {
		MUST(m->app < napps && m->n <= apps[m->app].nparams);
		MUST(msg_check[MSG_HTTP_START](m));
	} else {
		query_text(&why, text, sizeof(text));
		fuzz_text(text, sizeof(text));
		MUST(text[0] != '\0');
	}
	free(m);
	free(q);
	return (0);
}
