/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Content-Range, Retry-After, Content-Length and Content-Type. */
#include "../../worker/fetch/fetch.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_in	 in = { data, len };
	struct retry	 retry = { 0, 0 };
	char		*s = fuzz_part(&in, NULL), type[32];
	uint64_t	 first, last, total, n, ms;
	int		 tries;

	if (header_range(s, &first, &last, &total) == 0)
		MUST(first <= last && last < total);
	(void)header_number(s, &n);
	(void)header_retry(s, 784111777, &n);
	if (header_type(s, type, sizeof(type)) == 0) {
		fuzz_text(type, sizeof(type));
		(void)header_media(type);
	}
	for (tries = 1; retry_next(&retry, s, 500, &ms) == 0; tries++)
		MUST(ms <= FETCH_WAIT_MAX_MS);
	MUST(tries <= FETCH_TRIES_MAX && retry.waited <= FETCH_WAIT_MAX_MS);
	free(s);
	return (0);
}
