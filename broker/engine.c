/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The engine, as the broker sees it: a process without privilege on this
 * host, to which the store belongs and which hears everybody else.  When it
 * ends, so do we.
 */
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "../common/log.h"
#include "broker.h"

static struct evchan	*chan;		/* NULL: it is lost */
static pid_t		 pid;
static int		 pidfd = -1;
static struct event	*ev;
static int		 over, broke;

void
engine_idle(void)
{
	if (over && child_count() == 0)
		event_base_loopbreak(env.base);
}

/* Whatever it has said that we have not read counts no more. */
static void
engine_end(void)
{
	evchan_free(chan);
	chan = NULL;
	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

void
engine_broke(const char *why)
{
	if (chan == NULL)
		return;
	broke = 1;
	log_warnx("berth-engine[%d]: %s: killed", (int)pid, why);
	engine_end();
}

/* Silent, it is of no use; who is about to exit has chosen how. */
static void
engine_gone(void *arg, const char *why)
{
	(void)arg;
	if (why != NULL)
		engine_broke(why);
	else
		engine_end();
}

static void
engine_overdue(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	engine_broke("it was told to end and has not");
}

/* An app has its time to end; who hears nothing has not for ever. */
void
engine_quit(void)
{
	static const struct timeval	 grace = { 3 * STOP_GRACE_MS / 1000,
					    0 };
	static int			 told;

	engine_send(MSG_ENGINE_QUIT, NULL, -1);
	if (!env.private && !told)
		event_base_once(env.base, -1, EV_TIMEOUT, engine_overdue,
		    NULL, &grace);
	told = 1;
}

static void
engine_reap(evutil_socket_t fd, short what, void *arg)
{
	int	 i, status;

	(void)fd;
	(void)what;
	(void)arg;
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			fatal("berth-engine: wait");
	over = 1;
	/* its last words lie here, more than a socket holds do not */
	for (i = 0; chan != NULL && i < CHAN_QUEUE_MAX; i++)
		evchan_pump(chan);
	/* who has got its channel from it asks for nothing in its name */
	evchan_free(chan);
	chan = NULL;
	if (WIFSIGNALED(status) && !broke)
		log_warnx("berth-engine was killed by signal %d",
		    WTERMSIG(status));
	env.status = WIFEXITED(status) && !broke ? WEXITSTATUS(status) : 1;
	/* what it has not ended itself has nobody left to answer to */
	child_killall();
	engine_idle();
}

/* Who does not read is not there. */
void
engine_send(enum msg_type type, const void *payload, int fd)
{
	if (chan == NULL || evchan_send(chan, type, 0, payload, fd) == 0 ||
	    errno == EPIPE || errno == ECONNRESET)
		return;
	if (fd != -1)		/* a client: he sees that nobody hears him */
		log_warn("berth-engine: a connection");
	else			/* it would wait for ever */
		engine_broke(errno == ENOBUFS ?
		    "it does not read its messages" : strerror(errno));
}

int
engine_busy(void)
{
	return (chan != NULL && evchan_queued(chan) > 0);
}

static void
boot_id(char id[UUID_SIZE])
{
	ssize_t	 n;
	int	 fd;

	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return;
	n = read(fd, id, UUID_SIZE - 1);
	close(fd);
	if (n != UUID_SIZE - 1)
		memset(id, 0, UUID_SIZE);
}

/* All that it is told before it reads anybody else; it reads as we write. */
static void
engine_tell(struct chan *c)
{
	struct msg_engine_start	 m;

	memset(&m, 0, sizeof(m));
	m.private = env.private != 0;
	m.verbose = (uint32_t)env.verbose;
	m.pid = (uint32_t)getpid();
	m.insecure = env.conf->insecure;
	m.idbase = env.conf->idbase;
	m.idcount = env.conf->idcount;
	m.token_needed = !env.conf->loopback;
	boot_id(m.boot_id);
	memcpy(m.token, env.conf->token, sizeof(m.token));
	log_encode(m.failed, sizeof(m.failed), env.failed,
	    strlen(env.failed));
	/* one that has ended already is seen to in the loop */
	if ((chan_send(c, MSG_ENGINE_START, 0, &m, -1) == -1 ||
	    config_tell(env.conf, c) == -1 ||
	    chan_send(c, MSG_ENGINE_GO, 0, NULL, -1) == -1) &&
	    errno != EPIPE && errno != ECONNRESET)
		fatal("berth-engine");
	explicit_bzero(&m, sizeof(m));
	explicit_bzero(env.conf->token, sizeof(env.conf->token));
}

/*
 * Inside, id 0 owns the store and the containers' ids are the same as
 * outside: it can give a directory to a container and take it back, and is
 * nobody to the rest of the host.
 */
void
engine_start(void)
{
	struct spawn	 sp;
	struct chan	 c;
	int		 fds[2];

	memset(&sp, 0, sizeof(sp));
	sp.name = "berth-engine";
	sp.exe = spawn_helper(sp.name);
	sp.ns = SPAWN_NS_ALL;
	sp.idbase = sp.owner = env.conf->idbase + WORKERID_ENGINE;
	sp.idcount = 1;
	sp.samebase = env.conf->idbase;
	sp.samecount = env.conf->idcount;
	sp.cgroupfd = -1;
	sp.nfds = 2;
	if (sp.exe == -1 || chan_pair(fds) == -1)
		fatal("%s", sp.name);
	sp.fds[0].fd = fds[1];
	sp.fds[1].fd = -1;
	sp.fds[1].path = *env.failed == '\0' ? "." : "/";
	if ((pid = spawn(&sp, &pidfd)) == -1)
		fatal("%s", sp.name);
	close(sp.exe);
	close(fds[1]);
	chan_init(&c, fds[0], PEER_BROKER, PEER_ENGINE);
	engine_tell(&c);
	chan = evchan_new(env.base, fds[0], PEER_BROKER, PEER_ENGINE,
	    dispatch_engine, engine_gone, NULL);
	ev = event_new(env.base, pidfd, EV_READ, engine_reap, NULL);
	if (chan == NULL || ev == NULL || event_add(ev, NULL) == -1)
		fatal("%s: event", sp.name);
	/* of each process it hears twice, and it may be busy for a while */
	evchan_room(chan, 2 * CHILDREN_MAX);
	evchan_phase(chan, PH_RUN);
}

void
engine_on_engine_up(void *arg, struct msg *m)
{
	(void)arg;
	(void)m;
	broker_up();
}

/* Health is a word of both. */
void
engine_on_engine_ping(void *arg, struct msg *m)
{
	(void)arg;
	if (chan != NULL)
		(void)evchan_send(chan, MSG_ENGINE_PONG, m->hdr.id, NULL, -1);
}

/* It has no standard error, as we have none. */
void
engine_on_engine_log(void *arg, struct msg *m)
{
	(void)arg;
	log_pass((int)m->u.engine_log.priority, m->u.engine_log.text);
}

/*
 * Nobody waits for a private broker any more: it lets go of the caller's
 * standard error, whose reader may wait for its end, and tidies up.
 */
void
engine_on_engine_alone(void *arg, struct msg *m)
{
	int	 fd;

	(void)arg;
	(void)m;
	if ((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) != -1) {
		(void)dup2(fd, STDERR_FILENO);
		close(fd);
	}
}
