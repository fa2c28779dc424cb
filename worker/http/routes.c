/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The five endpoints of berth-http: which path takes what, who may, and what
 * is asked of the broker.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http.h"

#define PING_MS		1000	/* pings are at least this far apart */
#define PONG_MS		3000	/* a broker that takes longer is dead */
#define SCHEME		"Bearer "

static struct http_app	 apps[APPS_MAX];
static uint32_t		 napps, napps_told;
static char		 token[sizeof(((struct msg_http_hello *)0)->token)];
static int		 token_needed;

static uint32_t		 flags;		/* HTTP_HEALTHY, ... */
static struct reply	 healthy, unhealthy, ready, unready, mute;
static struct reply	 not_found, no_method_probe, no_method;
static int		 pinged;	/* and no answer yet */
static uint64_t		 ping_time;

struct call {			/* one request */
	struct conn			*conn;
	const struct http_request	*req;
	const char			*buf;
};

static void
answer(const struct call *c, int status, const char *text, const char *extra)
{
	struct reply	 r;

	reply_make(&r, status, text, extra);
	conn_answer(c->conn, &r);
}

/* False when the broker has been asked and says nothing. */
static int
broker_alive(void)
{
	uint64_t	 now = http_now();

	if (pinged)
		return (now - ping_time < PONG_MS);
	if (now - ping_time >= PING_MS) {
		ping_time = now;
		/* Its queue full of our words: then it does not read them. */
		pinged = 1;
		http_send(MSG_HTTP_PING, 0, NULL);
	}
	return (1);
}

static void
on_health(const struct call *c)
{
	conn_answer(c->conn, !broker_alive() ? &mute :
	    flags & HTTP_HEALTHY ? &healthy : &unhealthy);
}

static void
on_ready(const struct call *c)
{
	conn_answer(c->conn, !broker_alive() ? &mute :
	    (flags & (HTTP_READY | HTTP_STOPPING)) == HTTP_READY ?
	    &ready : &unready);
}

/* Hands it to the broker; the answer comes to conn_reply(). */
static void
ask(const struct call *c, enum msg_type type, const void *payload)
{
	uint32_t	 id;

	if ((id = conn_wait(c->conn)) == 0) {
		answer(c, 503, "too many requests wait", NULL);
		return;
	}
	if (http_send(type, id, payload) == -1) {
		conn_unwait(c->conn);
		answer(c, 503, "berthd does not answer", NULL);
	}
}

/* The query's app and parameters; 0, or -1 when it was refused. */
static int
query(const struct call *c, int takes, struct msg_http_start *m)
{
	struct query_why	 why;
	char			 text[256];

	if (napps == 0) {
		answer(c, 404, "no app is declared", NULL);
		return (-1);
	}
	if (http_query(c->buf + c->req->query.off, c->req->query.len, apps,
	    napps, takes, m, &why) == 0)
		return (0);
	query_text(&why, text, sizeof(text));
	answer(c, why.error == QUERY_APP_UNKNOWN ? 404 : 400, text, NULL);
	return (-1);
}

static void
on_start(const struct call *c)
{
	struct msg_http_start	 m;

	if (query(c, 1, &m) == 0)
		ask(c, MSG_HTTP_START, &m);
	explicit_bzero(&m, sizeof(m));
}

static void
on_stop(const struct call *c)
{
	struct msg_http_app_index	 index;
	struct msg_http_start		 m;

	if (query(c, 0, &m) == -1)
		return;
	memset(&index, 0, sizeof(index));
	index.app = m.app;
	ask(c, MSG_HTTP_STOP, &index);
}

static void
on_terminate(const struct call *c)
{
	if (c->req->query.len > 0)
		answer(c, 400, "/terminate takes no parameter", NULL);
	else
		ask(c, MSG_HTTP_TERMINATE, NULL);
}

/* The time this takes tells nothing of the token, nor of its length. */
static int
token_equal(const char *given)
{
	unsigned char	 diff = 0;
	size_t		 i;

	for (i = 0; i < sizeof(token); i++)
		diff |= (unsigned char)(given[i] ^ token[i]);
	return (diff == 0);
}

