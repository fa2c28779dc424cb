/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* What a registry says when it refuses. */
#include "../../worker/fetch/fetch.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct body	 b;
	char		 text[512], small[20];

	memset(&b, 0, sizeof(b));
	b.max = ERRORBODY_MAX;
	if (body_add(&b, data, len) == 0) {
		error_status(404, &b, text, sizeof(text));
		MUST(strnlen(text, sizeof(text)) < sizeof(text));
		error_status(999, &b, small, sizeof(small));
		MUST(strnlen(small, sizeof(small)) < sizeof(small));
	}
	body_free(&b);
	return (0);
}
