/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* A registry's index, and what a platform finds in it. */
#include "../../broker/unpack/image.h"
#include "../../common/valid.h"
#include "fuzz.h"

static void
entry(const struct index_entry *e)
{
	MUST(valid_digest(e->digest) && e->size <= MANIFEST_MAX);
	MUST(e->anywhere || (valid_platform(e->platform.os) &&
	    valid_platform(e->platform.arch) &&
	    valid_platform(e->platform.variant)));
}

static void
check(const struct index *x)
{
	static const struct msg_platform	 want[] = {
		{ "linux", "amd64", "" }, { "linux", "arm64", "" },
		{ "linux", "arm", "v6" }, { "linux", "amd64", "v3" },
	};
	const struct index_entry	*e;
	char				 text[256] = "";
	size_t				 i, pos, n;

	MUST(x->n <= x->total && x->total <= INDEX_ENTRIES_MAX);
	for (i = 0; i < x->n; i++)
		entry(&x->entries[i]);
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		if ((e = index_match(x, &want[i])) != NULL)
			MUST(strcmp(e->platform.arch, want[i].arch) == 0);
		for (pos = n = 0; index_nested(x, &want[i], &pos) != NULL;)
			MUST(++n <= x->n);
	}
	(void)index_anywhere(x);
	index_platforms(x, text, sizeof(text));
	fuzz_text(text, sizeof(text));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct document	 d;
	struct why	 why;
	void		*copy = fuzz_copy(data, len);

	memset(&why, 0, sizeof(why));
	if (document_parse(copy, len, MEDIA_UNKNOWN, &d, &why) == 0) {
		if (d.media == MEDIA_OCI_INDEX ||
		    d.media == MEDIA_DOCKER_LIST)
			check(&d.index);
		document_free(&d);
	} else {
		MUST(why.text[0] != '\0');
		fuzz_text(why.text, sizeof(why.text));
	}
	free(copy);
	return (0);
}
