/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * A request at the registry (OCI distribution-spec, "Pull") with all that
 * may lie between asking and having: a login, redirects, waits, a cut
 * connection.  The bytes go to the request's sink; what cannot be had ends
 * the job with one line.
 */
#include "fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "request.h"

#define HUB_HOST	"docker.io"
#define HUB_SERVER	"registry-1.docker.io"
#define DOC_TIMEOUT	300L		/* seconds, for what is no blob */
#define STATUS_BASE_MS	500		/* first wait after a 429 or 503 */
#define CUT_BASE_MS	100		/* and after a cut connection */

/* No schema 1: a registry would make one up for who accepts it. */
static const char	 accept_manifest[] =
	"application/vnd.oci.image.manifest.v1+json, "
	"application/vnd.oci.image.index.v1+json, "
	"application/vnd.docker.distribution.manifest.v2+json, "
	"application/vnd.docker.distribution.manifest.list.v2+json";

static void	 request_send(struct request *);
static void	 request_on_timer(evutil_socket_t, short, void *);

/* Scheme and host.  0, or -1 with errno. */
static int
registry_url(struct registry *reg, const char *scheme)
{
	char		 text[REF_HOST_MAXLEN + 32], port[8] = "";
	const char	*host = reg->ref.host;

	if (reg->ref.port != 0)
		snprintf(port, sizeof(port), ":%u", reg->ref.port);
	else if (strcmp(host, HUB_HOST) == 0)
		host = HUB_SERVER;
	snprintf(text, sizeof(text), "%s://%s%s/", scheme, host, port);
	url_free(&reg->url);
	return (url_parse(text, &reg->url) == URL_OK ? 0 : -1);
}

int
registry_init(struct fetch *f, const struct msg_fetch_resolve *m)
{
	struct registry	*reg = &f->reg;
	int		 here, plain;

	snprintf(reg->name, sizeof(reg->name), "%s", m->ref);
	if (ref_parse(m->ref, &reg->ref) != REF_OK)
		return (-1);
	reg->insecure = m->insecure;
	addr_policy_init(&reg->policy, reg->ref.host);
	/*
	 * Plain HTTP is a leave, not an order: https comes first, but for a
	 * registry on this machine, where nobody listens on the way.
	 */
	here = reg->policy.loopback || addr_classify(
	    (struct sockaddr *)&reg->policy.named) == ADDR_LOOPBACK;
	plain = (m->insecure & INSECURE_HTTP) != 0;
	reg->other_scheme = plain;
	return (registry_url(reg, plain && here ? "http" : "https"));
}

void
request_fail(const struct request *r, const char *fmt, ...)
{
	char		 text[MSG_TEXT_SIZE], via[REF_HOST_MAXLEN + 32] = "";
	char		 host[REF_HOST_MAXLEN + 7];
	va_list		 ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* no more of it than the host: the rest may be a signed URL */
	if (r->hops > 0) {
		url_host(&r->url, host, sizeof(host));
		snprintf(via, sizeof(via), "redirected to %s: ", host);
	}
	fetch_fail(r->f, r->spec.id, "%s %s: %s%s",
	    r->spec.head ? "HEAD" : "GET", r->path, via, text);
}

static void
request_free(struct request *r)
{
	http_cancel(r->x);
	auth_forget(r->f, r);
	event_free(r->timer);
	body_free(&r->err);
	url_free(&r->url);
	free(r->path);
	free(r);
}

void
request_cancel(struct request *r)
{
	if (r != NULL)
		request_free(r);
}

uint32_t
request_id(const struct request *r)
{
	return (r->spec.id);
}

void
request_unpause(struct request *r)
{
	if (r->x != NULL)
		http_unpause(r->x);
}

struct request *
request_start(struct fetch *f, const struct request_spec *spec)
{
	struct request	*r;

	if ((r = calloc(1, sizeof(*r))) == NULL ||
	    (r->timer = evtimer_new(f->base, request_on_timer, r)) == NULL ||
	    asprintf(&r->path, "/v2/%s/%s/%s", f->reg.ref.repository,
	    spec->kind == REQUEST_MANIFEST ? "manifests" : "blobs",
	    spec->name) == -1)
		fetch_fail(f, spec->id, "out of memory");
	r->f = f;
	r->spec = *spec;
	r->spec.name = strrchr(r->path, '/') + 1;
	request_again(r);
	return (r);
}

