/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The declared apps, in the daemon: what the HTTP worker may ask of them.
 * An app is started from what berthd.conf says; a request fills declared
 * parameters and nothing else.
 */
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "../../common/log.h"
#include "../../common/record.h"
#include "../../common/valid.h"
#include "engine.h"
#include "control.h"

#define STOP_MARGIN	2	/* seconds behind pid 1's own grace */

struct app	 apps[APPS_MAX];
unsigned int	 napps;

static uint32_t	 enders[WAITERS_MAX];	/* requests for /terminate */
static unsigned int nenders;

/* Everybody who waits for the app to be gone. */
static void
app_tell_stopped(struct app *a)
{
	unsigned int	 i;

	for (i = 0; i < a->nwaiters; i++)
		http_reply(a->waiter[i], 200, "stopped");
	a->nwaiters = 0;
}

/* First every pod, then the answers, the worker, and the helpers' ends. */
void
control_drained(void)
{
	unsigned int	 i;

	if (pod_count() > 0)
		return;
	client_dropall();
	for (i = 0; i < nenders; i++)
		http_reply(enders[i], 200, "terminated");
	nenders = 0;
	http_finish();
}

static void
app_stdio(void *arg, uint32_t which, int fd)
{
	struct app	*a = arg;

	if (which == STDIO_OUT || which == STDIO_ERR)
		applog_add(a->log, which, fd);
}

static void
app_started(void *arg, const char *uuid, pid_t pid)
{
	struct app	*a = arg;
	char		 text[128];

	if (a->state != APP_STOPPING)
		a->state = APP_RUNNING;
	log_info("app %s: started, pod %s, pid %d", a->conf->name, uuid,
	    (int)pid);
	snprintf(text, sizeof(text), "started, pid %d", (int)pid);
	if (a->asked)
		http_reply(a->starter, 200, text);
	a->asked = 0;
}

static void
app_ended(void *arg, uint32_t status, const char *why)
{
	struct app	*a = arg;

	log_info("app %s: ended with status %u%s%s", a->conf->name, status,
	    why != NULL ? ": " : "", why != NULL ? why : "");
	a->pod = NULL;
	a->state = APP_IDLE;
	evtimer_del(a->timer);
	applog_close(a->log);
	if (a->asked)
		http_reply(a->starter, 500, why != NULL ? why :
		    "the app ended at once");
	a->asked = 0;
	app_tell_stopped(a);
}

/* pid 1 has not ended the app in its time. */
static void
app_overdue(evutil_socket_t fd, short what, void *arg)
{
	struct app	*a = arg;

	(void)fd;
	(void)what;
	if (a->pod != NULL)
		pod_kill(a->pod);
}

static void
app_stop(struct app *a)
{
	static const struct timeval	 grace = {
		STOP_GRACE_MS / 1000 + STOP_MARGIN, 0 };
	struct audit	 record;

	if (a->pod == NULL || a->state == APP_STOPPING)
		return;
	a->state = APP_STOPPING;
	/* its outcome is the end of the pod, on that pod's own line; an app
	 * is stopped even when nothing can be written any more */
	memset(&record, 0, sizeof(record));
	record.action = "stop";
	record.object = a->id;
	record.detail = a->conf->name;
	record.rule = env.stopping ? "berthd ends" : "control endpoint";
	http_creds(&record.uid, &record.pid);
	(void)audit_intent(&record);
	pod_signal(a->pod, SIGTERM);
	evtimer_add(a->timer, &grace);
}

static void
app_warn(void *arg, const char *text)
{
	const struct app	*a = arg;

	log_warnx("app %s: %s", a->conf->name, text);
}

/* The value of each parameter set, or NULL. */
static const char *
param_value(const struct msg_http_start *m, uint32_t param)
{
	uint32_t	 i;

	for (i = 0; i < m->n; i++)
		if (m->v[i].param == param)
			return (m->data + m->v[i].off);
	return (NULL);
}

static void
add(struct record *r, enum record_key key, const char *value)
{
	record_add(r, key, value, strlen(value));
}

