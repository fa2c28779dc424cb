/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* A record: what is whole can be built again from what was read. */
#include "../../common/record.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct record	 r;
	enum record_key	 key;
	const char	*value;
	size_t		 off = 0, n;
	void		*copy = fuzz_copy(data, len);

	if (record_check(copy, len) == 0) {
		record_init(&r);
		while ((key = record_next(copy, len, &off, &value, &n)) !=
		    REC_NONE) {
			MUST(key < REC_MAX && strlen(value) == n);
			record_add(&r, key, value, n);
		}
		MUST(off == len || len == sizeof(RECORD_MAGIC) - 1);
		MUST(r.error == 0 && r.len == len);
		MUST(memcmp(r.data, copy, len) == 0);
		record_free(&r);
	}
	free(copy);
	return (0);
}
