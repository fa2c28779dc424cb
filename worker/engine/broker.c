/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The broker, as the engine sees it: what it told us at our start, whom it
 * lets in, and the processes that it makes for us.  It reads at once, so a
 * request waits for room; what it says comes when it comes.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "../../common/log.h"
#include "control.h"

#define BROKER_FD	3

static struct chan	 out;	/* the same socket: what we say */
static struct evchan	*in;

/* Nobody is told of a failure: without a broker there is nobody. */
static int
say(enum msg_type type, uint32_t id, const void *payload, int fd)
{
	struct pollfd	 pfd = { .fd = BROKER_FD, .events = POLLOUT };

	chan_debug(&out, "<-", type, id, fd);
	while (chan_send(&out, type, id, payload, fd) == -1) {
		if (errno != EAGAIN)
			return (-1);
		(void)poll(&pfd, 1, -1);
	}
	return (0);
}

void
broker_say(enum msg_type type, uint32_t id)
{
	(void)say(type, id, NULL, -1);
}

static int
say_dir(const char *path)
{
	struct msg_spawn_dir	 m;

	memset(&m, 0, sizeof(m));
	if ((size_t)snprintf(m.path, sizeof(m.path), "%s", path) >=
	    sizeof(m.path)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	return (say(MSG_SPAWN_DIR, 0, &m, -1));
}

/*
 * What it is born with.  A descriptor may be one too many of those that we
 * have passed to others and that these have not taken.  Behind the first it
 * is too late to ask for nothing: then we ask for what cannot be.
 */
static int
say_fds(const struct birth *b)
{
	unsigned int	 i;
	int		 r = 0;

	for (i = 0; i < b->nfds && r == 0; i++) {
		r = b->fds[i].fd != -1 ?
		    say(MSG_SPAWN_FD, 0, NULL, b->fds[i].fd) :
		    say_dir(b->fds[i].path);
		if (r == -1 && i == 0)
			return (-1);
		if (r == -1 && errno == ETOOMANYREFS)
			r = say_dir("nowhere");
	}
	if (r == -1)
		fatal("the broker does not hear us");
	return (0);
}

int
broker_spawn(uint32_t child, const struct birth *b)
{
	struct msg_spawn	 m;

	if (say_fds(b) == -1)
		return (-1);
	memset(&m, 0, sizeof(m));
	m.child = child;
	m.program = b->program;
	m.flags = b->flags;
	if (b->program == SPAWN_INIT) {
		m.memory = b->limits->memory;
		m.cpu = b->limits->cpu;
		m.pids = b->limits->pids;
		snprintf(m.uuid, sizeof(m.uuid), "%s", b->uuid);
	}
	if (say(MSG_SPAWN, 0, &m, -1) == -1)
		fatal("the broker does not hear us");
	return (0);
}

void
broker_kill(uint32_t child)
{
	struct msg_spawn_kill	 m = { child };

	(void)say(MSG_SPAWN_KILL, 0, &m, -1);
}

void
broker_sweep(const char *uuid)
{
	struct msg_spawn_sweep	 m;

	memset(&m, 0, sizeof(m));
	snprintf(m.uuid, sizeof(m.uuid), "%s", uuid);
	(void)say(MSG_SPAWN_SWEEP, 0, &m, -1);
}

/* A stranger's bytes in it have been encoded where they were put there. */
static void
say_line(int priority, const char *line)
{
	struct msg_engine_log	 m;
	char			*p;

	memset(&m, 0, sizeof(m));
	m.priority = (uint32_t)priority;
	snprintf(m.text, sizeof(m.text), "%s", line);
	for (p = m.text; *p != '\0'; p++)
		if (*p < 0x20 || *p >= 0x7f)
			*p = '?';
	(void)say(MSG_ENGINE_LOG, 0, &m, -1);
}

/* The first has been read already, and who we are does not change. */
void
broker_on_engine_start(void *arg, struct msg *m)
{
	(void)arg;
	(void)m;
	fatalx("channel: started twice");
}

static void
take_start(const struct msg_engine_start *s)
{
	env.private = s->private != 0;
	env.broker = (pid_t)s->pid;
	env.conf.insecure = s->insecure;
	env.conf.idbase = s->idbase;
	env.conf.idcount = s->idcount;
	env.conf.token_needed = s->token_needed;
	memcpy(env.conf.token, s->token, sizeof(env.conf.token));
	memcpy(env.boot_id, s->boot_id, sizeof(env.boot_id));
	memcpy(env.failed, s->failed, sizeof(env.failed));
	log_init(env.private ? "berth" : "berthd", (int)s->verbose);
}

void
broker_on_engine_app(void *arg, struct msg *m)
{
	const struct msg_conf_app	*said = &m->u.engine_app;
	struct config			*c = &env.conf;
	struct config_app		*a;
	size_t				 i;

	(void)arg;
	if (c->apps == NULL &&
	    (c->apps = calloc(APPS_MAX, sizeof(*c->apps))) == NULL)
		fatal("configuration");
	for (i = 0; i < c->napps; i++)
		if (strcmp(c->apps[i].name, said->name) == 0)
			fatalx("configuration: an app twice");
	if (c->napps == APPS_MAX)
		fatalx("configuration: too many apps");
	if (!store_sealed(m->fd, 0, RECORD_MAX))
		fatalx("configuration: a record that is not sealed");
	a = &c->apps[c->napps++];
	memcpy(a->name, said->name, sizeof(a->name));
	memcpy(a->ref, said->ref, sizeof(a->ref));
	memcpy(a->hostname, said->hostname, sizeof(a->hostname));
	a->recordfd = m->fd;
	m->fd = -1;
	a->hasargs = said->hasargs;
	a->memory = said->memory;
	a->cpu = said->cpu;
	a->pids = said->pids;
	a->flags = said->flags;
}

void
broker_on_engine_param(void *arg, struct msg *m)
{
	const struct msg_conf_param	*said = &m->u.engine_param;
	struct config_app		*a;
	struct config_param		*p;
	char				*word;
	size_t				 i;

	(void)arg;
	if (env.conf.napps == 0)
		fatalx("configuration: a parameter of no app");
	a = &env.conf.apps[env.conf.napps - 1];
	for (i = 0; i < a->nparams; i++)
		if (strcmp(a->params[i].name, said->name) == 0)
			fatalx("configuration: a parameter twice");
	if (a->nparams == PARAMS_MAX)
		fatalx("configuration: too many parameters");
	if ((word = strdup(said->data)) == NULL)
		fatal("configuration");
	p = &a->params[a->nparams++];
	memcpy(p->name, said->name, sizeof(p->name));
	p->flags = said->flags;
	*(said->kind == PARAM_ENVIRONMENT ? &p->environment : &p->argument) =
	    word;
}

/*
 * All is said.  What a dead broker left is put away before anybody is
 * served, and removed behind.
 */
void
broker_on_engine_go(void *arg, struct msg *m)
{
	(void)arg;
	(void)m;
	evchan_phase(in, PH_RUN);
	evchan_lossy(in);	/* a client more than we can have */
	if (*env.failed == '\0' && store_open() == -1 && !env.private)
		fatalx("%s", env.failed);
	broker_say(MSG_ENGINE_UP, 0);
}

void
broker_on_engine_serve(void *arg, struct msg *m)
{
	(void)arg;
	if (m->u.engine_serve.detached) {
		(void)dup2(NULL_FD, STDERR_FILENO);
		log_to(say_line);
	}
	env.serving = 1;
	trash_run();
	if (!env.private)
		control_start();
	else if (client_count() == 0)
		engine_idle();	/* it has come and gone */
}

void
broker_on_engine_client(void *arg, struct msg *m)
{
	(void)arg;
	client_new(m->fd, m->u.engine_client.uid,
	    (pid_t)m->u.engine_client.pid);
	m->fd = -1;
}

void
broker_on_engine_pong(void *arg, struct msg *m)
{
	(void)arg;
	http_pong(m->hdr.id);
}

void
broker_on_engine_quit(void *arg, struct msg *m)
{
	(void)arg;
	(void)m;
	if (env.serving)
		engine_quit();
	else
		engine_over();	/* nobody has been served */
}

/* What we were started for has ended, and all that we started with it. */
static void
broker_gone(void *arg, const char *why)
{
	(void)arg;
	if (why != NULL)
		log_warnx("berthd[%d]: %s", (int)env.broker, why);
	exit(1);
}

void
broker_pump(void)
{
	evchan_pump(in);
}

/* The first message says who we are: it is waited for. */
void
broker_init(void)
{
	struct msg	 m;
	int		 n;

	chan_init(&out, BROKER_FD, PEER_ENGINE, PEER_BROKER);
	if ((n = chan_recv(&out, &m)) == 0)
		exit(1);
	if (n == -1 || m.hdr.type != MSG_ENGINE_START)
		fatalx("channel: %s", out.why != NULL ? out.why :
		    "no start");
	take_start(&m.u.engine_start);
	explicit_bzero(&m, sizeof(m));
}

void
broker_watch(void)
{
	if ((in = evchan_new(env.base, BROKER_FD, PEER_ENGINE, PEER_BROKER,
	    dispatch_broker, broker_gone, NULL)) == NULL)
		fatal("channel");
}
