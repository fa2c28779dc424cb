/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Anonymous bearer tokens of one registry, for berth-fetch's one job
 * (distribution: "Token Authentication Specification").  The realm is the
 * registry's word, and all that it gets from us is the name of the
 * repository; it is still not followed just anywhere.
 */
#include "fetch.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_TIMEOUT	60L	/* seconds */
#define LIFE_MIN	60	/* seconds, and what a token has by default */
#define LIFE_MARGIN	10	/* renewed so long before its end */
#define RETRY_BASE_MS	500

struct auth {
	struct fetch	*f;
	struct challenge challenge;	/* the last that was obeyed */
	char		*token;
	unsigned int	 serial;
	time_t		 end;		/* CLOCK_MONOTONIC, seconds */
	struct url	 url;		/* of the token request */
	int		 busy;		/* a token is being asked for */
	struct event	*timer;
	struct retry	 retry;
	struct body	 body;
	int		 overflow;
	struct request	**waiting;
	size_t		 nwaiting;
};

static void	 auth_send(struct auth *);

static time_t
seconds(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ts.tv_sec);
}

/* Over the token request: "token server S: ...". */
static void __attribute__((format(printf, 2, 3), noreturn))
auth_fail(struct auth *a, const char *fmt, ...)
{
	char	 host[REF_HOST_MAXLEN + 7], text[MSG_TEXT_SIZE];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	url_host(&a->url, host, sizeof(host));
	fetch_fail(a->f, a->nwaiting > 0 ? request_id(a->waiting[0]) : 0,
	    "token server %s: %s", host, text);
}

static void
forget(struct auth *a)
{
	if (a->token != NULL) {
		explicit_bzero(a->token, strlen(a->token));
		free(a->token);
	}
	a->token = NULL;
}

/* Printable, no blanks: it becomes part of a header field. */
static int
token_ok(const char *s)
{
	size_t	 i;

	for (i = 0; s[i] != '\0'; i++)
		if (s[i] <= ' ' || s[i] > '~' || i >= TOKEN_MAXLEN)
			return (0);
	return (i > 0);
}

/* Takes the token out of the answer; 0, or -1. */
static int
auth_read(struct auth *a)
{
	json_t		*root;
	const char	*s;
	json_int_t	 life;

	root = json_loadb(a->body.data, a->body.len, 0, NULL);
	if (root == NULL)
		return (-1);
	s = json_string_value(json_object_get(root, "token"));
	if (s == NULL || *s == '\0')
		s = json_string_value(json_object_get(root, "access_token"));
	life = json_integer_value(json_object_get(root, "expires_in"));
	if (life < LIFE_MIN)
		life = LIFE_MIN;
	if (life > UINT32_MAX)
		life = UINT32_MAX;
	forget(a);
	if (s != NULL && token_ok(s) && (a->token = strdup(s)) != NULL) {
		a->serial++;
		a->end = seconds() + (time_t)life - LIFE_MARGIN;
	}
	json_decref(root);
	return (a->token != NULL ? 0 : -1);
}

static int
auth_on_head(void *arg, const struct http_head *head)
{
	(void)arg;
	(void)head;
	return (0);
}

static size_t
auth_on_body(void *arg, const unsigned char *data, size_t len)
{
	struct auth	*a = arg;

	if (body_add(&a->body, data, len) == 0)
		return (len);
	a->overflow = 1;
	return (HTTP_ABORT);
}

static void
auth_on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	auth_send(arg);
}

static void
auth_retry(struct auth *a, const struct http_head *head)
{
	struct timeval	 tv;
	uint64_t	 ms;
	char		 text[512];

	if (retry_next(&a->retry, head->retry, RETRY_BASE_MS, &ms) == -1) {
		error_status(head->status, &a->body, text, sizeof(text));
		auth_fail(a, "%s", text);
	}
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	evtimer_add(a->timer, &tv);
}

/* All who waited go on; they may come back and wait again. */
static void
auth_wake(struct auth *a)
{
	struct request	**waiting = a->waiting;
	size_t		 i, n = a->nwaiting;

	a->waiting = NULL;
	a->nwaiting = 0;
	a->busy = 0;
	for (i = 0; i < n; i++)
		request_again(waiting[i]);
	free(waiting);
}

