/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The head of a registry's answer, line by line as libcurl gives it. */
#include "../../common/valid.h"
#include "../../worker/fetch/head.h"
#include "fuzz.h"

static void
check(const struct http_head *h)
{
	MUST(h->status <= 999);
	MUST(strnlen(h->range, sizeof(h->range)) < sizeof(h->range));
	MUST(strnlen(h->retry, sizeof(h->retry)) < sizeof(h->retry));
	MUST(h->digest[0] == '\0' || valid_digest(h->digest));
	MUST(h->location == NULL || strlen(h->location) <= URL_MAXLEN);
	fuzz_text(h->type, sizeof(h->type));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct head_reader	 r;
	enum head_state		 s = HEAD_MORE;
	const uint8_t		*end;
	size_t			 n;
	char			*line;
	int			 ends = 0;

	head_init(&r);
	while (len > 0 && s != HEAD_ERROR) {
		end = memchr(data, '\n', len);
		n = end == NULL ? len : (size_t)(end - data) + 1;
		line = fuzz_copy(data, n);
		s = head_line(&r, line, n);
		free(line);
		ends += s == HEAD_END;
		check(&r.head);
		data += n;
		len -= n;
	}
	MUST(ends <= 1);
	head_free(&r);
	return (0);
}
