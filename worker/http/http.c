/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * berth-http: turns strict HTTP requests into typed messages to the broker
 * and back.  It holds the listening socket, the connections and one channel,
 * in an empty root, without a privilege.
 */
#include <sys/resource.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "../../common/log.h"
#include "../../common/selftest.h"
#include "../../proto/birth.h"
#include "../../proto/evchan.h"
#include "../link.h"
#include "http.h"
#include "http.bpf.h"

#define SPARE_FDS	32	/* beside the connections */
#define AS_MAX		(512 * MIB)

static struct evchan	*broker;

uint64_t
http_now(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return ((uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000);
}

int
http_send(enum msg_type type, uint32_t id, const void *payload)
{
	return (evchan_send(broker, type, id, payload, -1));
}

static void
http_on_http_hello(void *arg, struct msg *m)
{
	(void)arg;
	route_hello(&m->u.http_hello);
	explicit_bzero(&m->u.http_hello, sizeof(m->u.http_hello));
	evchan_phase(broker, PH_RUN);
}

static void
http_on_http_app(void *arg, struct msg *m)
{
	(void)arg;
	if (route_app(&m->u.http_app) == -1)
		fatalx("broker: app %u is out of order", m->u.http_app.app);
}

static void
http_on_http_param(void *arg, struct msg *m)
{
	(void)arg;
	if (route_param(&m->u.http_param) == -1)
		fatalx("broker: parameter %u of app %u is out of order",
		    m->u.http_param.param, m->u.http_param.app);
}

static void
http_on_http_go(void *arg, struct msg *m)
{
	(void)arg;
	(void)m;
	if (!route_complete())
		fatalx("broker: GO before all was said");
	if (conn_listen(HTTP_FD_LISTENER) == -1)
		fatal("listening socket");
}

static void
http_on_http_state(void *arg, struct msg *m)
{
	(void)arg;
	route_state(&m->u.http_state);
}

static void
http_on_http_reply(void *arg, struct msg *m)
{
	struct reply	 r;

	(void)arg;
	reply_make(&r, (int)m->u.http_reply.status, m->u.http_reply.text,
	    NULL);
	conn_reply(m->hdr.id, &r);
}

static void
http_on_http_pong(void *arg, struct msg *m)
{
	(void)arg;
	(void)m;
	route_pong();
}

/* Generated from msg.def: a message without its handler does not compile. */
static const evchan_handler	 handlers[MSG_MAX] = {
#define TO_HTTP(N, n)	[MSG_##N] = http_on_##n,
#define TO_BROKER(N, n)
#define TO_ENGINE(N, n)
#define TO_CLI(N, n)
#define TO_FETCH(N, n)
#define TO_UNPACK(N, n)
#define TO_INIT(N, n)
#define TO_CONF(N, n)
#define MSG(N, n, from, to, p, fd, ph)	TO_##to(N, n)
#include "../../proto/msg.def"
#undef MSG
};

/*
 * The broker ends us by closing its end; anything else is its defect.  Who
 * still waits is told, and what is written is given a second to go out.
 */
static void
http_on_gone(void *arg, const char *why)
{
	static const struct timeval	 patience = { 1, 0 };
	struct reply			 r;
	uint32_t			 id;

	if (why != NULL)
		log_warnx("broker: %s", why);
	reply_make(&r, 503, "berthd has ended", NULL);
	while ((id = wait_first()) != 0)
		conn_reply(id, &r);
	if (why != NULL || !conn_drain())
		exit(why != NULL);
	event_base_loopexit(arg, &patience);
}

/* As many connections as the limit of descriptors allows. */
static unsigned int
conns_max(void)
{
	struct rlimit	 rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		fatal("getrlimit");
	if (rl.rlim_max >= HTTP_CONNS_MAX + SPARE_FDS)
		return (HTTP_CONNS_MAX);
	if (rl.rlim_max <= SPARE_FDS)
		fatalx("limit of open files: %llu is too few",
		    (unsigned long long)rl.rlim_max);
	return ((unsigned int)(rl.rlim_max - SPARE_FDS));
}

int
main(void)
{
	struct link_sandbox	 box = {
		.limits = {
			.nofile = HTTP_CONNS_MAX + SPARE_FDS,
			.nproc = 0,
			.fsize = UINT64_MAX,	/* a log may be a file */
			.as = AS_MAX
		},
		.filter = http_filter,
		.nfilter = http_filter_len,
		.selftest = SELFTEST_FILES | SELFTEST_ROOT | SELFTEST_FORK |
		    SELFTEST_ALONE
	};
	struct event_base	*base;
	struct chan		 c;

	link_init(&c, PEER_HTTP, HTTP_FD_LISTENER);
	if ((base = event_base_new()) == NULL)
		fatalx("event_base_new");
	broker = evchan_new(base, c.fd, PEER_HTTP, PEER_ENGINE, handlers,
	    http_on_gone, base);
	if (broker == NULL)
		fatal("channel");
	conn_init(base, conns_max());
	reply_init();
	link_sandbox(&box);
	if (http_send(MSG_HTTP_UP, 0, NULL) == -1)
		fatal("channel");
	event_base_dispatch(base);
	return (0);
}