static void
add_env(struct record *r, const char *name, const char *value)
{
	char	*text;

	if (asprintf(&text, "%s=%s", name, value) == -1) {
		r->error = ENOMEM;
		return;
	}
	record_add(r, REC_ENVIRONMENT, text, strlen(text));
	explicit_bzero(text, strlen(text));
	free(text);
}

/* What berthd.conf says, with the parameters in their declared places. */
static int
app_record(const struct app *a, const struct msg_http_start *m)
{
	const struct config_app	*c = a->conf;
	const struct config_param *p;
	struct record	 r;
	const char	*value;
	size_t		 i;
	int		 hasargs;

	record_load(&r, c->recordfd);
	hasargs = c->hasargs != 0;
	for (i = 0; i < c->nparams; i++) {
		p = &c->params[i];
		if ((value = param_value(m, (uint32_t)i)) == NULL)
			continue;
		if (p->environment != NULL)
			add_env(&r, p->environment, value);
		else {
			hasargs = 1;
			add(&r, REC_ARG, p->argument);
			add(&r, REC_ARG, value);
		}
	}
	if (hasargs)
		add(&r, REC_HASARGS, "");
	return (record_finish(&r));
}

/* NULL, or why the parameters are refused. */
static const char *
params_refused(const struct app *a, const struct msg_http_start *m)
{
	static char	 text[PARAMNAME_MAXLEN + 64];
	size_t		 i;

	for (i = 0; i < m->n; i++)
		if (m->v[i].param >= a->conf->nparams)
			return ("no such parameter");
	for (i = 0; i < a->conf->nparams; i++)
		if ((a->conf->params[i].flags & PARAM_REQUIRED) != 0 &&
		    param_value(m, (uint32_t)i) == NULL) {
			snprintf(text, sizeof(text), "parameter \"%s\" is "
			    "required", a->conf->params[i].name);
			return (text);
		}
	return (NULL);
}

static void
app_start(struct app *a, uint32_t id, const struct msg_http_start *m)
{
	struct msg_run	 run;
	struct pod_cb	 cb;
	char		 why[MSG_TEXT_SIZE];
	int		 fd;

	if ((fd = app_record(a, m)) == -1) {
		http_reply(id, 400, "the parameters are too long");
		return;
	}
	memset(&run, 0, sizeof(run));
	run.flags = (a->conf->flags & RUN_FLAGS) | RUN_FOREGROUND;
	run.insecure = env.conf.insecure & INSECURE_ALL_RUN;
	run.memory = a->conf->memory;
	run.cpu = a->conf->cpu;
	run.pids = a->conf->pids;
	memcpy(run.image, a->id, sizeof(run.image));
	memcpy(run.hostname, a->conf->hostname, sizeof(run.hostname));
	memset(&cb, 0, sizeof(cb));
	cb.stdio = app_stdio;
	cb.started = app_started;
	cb.warn = app_warn;
	cb.ended = app_ended;
	cb.arg = a;
	cb.app = a->conf->name;
	http_creds(&cb.uid, &cb.pid);
	if ((a->pod = pod_start(&run, fd, &cb, why)) == NULL) {
		log_warnx("app %s: %s", a->conf->name, why);
		http_reply(id, 500, why);
		return;
	}
	a->state = APP_STARTING;
	a->starter = id;
	a->asked = 1;
}

void
control_on_http_start(void *child, struct msg *m)
{
	struct msg_http_start	*s = &m->u.http_start;
	struct app		*a;
	const char		*why;

	(void)child;
	if (s->app >= napps) {
		http_reply(m->hdr.id, 404, "no such app");
		return;
	}
	a = &apps[s->app];
	if ((why = params_refused(a, s)) != NULL)
		http_reply(m->hdr.id, 400, why);
	else if (env.stopping)
		http_reply(m->hdr.id, 503, "stopping");
	else if (a->state != APP_IDLE)
		http_reply(m->hdr.id, 409, "already running");
	else if (*a->id == '\0')
		http_reply(m->hdr.id, 503, a->why);
	else
		app_start(a, m->hdr.id, s);
}

