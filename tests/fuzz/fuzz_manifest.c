/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* A registry's manifest. */
#include "../../broker/unpack/image.h"
#include "../../common/valid.h"
#include "fuzz.h"

static void
check(const struct manifest *m)
{
	size_t	 i;

	MUST(valid_digest(m->config) && m->config_size <= CONFIG_MAX);
	MUST(m->nlayers <= LAYERS_MAX);
	for (i = 0; i < m->nlayers; i++)
		MUST(valid_digest(m->layers[i].digest) &&
		    m->layers[i].codec < CODEC_MAX &&
		    m->layers[i].size <= BLOB_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const enum media	 claims[] = { MEDIA_UNKNOWN,
	    MEDIA_OCI_MANIFEST, MEDIA_DOCKER_MANIFEST, MEDIA_OCI_INDEX };
	struct document		 d;
	struct why		 why;
	void			*copy = fuzz_copy(data, len);
	size_t			 i;

	for (i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		memset(&why, 0, sizeof(why));
		if (document_parse(copy, len, claims[i], &d, &why) == -1) {
			MUST(why.text[0] != '\0');
			fuzz_text(why.text, sizeof(why.text));
			continue;
		}
		MUST(claims[i] == MEDIA_UNKNOWN || d.media == claims[i]);
		if (d.media == MEDIA_OCI_MANIFEST ||
		    d.media == MEDIA_DOCKER_MANIFEST)
			check(&d.manifest);
		document_free(&d);
	}
	free(copy);
	return (0);
}
