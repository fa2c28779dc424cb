/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* What went wrong with an exchange, in words; berth-fetch. */
#include "fetch.h"

#include <jansson.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	unsigned int	 status;
	const char	*text;
} phrases[] = {
	{ 400, "bad request" },
	{ 401, "unauthorized" },
	{ 403, "forbidden" },
	{ 404, "not found" },
	{ 405, "method not allowed" },
	{ 406, "not acceptable" },
	{ 408, "request timeout" },
	{ 410, "gone" },
	{ 416, "range not satisfiable" },
	{ 429, "too many requests" },
	{ 451, "unavailable for legal reasons" },
	{ 500, "internal server error" },
	{ 501, "not implemented" },
	{ 502, "bad gateway" },
	{ 503, "service unavailable" },
	{ 504, "gateway timeout" },
};

/* strerror() without its capital, as it follows a colon. */
static void
error_errno(int e, char *text, size_t size)
{
	snprintf(text, size, "%s", strerror(e));
	text[0] = (char)tolower((unsigned char)text[0]);
}

void
error_transport(const struct http_result *r, char *text, size_t size)
{
	if (r->refused != NULL) {
		snprintf(text, size, "address %s is refused: it is %s",
		    r->address, r->refused);
		return;
	}
	switch (r->code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		snprintf(text, size, "could not resolve host");
		break;
	case CURLE_COULDNT_CONNECT:
		if (r->os_errno != 0)
			error_errno(r->os_errno, text, size);
		else
			snprintf(text, size, "could not connect");
		break;
	case CURLE_OPERATION_TIMEDOUT:
		snprintf(text, size, "timed out (%s)", r->text);
		break;
	case CURLE_SSL_CONNECT_ERROR:
		if (strstr(r->text, "wrong version number") != NULL) {
			snprintf(text, size, "does not speak TLS");
			break;
		}
		/* FALLTHROUGH */
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CIPHER:
		snprintf(text, size, "TLS: %s", r->text);
		break;
	case CURLE_GOT_NOTHING:
		snprintf(text, size, "closed the connection without an answer");
		break;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		snprintf(text, size, "does not speak HTTP (%s)", r->text);
		break;
	case CURLE_OUT_OF_MEMORY:
		/* libcurl's word for a field beyond CURL_MAX_HTTP_HEADER */
		snprintf(text, size, "out of memory, or a header field "
		    "longer than %d bytes", CURL_MAX_HTTP_HEADER);
		break;
	case CURLE_WRITE_ERROR:
		/* ours alone refuse: head_line() did */
		snprintf(text, size, "answer's header is malformed or longer "
		    "than %llu bytes", HTTPHEAD_MAX);
		break;
	default:
		snprintf(text, size, "%s", r->text);
		break;
	}
}

/* A string member of a JSON object, or "". */
static const char *
member(const json_t *o, const char *key)
{
	const char	*s = json_string_value(json_object_get(o, key));

	return (s != NULL ? s : "");
}

/*
 * The first error of a registry's body (distribution-spec, "Error Codes"),
 * or what token servers send instead; nothing when it is something else.
 */
static void
body_text(const struct body *b, char *text, size_t size)
{
	const char	*code, *say;
	json_t		*root, *o;

	text[0] = '\0';
	if (b->len == 0 || (root = json_loadb(b->data, b->len, 0, NULL)) ==
	    NULL)
		return;
	o = json_array_get(json_object_get(root, "errors"), 0);
	code = member(o, "code");
	say = member(o, "message");
	if (*say == '\0')
		say = member(root, "details");
	if (*say == '\0')
		say = member(root, "message");
	if (*code != '\0' || *say != '\0')
		snprintf(text, size, " (%.64s%s%.200s)", code,
		    *code != '\0' && *say != '\0' ? ": " : "", say);
	json_decref(root);
}

void
error_status(unsigned int status, const struct body *b, char *text,
    size_t size)
{
	char		 more[300];
	const char	*phrase = "unexpected answer";
	size_t		 i;

	for (i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			phrase = phrases[i].text;
	body_text(b, more, sizeof(more));
	snprintf(text, size, "%u %s%s", status, phrase, more);
}

int
body_add(struct body *b, const void *data, size_t len)
{
	char	*p;
	size_t	 size;

	if (len > b->max - b->len) {
		errno = E2BIG;
		return (-1);
	}
	if (b->len + len + 1 > b->size) {
		size = (b->len + len + 1) * 2;
		if ((p = malloc(size)) == NULL)
			return (-1);
		if (b->len > 0) {
			memcpy(p, b->data, b->len);
			explicit_bzero(b->data, b->len);
		}
		free(b->data);
		b->data = p;
		b->size = size;
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return (0);
}

void
body_free(struct body *b)
{
	/* it may hold a token */
	if (b->data != NULL)
		explicit_bzero(b->data, b->len);
	free(b->data);
	b->data = NULL;
	b->len = b->size = 0;
}