void
control_on_http_stop(void *child, struct msg *m)
{
	struct app	*a;

	(void)child;
	if (m->u.http_stop.app >= napps) {
		http_reply(m->hdr.id, 404, "no such app");
		return;
	}
	a = &apps[m->u.http_stop.app];
	if (a->state == APP_IDLE)
		http_reply(m->hdr.id, 409, "not running");
	else if (a->nwaiters == WAITERS_MAX)
		http_reply(m->hdr.id, 503, "too many wait already");
	else {
		a->waiter[a->nwaiters++] = m->hdr.id;
		app_stop(a);
	}
}

void
control_on_http_terminate(void *child, struct msg *m)
{
	(void)child;
	if (nenders == WAITERS_MAX) {
		http_reply(m->hdr.id, 503, "too many wait already");
		return;
	}
	enders[nenders++] = m->hdr.id;
	control_terminate();
}

static void
all_overdue(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	pod_killall();
}

/* The apps and whatever command lines run: TERM, and KILL in time. */
void
control_terminate(void)
{
	static const struct timeval	 grace = {
		STOP_GRACE_MS / 1000 + STOP_MARGIN, 0 };
	unsigned int			 i;

	if (!env.stopping) {
		log_info("stopping");
		env.stopping = 1;
		http_push_state();
		for (i = 0; i < napps; i++)
			app_stop(&apps[i]);
		pod_stopall();
		event_base_once(env.base, -1, EV_TIMEOUT, all_overdue, NULL,
		    &grace);
	}
	control_drained();
}

/* The HTTP worker has died: those who asked through it are gone. */
void
control_forget(void)
{
	unsigned int	 i;

	for (i = 0; i < napps; i++) {
		apps[i].nwaiters = 0;
		apps[i].asked = 0;
	}
	nenders = 0;
}

/* The image of a declared app is fetched by berthd itself. */
static void
app_fetched(void *arg, const char *id, const char *why)
{
	static const struct timeval	 again = { 10, 0 };
	struct app			*a = arg;

	a->fetch = NULL;
	if (id != NULL) {
		memcpy(a->id, id, sizeof(a->id));
		log_info("app %s: image %.39s", a->conf->name, id);
	} else {
		log_warnx("app %s: %s", a->conf->name, why);
		snprintf(a->why, sizeof(a->why), "app %s: %.400s",
		    a->conf->name, why);
		if (!env.stopping)
			evtimer_add(a->retry, &again);
	}
	http_push_state();
}

static void
app_fetch(evutil_socket_t fd, short what, void *arg)
{
	struct app	*a = arg;
	struct msg_fetch m;
	struct fetch_cb	 cb;
	enum image_find	 r;

	(void)fd;
	(void)what;
	if (valid_imageid(a->conf->ref, IMAGEID_MINLEN)) {
		r = image_find(a->conf->ref, a->id);
		if (r == IMAGE_FOUND)
			app_fetched(a, a->id, NULL);
		else {
			*a->id = '\0';
			app_fetched(a, NULL, image_why(r, a->conf->ref));
		}
		return;
	}
	memset(&m, 0, sizeof(m));
	m.insecure = env.conf.insecure & INSECURE_ALL_FETCH;
	m.policy = PULL_NEW;
	platform_host(&m.platform);
	memcpy(m.ref, a->conf->ref, sizeof(m.ref));
	memset(&cb, 0, sizeof(cb));
	cb.done = app_fetched;
	cb.arg = a;
	cb.uid = geteuid();
	cb.pid = env.broker;
	a->fetch = fetch_start(&m, &cb);
}

void
control_start(void)
{
	size_t	 i;

	for (i = 0; i < env.conf.napps; i++) {
		apps[i].conf = &env.conf.apps[i];
		snprintf(apps[i].why, sizeof(apps[i].why), "app %s: its image "
		    "is being fetched", apps[i].conf->name);
		apps[i].timer = evtimer_new(env.base, app_overdue, &apps[i]);
		apps[i].retry = evtimer_new(env.base, app_fetch, &apps[i]);
		apps[i].log = applog_new(apps[i].conf->name);
		if (apps[i].timer == NULL || apps[i].retry == NULL ||
		    apps[i].log == NULL)
			fatal("app %s", apps[i].conf->name);
		napps++;
	}
	http_start();
	for (i = 0; i < napps; i++)
		app_fetch(-1, 0, &apps[i]);
	http_push_state();
}
