/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Processes of the engine's asking.  It says which of a few programs, what
 * descriptors it is born with and what limits it has; ids, namespaces and
 * the program are the broker's choice.  Of each it hears the pid and the
 * end, and it may end it.
 */
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "../common/log.h"
#include "broker.h"

#define LOWEST	19	/* nice(1) */

struct child {
	LIST_ENTRY(child) entry;
	uint32_t	 id;		/* the engine's */
	pid_t		 pid;
	int		 pidfd;
	struct event	*ev;
	struct cgroup	*cgroup;	/* or NULL */
};

/* What each program is, whoever asks. */
static const struct {
	const char	*name;
	uint64_t	 ns;
	uint32_t	 worker;	/* its id above the base, or 0: all */
} programs[SPAWN_PROGRAMS] = {
	[SPAWN_UNPACK] = { "berth-unpack", SPAWN_NS_ALL, 0 },
	[SPAWN_INIT] = { "berth-init", SPAWN_NS_ALL, 0 },
	/* the host's network, and nothing else of the host's */
	[SPAWN_FETCH] = { "berth-fetch",
	    SPAWN_NS_ALL & ~(uint64_t)CLONE_NEWNET, WORKERID_FETCH },
	[SPAWN_HTTP] = { "berth-http", SPAWN_NS_ALL, WORKERID_HTTP },
};

static int		 exes[SPAWN_PROGRAMS];
static LIST_HEAD(, child) children = LIST_HEAD_INITIALIZER(children);
static unsigned int	 nchildren;
static uint32_t		 lastid;
static int		 listener = -1;

/* Of the next one: named so far. */
static struct spawn_fd	 fds[SPAWN_FDS_MAX];
static char		 dirs[SPAWN_FDS_MAX][SPAWN_PATH_SIZE];
static unsigned int	 nfds;

/*
 * What runs beside an app is no file of the host: a daemon's first pod pays
 * for the copy.  -1 with errno.
 */
static int
sealed_init(void)
{
	static int	 sealed = -1;

	if (sealed == -1)
		sealed = spawn_seal(exes[SPAWN_INIT], "berth-init");
	return (sealed);
}

void
child_programs(void)
{
	int	 i;

	for (i = 0; i < SPAWN_PROGRAMS; i++)
		if ((exes[i] = spawn_helper(programs[i].name)) == -1)
			fatal("%s", programs[i].name);
	/* there is time for it now, and later it would be waited for */
	if (env.torun)
		(void)sealed_init();
}

void
child_listener(int fd)
{
	listener = fd;
}

unsigned int
child_count(void)
{
	return (nchildren);
}

static void
child_sigkill(const struct child *c)
{
	if (syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0) ==
	    -1 && errno != ESRCH)
		log_warn("process %d: SIGKILL", (int)c->pid);
}

void
child_killall(void)
{
	struct child	*c;

	LIST_FOREACH(c, &children, entry)
		child_sigkill(c);
}

static void
child_free(struct child *c)
{
	cgroup_free(c->cgroup);
	if (c->ev != NULL)
		event_free(c->ev);
	if (c->pidfd != -1)
		close(c->pidfd);
	free(c);
}

static void
child_ended(uint32_t id, int status, uint32_t oom, const char *why)
{
	struct msg_engine_ended	 m;

	memset(&m, 0, sizeof(m));
	m.child = id;
	m.status = (uint32_t)status;
	m.oom = oom;
	log_encode(m.why, sizeof(m.why), why, strlen(why));
	engine_send(MSG_ENGINE_ENDED, &m, -1);
}

/* Its cgroup has gone when anybody hears of it. */
static void
child_reap(evutil_socket_t fd, short what, void *arg)
{
	struct child	*c = arg;
	uint32_t	 id = c->id, oom;
	int		 status = 0;

	(void)fd;
	(void)what;
	while (waitpid(c->pid, &status, 0) == -1)
		if (errno != EINTR) {
			log_warn("process %d: wait", (int)c->pid);
			break;
		}
	LIST_REMOVE(c, entry);
	nchildren--;
	oom = cgroup_oom(c->cgroup);
	child_free(c);
	child_ended(id, status, oom, "");
	engine_idle();
}

/* Descriptors and paths of one process are forgotten behind it. */
static void
named_free(void)
{
	while (nfds > 0)
		if (fds[--nfds].fd != -1)
			close(fds[nfds].fd);
}

void
engine_on_spawn_fd(void *arg, struct msg *m)
{
	(void)arg;
	if (nfds == SPAWN_FDS_MAX) {
		engine_broke("too many descriptors for one process");
		return;
	}
	fds[nfds].fd = m->fd;
	m->fd = -1;
	fds[nfds++].path = NULL;
}

void
engine_on_spawn_dir(void *arg, struct msg *m)
{
	(void)arg;
	if (nfds == SPAWN_FDS_MAX) {
		engine_broke("too many descriptors for one process");
		return;
	}
	memcpy(dirs[nfds], m->u.spawn_dir.path, sizeof(dirs[0]));
	fds[nfds].fd = -1;
	fds[nfds].path = dirs[nfds];
	nfds++;
}

struct birth {
	uint32_t	 id;
	const char	*lacking;
};

