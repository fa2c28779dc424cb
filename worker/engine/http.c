/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The HTTP worker, as the engine sees it: started again when it dies, told
 * what is declared and how things stand, answered by request id.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "../../common/log.h"
#include "control.h"

static struct child	*worker;
static struct event	*restart_ev, *finish_ev;
static int		 backoff;	/* seconds until the next try */
static time_t		 started;
static int		 finishing;

static void
http_declare(void)
{
	struct msg_http_hello	 hello;
	struct msg_http_app	 app;
	struct msg_http_param	 param;
	uint32_t		 i, k;

	memset(&hello, 0, sizeof(hello));
	hello.token_needed = env.conf.token_needed;
	hello.napps = napps;
	/* all of this before it has its turn to read */
	evchan_room(child_chan(worker), APPS_MAX * (1 + PARAMS_MAX));
	snprintf(hello.token, sizeof(hello.token), "%s", env.conf.token);
	child_send(worker, MSG_HTTP_HELLO, 0, &hello, -1);
	explicit_bzero(&hello, sizeof(hello));
	for (i = 0; i < napps; i++) {
		memset(&app, 0, sizeof(app));
		app.app = i;
		memcpy(app.name, apps[i].conf->name, sizeof(app.name));
		child_send(worker, MSG_HTTP_APP, 0, &app, -1);
		for (k = 0; k < apps[i].conf->nparams; k++) {
			memset(&param, 0, sizeof(param));
			param.app = i;
			param.param = k;
			param.flags = apps[i].conf->params[k].flags;
			memcpy(param.name, apps[i].conf->params[k].name,
			    sizeof(param.name));
			child_send(worker, MSG_HTTP_PARAM, 0, &param, -1);
		}
	}
	http_push_state();
	child_send(worker, MSG_HTTP_GO, 0, NULL, -1);
}

/* Time is up, whoever is still at work. */
static void
http_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	engine_over();
}

static void
http_died(void *arg, const char *why, int status)
{
	struct timeval	 tv = { 0, 0 };

	(void)arg;
	worker = NULL;
	if (finishing)
		return;
	log_warnx("%s", child_fate("berth-http", why, status));
	control_forget();
	/* one that lived a while comes back at once, a crash loop slows */
	if (time(NULL) - started > 10)
		backoff = 0;
	else
		backoff = backoff == 0 ? 1 : backoff < 30 ? backoff * 2 : 30;
	tv.tv_sec = backoff;
	tv.tv_usec = 20000;
	evtimer_add(restart_ev, &tv);
}

static void
http_spawn(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 later = { 5, 0 };
	struct birth			 b;

	(void)fd;
	(void)what;
	(void)arg;
	child_birth(&b, SPAWN_HTTP);
	started = time(NULL);
	if ((worker = child_start(&b, PEER_HTTP, dispatch_http, http_died,
	    NULL)) == NULL) {
		log_warn("berth-http");
		evtimer_add(restart_ev, &later);
		return;
	}
	http_declare();
}

void
http_start(void)
{
	restart_ev = evtimer_new(env.base, http_spawn, NULL);
	finish_ev = evtimer_new(env.base, http_over, NULL);
	if (restart_ev == NULL || finish_ev == NULL)
		fatal("event");
	http_spawn(-1, 0, NULL);
}

void
control_on_http_up(void *child, struct msg *m)
{
	(void)m;
	evchan_phase(child_chan(child), PH_RUN);
}

void
control_on_http_ping(void *child, struct msg *m)
{
	(void)child;
	broker_say(MSG_ENGINE_PING, m->hdr.id);
}

void
http_pong(uint32_t id)
{
	if (worker != NULL)
		child_send(worker, MSG_HTTP_PONG, id, NULL, -1);
}

void
http_reply(uint32_t id, uint32_t status, const char *text)
{
	struct msg_http_reply	 r;

	if (worker == NULL)
		return;
	memset(&r, 0, sizeof(r));
	r.status = status;
	log_encode(r.text, sizeof(r.text), text, strlen(text));
	child_send(worker, MSG_HTTP_REPLY, id, &r, -1);
}

/* Ready: the store can be written, the images are there, not stopping. */
void
http_push_state(void)
{
	struct msg_http_state	 s;
	const char		*at = "", *why = "";
	unsigned int		 i;

	if (worker == NULL)
		return;
	memset(&s, 0, sizeof(s));
	s.flags = HTTP_HEALTHY | HTTP_READY;
	for (i = 0; i < napps; i++) {
		if (*apps[i].id != '\0')
			continue;
		s.flags &= ~(uint32_t)HTTP_READY;
		why = apps[i].why;
	}
	if (access("tmp", W_OK) == -1) {
		s.flags &= ~(uint32_t)HTTP_READY;
		at = "store: ";
		why = strerror(errno);
	}
	if (env.stopping) {
		s.flags = HTTP_HEALTHY | HTTP_STOPPING;
		at = "";
		why = "stopping";
	}
	/* once: a shorter text would leave the end of a longer one */
	snprintf(s.reason, sizeof(s.reason), "%s%.240s", at, why);
	child_send(worker, MSG_HTTP_STATE, 0, &s, -1);
}

void
http_creds(uid_t *uid, pid_t *pid)
{
	*uid = env.conf.idbase + WORKERID_HTTP;
	*pid = worker != NULL ? child_pid(worker) : 0;
}

/*
 * Its channel ends, it answers those who still wait and goes; then the
 * trash is emptied.  All of that has five seconds.
 */
void
http_finish(void)
{
	static const struct timeval	 patience = { 5, 0 };

	if (!finishing) {
		finishing = 1;
		evtimer_add(finish_ev, &patience);
		if (worker != NULL)
			shutdown(evchan_fd(child_chan(worker)), SHUT_WR);
	}
	if (child_count() == 0)
		http_over(-1, 0, NULL);
}
