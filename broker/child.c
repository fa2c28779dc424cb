/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The processes that the broker has started: their channel, their end.
 * An end is told once, behind the last message: a helper may say its last
 * word and be gone before we read it.
 */
#include <sys/queue.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "../common/log.h"
#include "broker.h"

struct child {
	LIST_ENTRY(child) entry;
	pid_t		 pid;
	int		 pidfd;
	struct event	*ev;
	struct evchan	*ec;
	const char	*name;
	const char	*why;		/* the rule it broke */
	int		 silent;	/* its channel has ended */
	int		 reaped;
	int		 status;
	child_done	 done;
	void		*arg;		/* handlers' too */
};

static LIST_HEAD(, child) children = LIST_HEAD_INITIALIZER(children);
static unsigned int	 nchildren;

static void
child_free(struct child *c)
{
	LIST_REMOVE(c, entry);
	nchildren--;
	if (c->ev != NULL)
		event_free(c->ev);
	if (c->pidfd != -1)
		close(c->pidfd);
	evchan_free(c->ec);
	free(c);
}

static void
child_over(struct child *c)
{
	child_done	 done = c->done;
	void		*arg = c->arg;
	const char	*why = c->why;
	int		 status = c->status;

	if (!c->silent || !c->reaped)
		return;
	child_free(c);
	if (done != NULL)
		done(arg, why, status);
	broker_idle();
}

static void
child_reap(evutil_socket_t fd, short what, void *arg)
{
	struct child	*c = arg;
	pid_t		 r;

	(void)fd;
	(void)what;
	if (!c->reaped) {
		while ((r = waitpid(c->pid, &c->status, 0)) == -1 &&
		    errno == EINTR)
			continue;
		if (r == -1)
			log_warn("%s: wait", c->name);
		c->reaped = 1;
	}
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
	child_signal(c, SIGKILL);
	child_over(c);
}

struct child *
child_start(struct spawn *sp, enum peer peer, const evchan_handler *table,
    child_done done, void *arg)
{
	struct child	*c;
	int		 fds[2] = { -1, -1 }, saved_errno;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	c->pidfd = -1;
	c->name = sp->name;
	c->done = done;
	c->arg = arg;
	if (chan_pair(fds) == -1)
		goto fail;
	sp->fds[0].fd = fds[1];
	if ((c->pid = spawn(sp, &c->pidfd)) == -1)
		goto fail;
	close(fds[1]);
	LIST_INSERT_HEAD(&children, c, entry);
	nchildren++;
	c->ec = evchan_new(env.base, fds[0], PEER_BROKER, peer, table,
	    child_gone, c);
	c->ev = event_new(env.base, c->pidfd, EV_READ, child_reap, c);
	if (c->ec == NULL || c->ev == NULL || event_add(c->ev, NULL) == -1)
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

pid_t
child_pid(const struct child *c)
{
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
	if (errno == ENOBUFS) {
		c->why = "it does not read its messages";
		child_signal(c, SIGKILL);
	}
	return (-1);
}

void
child_signal(struct child *c, int signo)
{
	if (!c->reaped && syscall(SYS_pidfd_send_signal, c->pidfd, signo,
	    NULL, 0) == -1 && errno != ESRCH)
		log_warn("%s[%d]: signal %d", c->name, (int)c->pid, signo);
}

void
child_finish(struct child *c)
{
	c->silent = 1;
	evchan_free(c->ec);
	c->ec = NULL;
	child_signal(c, SIGKILL);
	/*
	 * Its end may have been seen ahead of its last words, when these were
	 * many: then nothing more comes, and the loop is told to go on.
	 */
	if (c->reaped)
		event_active(c->ev, EV_READ, 0);
}

void
child_kill(struct child *c)
{
	if (c == NULL)
		return;
	c->done = NULL;
	c->arg = NULL;
	child_finish(c);
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

	if (why != NULL)
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
child_worker(struct spawn *sp, int exe, const char *name, uint32_t id)
{
	memset(sp, 0, sizeof(*sp));
	sp->exe = exe;
	sp->name = name;
	sp->ns = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
	    CLONE_NEWNET;
	sp->idbase = id;
	sp->idcount = 1;
	sp->cgroupfd = -1;
	sp->nfds = 1;
}

void
child_unpack(struct spawn *sp)
{
	child_worker(sp, env.exe_unpack, "berth-unpack", env.conf->idbase);
	sp->idcount = env.conf->idcount;
}
