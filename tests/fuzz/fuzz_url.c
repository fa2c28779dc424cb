/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* URLs of a registry: base, Location, service and scope of a token. */
#include "../../worker/fetch/fetch.h"
#include "fuzz.h"

static void
check(const struct url *u)
{
	char		 host[URL_MAXLEN + 16];
	struct url	 again;

	MUST(strcmp(u->scheme, "http") == 0 ||
	    strcmp(u->scheme, "https") == 0);
	MUST(u->host[0] != '\0' && u->port != 0);
	MUST(strchr(u->host, '@') == NULL && strchr(u->host, '/') == NULL);
	MUST(strchr(u->text, '#') == NULL);
	fuzz_text(u->text, strlen(u->text) + 1);
	url_host(u, host, sizeof(host));
	fuzz_text(u->host, sizeof(host));
	/* who judges and who connects see the same */
	MUST(strlen(u->text) > URL_MAXLEN ||
	    url_parse(u->text, &again) == URL_OK);
	if (strlen(u->text) <= URL_MAXLEN) {
		MUST(url_same_origin(u, &again));
		url_free(&again);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_in	 in = { data, len };
	char		*s[4];
	struct url	 base, u;
	size_t		 i;

	for (i = 0; i < 4; i++)
		s[i] = fuzz_part(&in, NULL);
	if (url_parse(s[0], &base) == URL_OK) {
		check(&base);
		if (url_resolve(&base, s[1], &u) == URL_OK) {
			check(&u);
			MUST(strcmp(base.scheme, "https") != 0 ||
			    strcmp(u.scheme, "https") == 0);
			url_free(&u);
		}
		url_free(&base);
	}
	if (url_token(s[0], s[2], s[3], &u) == URL_OK) {
		check(&u);
		url_free(&u);
	}
	for (i = 0; i < 4; i++)
		free(s[i]);
	return (0);
}
