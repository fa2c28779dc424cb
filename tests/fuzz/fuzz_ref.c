/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Image references: what is taken has one normal form. */
#include "../../common/ref.h"
#include "../../common/valid.h"
#include "fuzz.h"

static void
check(const struct ref *r, const char *s)
{
	char		 text[REF_MAXLEN + 1], again[REF_MAXLEN + 1];
	struct ref	 r2;

	MUST(r->host[0] != '\0' && r->repository[0] != '\0');
	MUST(r->digest[0] == '\0' || valid_digest(r->digest));
	MUST((r->tag[0] == '\0') != (r->digest[0] == '\0'));
	MUST(ref_format(r, text, sizeof(text)) == 0);
	fuzz_text(text, sizeof(text));
	MUST(ref_normal(text));
	MUST(strcmp(ref_pinned(text), r->digest) == 0);
	MUST(ref_normal(s) == (strcmp(s, text) == 0));
	MUST(ref_parse(text, &r2) == REF_OK);
	MUST(strcmp(r->host, r2.host) == 0 && r->port == r2.port &&
	    strcmp(r->repository, r2.repository) == 0 &&
	    strcmp(r->tag, r2.tag) == 0 && strcmp(r->digest, r2.digest) == 0);
	MUST(ref_format(&r2, again, sizeof(again)) == 0);
	MUST(strcmp(text, again) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_in	 in = { data, len };
	struct ref	 r;
	enum ref_error	 error;
	char		*s = fuzz_part(&in, NULL);

	error = ref_parse(s, &r);
	MUST(ref_strerror(error) != NULL);
	if (error == REF_OK)
		check(&r, s);
	else
		MUST(!ref_normal(s));
	free(s);
	return (0);
}
