/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The processes that we have asked for: their channel, their end.
 * An end is told once, behind the last message: a helper may say its last
 * word and be gone before we read it.
 */
#include <sys/queue.h>
#include <sys/wait.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "../../common/log.h"
#include "engine.h"

struct child {
	LIST_ENTRY(child) entry;
	uint32_t	 id;		/* as the broker knows it */
	pid_t		 pid;		/* 0: not heard yet */
	struct event	*ev;		/* its end has come before */
	struct evchan	*ec;
	const char	*name;
	const char	*why;		/* the rule it broke */
	char		*refused;	/* why it was never started, or told */
	int		 silent;	/* its channel has ended */
	int		 reaped;
	int		 status;
	void		(*born)(void *, const char *);
	void		(*oom)(void *, uint32_t);
	child_done	 done;
	void		*arg;		/* handlers' too */
};

static LIST_HEAD(, child) children = LIST_HEAD_INITIALIZER(children);
static unsigned int	 nchildren;
static uint32_t		 lastid;

static void
child_free(struct child *c)
{
	LIST_REMOVE(c, entry);
	nchildren--;
	if (c->ev != NULL)
		event_free(c->ev);
	evchan_free(c->ec);
	free(c->refused);
	free(c);
}

static void
child_over(struct child *c)
{
	char		*refused = c->refused;
	child_done	 done = c->done;
	void		*arg = c->arg;
	const char	*why = refused != NULL ? refused : c->why;
	int		 status = refused != NULL ? -1 : c->status;

	if (!c->silent || !c->reaped)
		return;
	c->refused = NULL;
	child_free(c);
	if (done != NULL)
		done(arg, why, status);
	free(refused);
	engine_idle();
}

static void
child_later(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	child_over(arg);
}

static struct child *
child_find(uint32_t id)
{
	struct child	*c;

	LIST_FOREACH(c, &children, entry)
		if (c->id == id)
			return (c);
	return (NULL);
}

void
broker_on_engine_born(void *arg, struct msg *m)
{
	struct msg_engine_born	*b = &m->u.engine_born;
	struct child		*c = child_find(b->child);

	(void)arg;
	if (c == NULL)
		return;		/* it was silent and reaped: never */
	c->pid = (pid_t)b->pid;
	if (c->born != NULL)
		c->born(c->arg, b->lacking);
}

void
broker_on_engine_ended(void *arg, struct msg *m)
{
	struct msg_engine_ended	*e = &m->u.engine_ended;
	struct child		*c = child_find(e->child);

	(void)arg;
	if (c == NULL || c->reaped)
		return;
	c->reaped = 1;
	c->status = (int)e->status;
	if (e->oom != 0 && c->oom != NULL)
		c->oom(c->arg, e->oom);
	if (*e->why != '\0' && c->refused == NULL &&
	    (c->refused = strdup(e->why)) == NULL)
		fatal("%s", c->name);
	child_over(c);
}

/*
 * Somebody who breaks a rule loses his life, and only his.  So does one who
 * has fallen silent and lives on, his channel closed or half closed.  Who is
 * about to exit keeps the status that he chose.
 */
static void
child_gone(void *arg, const char *why)
{
	struct child	*c = arg;

	c->silent = 1;
	if (why != NULL) {
		c->why = why;
		log_warnx("%s[%d]: %s: killed", c->name, (int)c->pid, why);
	}
	child_sigkill(c);
	child_over(c);
}

struct child *
child_start(struct birth *b, enum peer peer, const evchan_handler *table,
    child_done done, void *arg)
{
	static const char *const names[SPAWN_PROGRAMS] = {
		[SPAWN_UNPACK] = "berth-unpack",
		[SPAWN_INIT] = "berth-init",
		[SPAWN_FETCH] = "berth-fetch",
		[SPAWN_HTTP] = "berth-http",
	};
	struct child	*c;
	int		 fds[2] = { -1, -1 }, saved_errno;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	c->id = ++lastid;
	c->name = names[b->program];
	c->done = done;
	c->arg = arg;
	if (chan_pair(fds) == -1)
		goto fail;
	b->fds[0].fd = fds[1];
	if (broker_spawn(c->id, b) == -1)
		goto fail;
	close(fds[1]);
	LIST_INSERT_HEAD(&children, c, entry);
	nchildren++;
	c->ec = evchan_new(env.base, fds[0], PEER_ENGINE, peer, table,
	    child_gone, c);
	c->ev = event_new(env.base, -1, 0, child_later, c);
	if (c->ec == NULL || c->ev == NULL)
		fatal("%s: event", c->name);
	return (c);
 fail:
	saved_errno = errno;
	if (fds[0] != -1) {
		close(fds[0]);
		close(fds[1]);
	}
	free(c);
	errno = saved_errno;
	return (NULL);
}

void
child_watch(struct child *c, void (*born)(void *, const char *),
    void (*oom)(void *, uint32_t))
{
	c->born = born;
	c->oom = oom;
}

struct evchan *
child_chan(struct child *c)
{
	return (c->ec);
}

void *
child_arg(void *child)
{
	return (((struct child *)child)->arg);
}

/* It may have spoken before we have heard who it is. */
pid_t
child_pid(const struct child *c)
{
	if (c->pid == 0)
		broker_pump();
	return (c->pid);
}

/* A queue that is full means a peer that does not read: it goes. */
int
child_send(struct child *c, enum msg_type type, uint32_t id,
    const void *payload, int fd)
{
	if (c->ec == NULL) {
		errno = EPIPE;
		return (-1);
	}
	if (evchan_send(c->ec, type, id, payload, fd) == 0)
		return (0);
	/* it has gone, or was never started: its end will tell why */
	if (errno == EPIPE || errno == ECONNRESET)
		return (0);
	if (errno == ENOBUFS)
		c->why = "it does not read its messages";
	else if (c->refused == NULL && asprintf(&c->refused, "it cannot be "
	    "told: %s", strerror(errno)) == -1)
		fatal("%s", c->name);
	child_sigkill(c);
	return (-1);
}

void
child_sigkill(struct child *c)
{
	if (!c->reaped)
		broker_kill(c->id);
}

void
child_finish(struct child *c)
{
	c->silent = 1;
	evchan_free(c->ec);
	c->ec = NULL;
	child_sigkill(c);
	/*
	 * Its end may have been seen ahead of its last words, when these were
	 * many: then nothing more comes, and the loop is told to go on.
	 */
	if (c->reaped)
		event_active(c->ev, EV_TIMEOUT, 0);
}

void
child_kill_then(struct child *c, child_done done, void *arg)
{
	c->born = NULL;
	c->oom = NULL;
	c->done = done;
	c->arg = arg;
	child_finish(c);
}

void
child_kill(struct child *c)
{
	if (c != NULL)
		child_kill_then(c, NULL, NULL);
}

unsigned int
child_count(void)
{
	return (nchildren);
}

const char *
child_fate(const char *name, const char *why, int status)
{
	static char	 text[256];

	if (status == -1)
		snprintf(text, sizeof(text), "%s: %s", name, why);
	else if (why != NULL)
		snprintf(text, sizeof(text), "%s broke the protocol: %s", name,
		    why);
	else if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "%s was killed by signal %d",
		    name, WTERMSIG(status));
	else
		snprintf(text, sizeof(text), "%s ended with status %d", name,
		    WEXITSTATUS(status));
	return (text);
}

void
child_birth(struct birth *b, enum program program)
{
	memset(b, 0, sizeof(*b));
	b->program = program;
	b->nfds = 1;
}