/* Before it runs: what it says to the engine comes behind. */
static void
child_born(void *arg, pid_t pid)
{
	const struct birth	*b = arg;
	struct msg_engine_born	 m;

	memset(&m, 0, sizeof(m));
	m.child = b->id;
	m.pid = (uint32_t)pid;
	snprintf(m.lacking, sizeof(m.lacking), "%s", b->lacking);
	engine_send(MSG_ENGINE_BORN, &m, -1);
}

static int
spawn_fill(struct spawn *sp, const struct msg_spawn *m,
    const struct cgroup *cg)
{
	const uint32_t	 worker = programs[m->program].worker;

	memset(sp, 0, sizeof(*sp));
	sp->exe = m->program == SPAWN_INIT ? sealed_init() :
	    exes[m->program];
	sp->name = programs[m->program].name;
	sp->ns = programs[m->program].ns;
	if ((m->flags & RUN_NETHOST) != 0)
		sp->ns &= ~(uint64_t)CLONE_NEWNET;
	sp->idbase = env.conf->idbase + worker;
	sp->idcount = worker != 0 ? 1 : env.conf->idcount;
	sp->owner = env.conf->idbase + WORKERID_ENGINE;
	sp->cgroupfd = cg != NULL ? cgroup_fd(cg) : -1;
	sp->cgroups = cg != NULL ? cgroup_procs(cg) : NULL;
	sp->nfds = nfds;
	memcpy(sp->fds, fds, nfds * sizeof(fds[0]));
	if (m->program == SPAWN_HTTP) {		/* nobody else accepts */
		sp->nfds = HTTP_FD_LISTENER - SPAWN_FD_CHAN + 1;
		sp->fds[sp->nfds - 1].fd = listener;
	}
	return (sp->exe == -1 ? -1 : 0);
}

/* A container in the host's network finds names as the host does. */
static void
give_resolver(void)
{
	struct spawn_fd	*p = &fds[INIT_FD_RESOLV - SPAWN_FD_CHAN];
	int		 fd;

	fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return;		/* then it keeps what the engine gave it */
	if (p->fd != -1)
		close(p->fd);
	p->fd = fd;
}

/* NULL with *why filled (MSG_TEXT_SIZE bytes). */
static struct child *
child_new(const struct msg_spawn *m, char *why)
{
	char		 lacking[MSG_TEXT_SIZE] = "";
	struct birth	 b = { m->child, lacking };
	struct spawn	 sp;
	struct child	*c;

	*why = '\0';
	if (nchildren == CHILDREN_MAX ||
	    (c = calloc(1, sizeof(*c))) == NULL) {
		snprintf(why, MSG_TEXT_SIZE, "too many processes");
		return (NULL);
	}
	c->pidfd = -1;
	c->id = m->child;
	if (m->program == SPAWN_INIT &&
	    (c->cgroup = cgroup_new(m, why, lacking)) == NULL) {
		child_free(c);
		return (NULL);
	}
	if (spawn_fill(&sp, m, c->cgroup) == 0) {
		sp.born = child_born;
		sp.arg = &b;
		if ((c->pid = spawn(&sp, &c->pidfd)) != -1)
			return (c);
	}
	snprintf(why, MSG_TEXT_SIZE, "%s%scannot start: %s",
	    *m->uuid != '\0' ? "pod " : "", m->uuid, strerror(errno));
	child_free(c);
	return (NULL);
}

void
engine_on_spawn(void *arg, struct msg *m)
{
	const struct msg_spawn	*s = &m->u.spawn;
	struct child		*c;
	char			 why[MSG_TEXT_SIZE];

	(void)arg;
	if (s->child <= lastid || nfds == 0 || fds[0].fd == -1 ||
	    (s->program == SPAWN_INIT && nfds < INIT_FD_LAYERS -
	    SPAWN_FD_CHAN) || (s->program == SPAWN_HTTP && listener == -1)) {
		engine_broke("a process without number, channel or listener");
		return;
	}
	lastid = s->child;
	if ((s->flags & RUN_NETHOST) != 0)
		give_resolver();
	c = child_new(s, why);
	named_free();
	if (c == NULL) {
		child_ended(s->child, 0, 0, why);
		return;
	}
	LIST_INSERT_HEAD(&children, c, entry);
	nchildren++;
	c->ev = event_new(env.base, c->pidfd, EV_READ, child_reap, c);
	if (c->ev == NULL || event_add(c->ev, NULL) == -1)
		fatal("%s: event", programs[s->program].name);
	if ((s->flags & SPAWN_IDLE) != 0 && setpriority(PRIO_PROCESS,
	    (id_t)c->pid, LOWEST) == -1)
		log_debug("process %d: priority: %s", (int)c->pid,
		    strerror(errno));
}

/* Who has ended by himself was told of, and the two may cross. */
void
engine_on_spawn_kill(void *arg, struct msg *m)
{
	struct child	*c;

	(void)arg;
	LIST_FOREACH(c, &children, entry)
		if (c->id == m->u.spawn_kill.child)
			child_sigkill(c);
}

void
engine_on_spawn_sweep(void *arg, struct msg *m)
{
	(void)arg;
	cgroup_sweep(m->u.spawn_sweep.uuid);
}