/* From the registry itself: what it pointed at may be no longer good. */
void
request_again(struct request *r)
{
	r->hops = 0;
	url_free(&r->url);
	if (url_resolve(&r->f->reg.url, r->path, &r->url) != URL_OK)
		request_fail(r, "out of memory");
	if (auth_expired(r->f))
		auth_renew(r->f, r);
	else
		request_send(r);
}

static void
request_on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	request_again(arg);
}

static void
request_wait(struct request *r, uint64_t ms)
{
	struct timeval	 tv;

	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	evtimer_add(r->timer, &tv);
}

static void
request_send(struct request *r)
{
	struct http_spec	 spec;

	memset(&spec, 0, sizeof(spec));
	spec.url = &r->url;
	spec.head = r->spec.head;
	spec.registry = url_same_origin(&r->url, &r->f->reg.url);
	spec.insecure_tls = (r->f->reg.insecure & INSECURE_TLS) != 0;
	spec.timeout = r->spec.resume ? 0 : DOC_TIMEOUT;
	spec.offset = r->spec.resume ? r->got : 0;
	if (r->spec.kind == REQUEST_MANIFEST)
		spec.accept = accept_manifest;
	/* the token is the registry's: nobody else sees it */
	if (spec.registry)
		spec.token = auth_token(r->f, &r->serial);
	spec.on_head = request_on_head;
	spec.on_body = request_on_body;
	spec.on_done = request_on_done;
	spec.arg = r;
	r->good = r->overflow = r->gone = 0;
	r->skip = 0;
	body_free(&r->err);
	r->err.max = ERRORBODY_MAX;
	if ((r->x = http_start(r->f->http, &spec)) == NULL)
		request_fail(r, "out of memory");
}

/* Another try after a while, or the end with this text. */
static void
request_retry(struct request *r, const char *after, uint64_t base,
    const char *text)
{
	uint64_t	 ms;

	if (retry_next(&r->retry, after, base, &ms) == -1) {
		if (ms != 0)
			request_fail(r, "%s; try again in %llu s", text,
			    (unsigned long long)ms / 1000);
		request_fail(r, "%s", text);
	}
	if (ms >= 1000)
		fetch_note(r->f, r->spec.id, NOTE_WARN, 0, 0,
		    "%s: %s; trying again in %llu s", r->f->reg.name, text,
		    (unsigned long long)ms / 1000);
	request_wait(r, ms);
}

/* A login is asked for. */
static void
request_login(struct request *r, const struct http_head *head,
    const char *text)
{
	const struct challenge	*c = &head->challenge;
	unsigned int		 serial;

	if (!url_same_origin(&r->url, &r->f->reg.url))
		request_fail(r, "%s", text);
	if (head->challenge_bad)
		request_fail(r, "%s; its WWW-Authenticate is malformed", text);
	(void)auth_token(r->f, &serial);
	if (serial != r->serial) {	/* someone got another meanwhile */
		request_again(r);
		return;
	}
	if (c->schemes & CHALLENGE_BEARER) {
		/* a fresh one is refused: only a wider one can help, once */
		if (r->logins > 1 || (r->logins == 1 &&
		    strcasecmp(c->error, "insufficient_scope") != 0))
			request_fail(r, "%s", text);
		r->logins++;
		auth_get(r->f, c, r);
	} else if (c->schemes & CHALLENGE_BASIC)
		request_fail(r, "%s; it wants a user name and password "
		    "(Basic), and berth has no credential for it", text);
	else
		request_fail(r, "%s; no challenge that berth can answer",
		    text);
}

static void
request_redirect(struct request *r, const struct http_head *head)
{
	struct url	 to;
	enum url_error	 error;

	if (head->bad || head->location == NULL)
		request_fail(r, "%u redirect without a usable Location",
		    head->status);
	if (r->hops == REDIRECTS_MAX)
		request_fail(r, "more than %d redirects", REDIRECTS_MAX);
	error = url_resolve(&r->url, head->location, &to);
	if (error != URL_OK)
		request_fail(r, "%u redirect refused: %s", head->status,
		    url_strerror(error));
	url_free(&r->url);
	r->url = to;
	r->hops++;
	request_send(r);
}

