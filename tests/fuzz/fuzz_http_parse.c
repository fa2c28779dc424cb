/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The head of a request to the control endpoints: the same bytes, whole or
 * one by one, are the same request.
 */
#include "../../worker/http/http.h"
#include "fuzz.h"

static void
inside(const struct http_slice *s, uint32_t head)
{
	MUST(s->off <= head && s->len <= head - s->off);
}

static void
check(const struct http_request *r, const char *buf)
{
	MUST(r->line <= HTTP_HEAD_MAX && r->body <= HTTP_BODY_MAX);
	inside(&r->path, r->line);
	inside(&r->query, r->line);
	inside(&r->authorization, r->line);
	MUST(r->path.len > 0 && buf[r->path.off] == '/');
	MUST(memcmp(buf + r->line - 4, "\r\n\r\n", 4) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct http_request	 whole, pieces;
	enum http_result	 r, p = HTTP_MORE;
	char			*buf = fuzz_copy(data, len), *part;
	const char		*text;
	size_t			 i;

	memset(&whole, 0, sizeof(whole));
	memset(&pieces, 0, sizeof(pieces));
	r = http_parse(&whole, buf, len);
	for (i = 1; i <= len && p == HTTP_MORE; i++) {
		/* small ones in buffers of their own: none read too far */
		part = len <= 512 ? fuzz_copy(buf, i) : buf;
		p = http_parse(&pieces, part, i);
		if (part != buf)
			free(part);
	}
	MUST(r == p);
	if (r == HTTP_WHOLE) {
		check(&whole, buf);
		pieces.scan = whole.scan;
		MUST(memcmp(&whole, &pieces, sizeof(whole)) == 0);
	} else if (r != HTTP_MORE)
		MUST(http_refusal(r, &text) >= 400 && text != NULL);
	free(buf);
	return (0);
}
