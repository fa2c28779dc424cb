/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What a registry answers to berth-fetch: is it the thing that was asked
 * for, of the size that was announced?  A reason to refuse is kept in
 * r->why, as libcurl must not be left from inside its callbacks.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "request.h"

#define SCHEMA1_PREFIX	"application/vnd.docker.distribution.manifest.v1+"

typedef unsigned long long	 ull;

static int __attribute__((format(printf, 2, 3)))
refuse(struct request *r, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
	return (-1);
}

/* Is it one of the four types of manifest? */
static int
check_type(struct request *r, const struct http_head *head)
{
	if (header_media(head->type) != MEDIA_UNKNOWN)
		return (0);
	if (strncmp(head->type, SCHEMA1_PREFIX, strlen(SCHEMA1_PREFIX)) == 0)
		return (refuse(r, "expected an OCI or Docker schema 2 "
		    "manifest, got Docker schema 1, which is obsolete: its "
		    "publisher must push it again"));
	return (refuse(r, "expected one of OCI manifest, OCI index, Docker "
	    "manifest, Docker manifest list, got %s", head->type[0] != '\0' ?
	    head->type : "no content type"));
}

/* A digest that the registry itself calls another can only be wrong. */
static int
check_digest(struct request *r, const struct http_head *head)
{
	if (strchr(r->spec.name, ':') == NULL || head->digest[0] == '\0' ||
	    strcmp(head->digest, r->spec.name) == 0)
		return (0);
	return (refuse(r, "expected %s, got %s (Docker-Content-Digest)",
	    r->spec.name, head->digest));
}

/* 200: the whole thing. */
static int
check_whole(struct request *r, const struct http_head *head)
{
	if (head->length != UINT64_MAX && r->spec.size != UINT64_MAX &&
	    head->length != r->spec.size)
		return (refuse(r, "expected %llu bytes, got %llu "
		    "(Content-Length)", (ull)r->spec.size,
		    (ull)head->length));
	if (head->length != UINT64_MAX && r->spec.size == UINT64_MAX &&
	    head->length > r->spec.max)
		return (refuse(r, "expected at most %llu bytes, got %llu "
		    "(Content-Length)", (ull)r->spec.max, (ull)head->length));
	if (!r->spec.resume)
		r->got = 0;
	r->skip = r->got;
	return (0);
}

/* 206: the rest, from exactly where we are, to exactly the end. */
static int
check_part(struct request *r, const struct http_head *head)
{
	uint64_t	 first, last, total;

	if (header_range(head->range, &first, &last, &total) == -1 ||
	    first != r->got || last != r->spec.size - 1 ||
	    (total != UINT64_MAX && total != r->spec.size) ||
	    (head->length != UINT64_MAX &&
	    head->length != r->spec.size - r->got))
		return (refuse(r, "expected bytes %llu-%llu/%llu, got "
		    "Content-Range \"%s\"", (ull)r->got,
		    (ull)r->spec.size - 1, (ull)r->spec.size, head->range));
	r->skip = 0;
	return (0);
}

int
request_on_head(void *arg, const struct http_head *head)
{
	struct request	*r = arg;
	int		 part = head->status == 206 && r->spec.resume &&
			    r->got > 0;

	if (head->status != 200 && !part)
		return (0);
	if (head->bad)
		return (refuse(r, "malformed header in the answer"));
	if (head->encoded)
		return (refuse(r, "answer has a Content-Encoding that was "
		    "not asked for"));
	if (!r->spec.head && r->spec.kind == REQUEST_MANIFEST &&
	    (check_type(r, head) == -1 || check_digest(r, head) == -1))
		return (-1);
	if (!r->spec.head && (part ? check_part(r, head) :
	    check_whole(r, head)) == -1)
		return (-1);
	r->f->reg.answered = 1;
	r->logins = 0;
	r->good = 1;
	if (r->spec.sink->begin(r->spec.arg, r, head, r->got) == -1) {
		r->gone = 1;
		return (-1);
	}
	return (0);
}

/* The sink's own bytes, without those that it has from an earlier try. */
static size_t
good_body(struct request *r, const unsigned char *data, size_t len)
{
	uint64_t	 limit;
	size_t		 skip, n;

	limit = r->spec.size != UINT64_MAX ? r->spec.size : r->spec.max;
	skip = r->skip < len ? (size_t)r->skip : len;
	if (len - skip > limit - r->got) {
		refuse(r, "expected %s%llu bytes, got more",
		    r->spec.size != UINT64_MAX ? "" : "at most ", (ull)limit);
		return (HTTP_ABORT);
	}
	if (len > skip) {
		n = r->spec.sink->data(r->spec.arg, data + skip, len - skip);
		if (n == HTTP_PAUSE)
			return (HTTP_PAUSE);
		if (n == HTTP_ABORT) {
			r->gone = 1;
			return (HTTP_ABORT);
		}
	}
	r->got += len - skip;
	r->skip -= skip;
	return (len);
}

size_t
request_on_body(void *arg, const unsigned char *data, size_t len)
{
	struct request	*r = arg;

	if (r->good)
		return (good_body(r, data, len));
	if (body_add(&r->err, data, len) == 0)
		return (len);
	/* the status has said what matters */
	r->overflow = 1;
	return (HTTP_ABORT);
}

/* A good answer has ended: is it all? */
static void
good_done(struct request *r, const struct http_result *res)
{
	char	 text[512];

	if (r->spec.head || (r->spec.size != UINT64_MAX &&
	    r->got == r->spec.size)) {
		request_finish(r, res->head);
		return;
	}
	if (res->code != CURLE_OK) {
		/* one that stalls has one more chance: each takes its time */
		if (res->code == CURLE_OPERATION_TIMEDOUT &&
		    r->retry.tries < FETCH_TRIES_MAX - 2)
			r->retry.tries = FETCH_TRIES_MAX - 2;
		error_transport(res, text, sizeof(text));
		request_cut(r, text);
		return;
	}
	if (r->spec.size == UINT64_MAX) {
		request_finish(r, res->head);
		return;
	}
	/* only a body that ends with the connection can be cut unnoticed */
	if (res->head->length == UINT64_MAX && !res->head->chunked)
		request_cut(r, "the connection was closed");
	else
		request_fail(r, "expected %llu bytes, got %llu",
		    (ull)r->spec.size, (ull)r->got);
}

void
request_on_done(void *arg, const struct http_result *res)
{
	struct request	*r = arg;

	r->x = NULL;
	if (r->why[0] != '\0')
		request_fail(r, "%s", r->why);
	if (r->gone) {
		r->spec.sink->gone(r->spec.arg);
		request_cancel(r);
	} else if (r->good)
		good_done(r, res);
	else if (res->head->status == 0 || (res->code != CURLE_OK &&
	    !r->overflow && res->head->status < 300))
		request_unreached(r, res);
	else
		request_status(r, res->head);
}