/* RFC 6750 2.1 */
static int
token_ok(const struct call *c)
{
	const char	*given = c->buf + c->req->authorization.off;
	size_t		 len = c->req->authorization.len;
	char		 padded[sizeof(token)];
	int		 same;

	if (len < sizeof(SCHEME) - 1 ||
	    strncasecmp(given, SCHEME, sizeof(SCHEME) - 1) != 0)
		return (0);
	given += sizeof(SCHEME) - 1;
	len -= sizeof(SCHEME) - 1;
	if (len >= sizeof(padded))
		return (0);
	memset(padded, 0, sizeof(padded));
	memcpy(padded, given, len);
	same = token_equal(padded);
	explicit_bzero(padded, sizeof(padded));
	return (same);
}

/*
 * Who may change anything: no browser, and the holder of the token; without
 * one only who reaches our loopback address, by no name that a web page's
 * author could have pointed there.
 */
static int
may(const struct call *c)
{
	if (c->req->seen & HTTP_SAW_BROWSER)
		answer(c, 403, "requests of browsers are refused", NULL);
	else if (*token == '\0' && token_needed)
		answer(c, 403, "no token file is configured and the listener "
		    "is not a loopback address", NULL);
	else if (*token == '\0' && c->req->hostname)
		answer(c, 403, "without a token the Host must be an address "
		    "or localhost", NULL);
	else if (*token != '\0' && !token_ok(c))
		answer(c, 401, "a token is needed",
		    "WWW-Authenticate: Bearer realm=\"berth\"\r\n");
	else
		return (1);
	return (0);
}

static const struct route {
	const char	*path;
	uint32_t	 len;
	uint32_t	 methods;
	int		 guarded;
	void		(*handler)(const struct call *);
} routes[] = {
#define PATH(s)	s, sizeof(s) - 1
#define READS	(HTTP_GET | HTTP_HEAD | HTTP_POST)
#define ACTS	(HTTP_GET | HTTP_POST)	/* Kubernetes' hooks can only GET */
	{ PATH("/health"),	READS, 0, on_health },
	{ PATH("/ready"),	READS, 0, on_ready },
	{ PATH("/start"),	ACTS, 1, on_start },
	{ PATH("/stop"),	ACTS, 1, on_stop },
	{ PATH("/terminate"),	ACTS, 1, on_terminate },
#undef PATH
};

void
route_request(struct conn *conn, const struct http_request *req,
    const char *buf)
{
	const struct call	 c = { conn, req, buf };
	const struct route	*r;
	const char		*path = buf + req->path.off;

	for (r = routes; r < routes + sizeof(routes) / sizeof(*routes); r++)
		if (r->len == req->path.len &&
		    memcmp(r->path, path, r->len) == 0)
			break;
	if (r == routes + sizeof(routes) / sizeof(*routes))
		conn_answer(conn, &not_found);
	else if ((r->methods & req->method) == 0)
		conn_answer(conn, r->guarded ? &no_method : &no_method_probe);
	else if (!r->guarded || may(&c))
		r->handler(&c);
}

void
route_hello(const struct msg_http_hello *m)
{
	static const struct msg_http_state	 starting;

	token_needed = (int)m->token_needed;
	napps_told = m->napps;
	memcpy(token, m->token, sizeof(token));
	reply_make(&healthy, 200, "", NULL);
	reply_make(&ready, 200, "", NULL);
	reply_make(&mute, 503, "berthd does not answer", NULL);
	reply_make(&not_found, 404, "no such path", NULL);
	reply_make(&no_method, 405, "GET and POST only",
	    "Allow: GET, POST\r\n");
	reply_make(&no_method_probe, 405, "GET, HEAD and POST only",
	    "Allow: GET, HEAD, POST\r\n");
	route_state(&starting);
}

int
route_app(const struct msg_http_app *m)
{
	if (m->app != napps || napps == napps_told)
		return (-1);
	memcpy(apps[napps++].name, m->name, sizeof(m->name));
	return (0);
}

int
route_param(const struct msg_http_param *m)
{
	struct http_app	*a = &apps[m->app];

	if (m->app >= napps || m->param != a->nparams)
		return (-1);
	memcpy(a->params[m->param].name, m->name, sizeof(m->name));
	a->params[m->param].flags = m->flags;
	a->nparams++;
	return (0);
}

int
route_complete(void)
{
	return (napps == napps_told);
}

void
route_state(const struct msg_http_state *m)
{
	const char	*why = m->reason;

	flags = m->flags;
	if (*why == '\0')
		why = flags & HTTP_STOPPING ? "stopping" : NULL;
	reply_make(&unhealthy, 503, why == NULL ? "not healthy" : why, NULL);
	reply_make(&unready, 503, why == NULL ? "not ready" : why, NULL);
}

void
route_pong(void)
{
	pinged = 0;
}