/* The other scheme is tried once, before the registry has said anything. */
static int
request_switch(struct request *r, const char *text)
{
	struct registry	*reg = &r->f->reg;
	int		 https = strcmp(reg->url.scheme, "https") == 0;

	if (!reg->other_scheme || reg->answered || r->hops > 0)
		return (0);
	reg->other_scheme = 0;
	snprintf(reg->first_error, sizeof(reg->first_error), " (%s: %s)",
	    reg->url.scheme, text);
	if (registry_url(reg, https ? "http" : "https") == -1)
		request_fail(r, "out of memory");
	request_again(r);
	return (1);
}

/* What says that the other side does not speak the scheme we tried. */
static int
wrong_scheme(const struct request *r, CURLcode code)
{
	switch (code) {
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		return (1);
	case CURLE_COULDNT_CONNECT:
		/* https and http have ports of their own */
		return (r->f->reg.ref.port == 0);
	default:
		return (0);
	}
}

/* The hint that a user of a registry without TLS needs. */
static int
not_tls(const struct request *r, const struct http_result *res)
{
	return (res->code == CURLE_SSL_CONNECT_ERROR &&
	    (r->f->reg.insecure & INSECURE_HTTP) == 0 &&
	    strstr(res->text, "wrong version number") != NULL);
}

/* No answer at all. */
void
request_unreached(struct request *r, const struct http_result *res)
{
	struct registry	*reg = &r->f->reg;
	char		 text[512], host[REF_HOST_MAXLEN + 7];
	int		 passing;

	error_transport(res, text, sizeof(text));
	if (res->refused == NULL && wrong_scheme(r, res->code) &&
	    request_switch(r, text))
		return;
	/* a server that has served us may be asked again */
	passing = res->refused == NULL && (reg->answered ||
	    r->retry.tries > 0) && (res->code == CURLE_RECV_ERROR ||
	    res->code == CURLE_SEND_ERROR || res->code == CURLE_GOT_NOTHING ||
	    res->code == CURLE_OPERATION_TIMEDOUT ||
	    res->code == CURLE_COULDNT_CONNECT);
	if (passing)
		request_retry(r, "", CUT_BASE_MS, text);
	else if (r->hops > 0)
		request_fail(r, "%s", text);
	else {
		url_host(&reg->url, host, sizeof(host));
		fetch_fail(r->f, r->spec.id, "registry %s: %s%s%s", host,
		    text, reg->first_error, not_tls(r, res) ?
		    " (plain HTTP needs --insecure-options=http)" : "");
	}
}

/* The body broke off. */
void
request_cut(struct request *r, const char *text)
{
	char	 line[512];

	if (r->spec.size == UINT64_MAX)
		snprintf(line, sizeof(line), "cut after %llu bytes: %s",
		    (unsigned long long)r->got, text);
	else
		snprintf(line, sizeof(line),
		    "expected %llu bytes, got %llu: %s",
		    (unsigned long long)r->spec.size,
		    (unsigned long long)r->got, text);
	request_retry(r, "", CUT_BASE_MS, line);
}

/* All of it is there. */
void
request_finish(struct request *r, const struct http_head *head)
{
	const struct sink	*sink = r->spec.sink;
	void			*arg = r->spec.arg;

	sink->end(arg, head);
	request_free(r);
}

/* An answer that is none of the good ones. */
void
request_status(struct request *r, const struct http_head *head)
{
	char	 text[512];

	error_status(head->status, &r->err, text, sizeof(text));
	if (!r->f->reg.answered && head->status == 400 &&
	    strcmp(r->f->reg.url.scheme, "http") == 0 &&
	    request_switch(r, text))
		return;
	r->f->reg.answered = 1;
	if (head->status >= 301 && head->status <= 308 &&
	    head->status != 304 && head->status != 305 && head->status != 306)
		request_redirect(r, head);
	else if (head->status == 401)
		request_login(r, head, text);
	else if (retry_status(head->status))
		request_retry(r, head->retry, STATUS_BASE_MS, text);
	else if (r->spec.head)
		request_finish(r, head);	/* GET tells more */
	else
		request_fail(r, "%s", text);
}