static void
auth_on_done(void *arg, const struct http_result *r)
{
	struct auth	*a = arg;
	char		 text[512];

	if (a->overflow)
		auth_fail(a, "answer is longer than %llu bytes", TOKEN_MAX);
	if (r->code != CURLE_OK) {
		error_transport(r, text, sizeof(text));
		auth_fail(a, "%s", text);
	}
	if (r->head->status >= 300 && r->head->status < 400)
		auth_fail(a, "%u redirect refused", r->head->status);
	if (retry_status(r->head->status)) {
		auth_retry(a, r->head);
		return;
	}
	if (r->head->status != 200) {
		error_status(r->head->status, &a->body, text, sizeof(text));
		auth_fail(a, "%s", text);
	}
	if (auth_read(a) == -1)
		auth_fail(a, "answer holds no usable token");
	body_free(&a->body);
	url_free(&a->url);
	auth_wake(a);
}

static void
auth_send(struct auth *a)
{
	struct http_spec	 spec;

	memset(&spec, 0, sizeof(spec));
	body_free(&a->body);
	a->body.max = TOKEN_MAX;
	a->overflow = 0;
	spec.url = &a->url;
	/* a registry that serves its own tokens is no stranger to itself */
	spec.registry = url_same_origin(&a->url, &a->f->reg.url);
	spec.insecure_tls = (a->f->reg.insecure & INSECURE_TLS) != 0;
	spec.timeout = TOKEN_TIMEOUT;
	spec.on_head = auth_on_head;
	spec.on_body = auth_on_body;
	spec.on_done = auth_on_done;
	spec.arg = a;
	if (http_start(a->f->http, &spec) == NULL)
		auth_fail(a, "out of memory");
}

/* Where the token request goes, or the end of the job. */
static void
auth_url(struct auth *a, const struct request *r)
{
	char		 scope[sizeof(a->challenge.scope)];
	enum url_error	 error;

	if (a->challenge.realm[0] == '\0')
		request_fail(r, "401 unauthorized: the challenge names no "
		    "token server");
	if (a->challenge.scope[0] != '\0')
		snprintf(scope, sizeof(scope), "%s", a->challenge.scope);
	else
		snprintf(scope, sizeof(scope), "repository:%s:pull",
		    a->f->reg.ref.repository);
	url_free(&a->url);
	error = url_token(a->challenge.realm, a->challenge.service, scope,
	    &a->url);
	if (error != URL_OK)
		request_fail(r, "token server \"%s\" refused: %s",
		    a->challenge.realm, url_strerror(error));
	/* neither without leave nor as a step down from https */
	if (strcmp(a->url.scheme, "https") != 0 &&
	    ((a->f->reg.insecure & INSECURE_HTTP) == 0 ||
	    strcmp(a->f->reg.url.scheme, "https") == 0))
		request_fail(r, "token server \"%s\" refused: not https",
		    a->challenge.realm);
}

static struct auth *
auth_new(struct fetch *f)
{
	struct auth	*a;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		return (NULL);
	a->f = f;
	if ((a->timer = evtimer_new(f->base, auth_on_timer, a)) == NULL) {
		free(a);
		return (NULL);
	}
	return (a);
}

static void
auth_wait(struct auth *a, struct request *r)
{
	struct request	**p;

	p = reallocarray(a->waiting, a->nwaiting + 1, sizeof(*p));
	if (p == NULL)
		request_fail(r, "out of memory");
	a->waiting = p;
	a->waiting[a->nwaiting++] = r;
}

void
auth_get(struct fetch *f, const struct challenge *c, struct request *r)
{
	struct auth	*a;

	if (f->auth == NULL && (f->auth = auth_new(f)) == NULL)
		request_fail(r, "out of memory");
	a = f->auth;
	auth_wait(a, r);
	if (a->busy)
		return;
	a->busy = 1;
	if (c != NULL)
		a->challenge = *c;
	memset(&a->retry, 0, sizeof(a->retry));
	auth_url(a, r);
	auth_send(a);
}

const char *
auth_token(const struct fetch *f, unsigned int *serial)
{
	*serial = f->auth != NULL ? f->auth->serial : 0;
	return (f->auth != NULL ? f->auth->token : NULL);
}

int
auth_expired(const struct fetch *f)
{
	return (f->auth != NULL && f->auth->token != NULL &&
	    seconds() >= f->auth->end);
}

void
auth_renew(struct fetch *f, struct request *r)
{
	auth_get(f, NULL, r);
}

void
auth_forget(struct fetch *f, const struct request *r)
{
	struct auth	*a = f->auth;
	size_t		 i;

	if (a == NULL)
		return;
	for (i = 0; i < a->nwaiting; i++)
		if (a->waiting[i] == r) {
			a->waiting[i] = a->waiting[--a->nwaiting];
			return;
		}
}
