/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Our parser of request heads against llhttp's strict mode: whatever ours
 * takes, llhttp takes too, and both see the same method, target, version,
 * header fields and end.  (Ours takes less; methods that llhttp has not
 * heard of end in 405 with us.)
 */
#include <llhttp/llhttp.h>

#include <strings.h>

#include "../../worker/http/http.h"
#include "fuzz.h"

struct text {
	char		 s[HTTP_HEAD_MAX];
	size_t		 len;
};

struct seen {			/* by llhttp */
	struct text	 url, fields;	/* fields: name ":" value "\n" */
	int		 complete;
};

static void
text_add(struct text *t, const char *s, size_t len)
{
	MUST(len <= sizeof(t->s) - t->len);
	memcpy(t->s + t->len, s, len);
	t->len += len;
}

static struct seen *
seen_of(llhttp_t *p)
{
	return (p->data);
}

static int
on_url(llhttp_t *p, const char *s, size_t len)
{
	text_add(&seen_of(p)->url, s, len);
	return (0);
}

static int
on_field(llhttp_t *p, const char *s, size_t len)
{
	text_add(&seen_of(p)->fields, s, len);
	return (0);
}

static int
on_field_end(llhttp_t *p)
{
	text_add(&seen_of(p)->fields, ":", 1);
	return (0);
}

static int
on_value(llhttp_t *p, const char *s, size_t len)
{
	text_add(&seen_of(p)->fields, s, len);
	return (0);
}

/* Blanks behind a value are not of it (RFC 9112 5.1); llhttp leaves them. */
static int
on_value_end(llhttp_t *p)
{
	struct text	*t = &seen_of(p)->fields;

	while (t->len > 0 && (t->s[t->len - 1] == ' ' ||
	    t->s[t->len - 1] == '\t'))
		t->len--;
	text_add(t, "\n", 1);
	return (0);
}

static int
on_head_end(llhttp_t *p)
{
	seen_of(p)->complete = 1;
	return (HPE_PAUSED);
}

/* The fields as ours cuts them, in the same form. */
static void
our_fields(const char *buf, size_t len, struct text *t)
{
	const char	*end, *colon, *stop = buf + len - 2;

	t->len = 0;
	buf = (const char *)memchr(buf, '\n', len) + 1;
	for (; buf < stop; buf = end + 2) {
		end = memchr(buf, '\r', (size_t)(stop - buf));
		colon = memchr(buf, ':', (size_t)(end - buf));
		MUST(colon != NULL);
		text_add(t, buf, (size_t)(colon + 1 - buf));
		for (colon++; colon < end && (*colon == ' ' ||
		    *colon == '\t'); colon++)
			continue;
		text_add(t, colon, (size_t)(end - colon));
		while (t->s[t->len - 1] == ' ' || t->s[t->len - 1] == '\t')
			t->len--;
		text_add(t, "\n", 1);
	}
}

static int
method_same(const struct http_request *r, const llhttp_t *p)
{
	switch (r->method) {
	case HTTP_GET:
		return (p->method == 1);	/* llhttp's HTTP_GET */
	case HTTP_HEAD:
		return (p->method == 2);
	case HTTP_POST:
		return (p->method == 3);
	default:
		return (1);
	}
}

static void
same(const struct http_request *r, const char *buf, llhttp_t *p)
{
	static struct text	 ours;
	const struct seen	*s = p->data;
	size_t			 len = r->path.len;

	MUST(method_same(r, p));
	MUST(p->http_major == 1 && p->http_minor == r->minor);
	if (r->query.off != 0)
		len += 1 + r->query.len;
	MUST(s->url.len == len &&
	    memcmp(s->url.s, buf + r->path.off, len) == 0);
	our_fields(buf, r->line, &ours);
	MUST(s->fields.len == ours.len &&
	    memcmp(s->fields.s, ours.s, ours.len) == 0);
	MUST(p->content_length == r->body);
	MUST((p->flags & (F_CHUNKED | F_TRANSFER_ENCODING)) == 0);
	/*
	 * "close, keep-alive" keeps a connection of HTTP/1.0 open for llhttp;
	 * for us close wins (RFC 9112 9.3).  The other way would be wrong.
	 */
	MUST(!r->keepalive || llhttp_should_keep_alive(p));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const llhttp_settings_t	 settings = {
		.on_url = on_url,
		.on_header_field = on_field,
		.on_header_field_complete = on_field_end,
		.on_header_value = on_value,
		.on_header_value_complete = on_value_end,
		.on_headers_complete = on_head_end,
	};
	static struct seen	 s;
	struct http_request	 r;
	llhttp_t		 p;
	llhttp_errno_t		 error;
	char			*buf = fuzz_copy(data, len);

	memset(&r, 0, sizeof(r));
	if (http_parse(&r, buf, len) == HTTP_WHOLE &&
	    r.method != HTTP_OTHER) {
		memset(&s, 0, sizeof(s));
		llhttp_init(&p, 1 /* requests */, &settings);
		p.data = &s;
		error = llhttp_execute(&p, buf, r.line);
		MUST(error == HPE_OK || error == HPE_PAUSED);
		MUST(s.complete);
		same(&r, buf, &p);
	}
	free(buf);
	return (0);
}
