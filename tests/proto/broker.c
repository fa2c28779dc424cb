/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * In the broker's place: lies to an engine, which ends and is not broken.
 * That it believes what is no lie is no matter: nobody can do more to it
 * than the broker.
 */
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../common/spawn.h"
#include "drive.h"

static int	 exe, null, errfd;
static uid_t	 owner;

static pid_t
engine_start(struct chan *c)
{
	struct spawn	 sp;
	pid_t		 pid;
	int		 fds[2], pidfd;

	memset(&sp, 0, sizeof(sp));
	sp.exe = exe;
	sp.name = "berth-engine";
	sp.ns = SPAWN_NS_ALL;
	sp.idbase = sp.owner = owner;
	sp.idcount = 1;
	sp.samebase = owner - WORKERID_ENGINE;
	sp.samecount = IDRANGE_COUNT;
	sp.cgroupfd = -1;
	sp.nfds = 2;
	if (chan_pair(fds) == -1)
		err(1, "socketpair");
	sp.fds[0].fd = fds[1];
	sp.fds[1].fd = -1;
	sp.fds[1].path = ".";
	(void)dup2(null, STDERR_FILENO);	/* where it says why */
	pid = spawn(&sp, &pidfd);
	(void)dup2(errfd, STDERR_FILENO);
	if (pid == -1)
		err(1, "berth-engine");
	close(pidfd);
	close(fds[1]);
	chan_init(c, fds[0], PEER_BROKER, PEER_ENGINE);
	return (pid);
}

static void
tell(struct chan *c, enum msg_type t, const void *payload)
{
	int	 fd = -1;

	if (msg_info[t].fd == FD_MUST)
		fd = kind_open(KIND_SEALED, c->fd);
	if (chan_send(c, t, 0, payload, fd) == -1)
		complain("%s: %s", msg_info[t].name, strerror(errno));
	if (fd != -1)
		close(fd);
}

/* Until it has said so. */
static void
await(struct chan *c, enum msg_type t)
{
	struct msg	 m;

	for (c->phase = PH_RUN;;) {
		if (chan_recv(c, &m) != 1) {
			complain("no %s", msg_info[t].name);
			return;
		}
		c->seen[m.hdr.type] = 0;
		if (m.fd != -1)
			close(m.fd);
		if (m.hdr.type == t)
			return;
	}
}

static void
bring_to(struct chan *c, uint32_t state)
{
	struct msg_engine_start	 m;

	if (state == B_NEW)
		return;
	memset(&m, 0, sizeof(m));
	m.pid = (uint32_t)getpid();
	m.idbase = owner - WORKERID_ENGINE;
	m.idcount = IDRANGE_COUNT;
	tell(c, MSG_ENGINE_START, &m);
	if (state == B_APP)
		tell(c, MSG_ENGINE_APP, sample(MSG_ENGINE_APP));
	if (state < B_RUN)
		return;
	tell(c, MSG_ENGINE_GO, NULL);
	await(c, MSG_ENGINE_UP);
	if (state < B_SERVE)
		return;
	tell(c, MSG_ENGINE_SERVE, sample(MSG_ENGINE_SERVE));
	await(c, MSG_SPAWN);	/* its HTTP worker, number 1 */
}

/* Waits until nothing that we have said lies unread. */
static void
heard(int fd)
{
	struct pollfd	 pfd = { fd, 0, 0 };
	int		 ms, left;

	for (ms = 0; ms < PATIENCE_MS && poll(&pfd, 1, 0) == 0 &&
	    ioctl(fd, TIOCOUTQ, &left) == 0 && left > 0; ms++)
		usleep(1000);
}

static void
lie(uint32_t state, const struct packet *p, unsigned long n, int die,
    const char *what)
{
	struct chan	 c;
	pid_t		 pid = engine_start(&c);
	unsigned long	 i;
	int		 status;

	bring_to(&c, state);
	for (i = 0; i < n && packet_send(c.fd, p) == 0; i++)
		continue;
	if (!die) {
		heard(c.fd);
		close(c.fd);
	}
	status = broker_wait(pid, what);
	if (die)
		close(c.fd);
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1 ||
	    (die && WEXITSTATUS(status) != 1))
		complain("%s: the engine ended with %#x", what,
		    (unsigned int)status);
	d.cases++;
}

static void
broker_case(const struct state *s, const struct kase *k)
{
	char	 what[sizeof(k->what) + 32];

	/* it would hold our end, and see no end */
	if (k->p.nfds == 1 && k->p.kind == KIND_CHANNEL && !must_die(s, &k->p))
		return;
	snprintf(what, sizeof(what), "%s %s", s->name, k->what);
	lie(s->number, &k->p, 1, must_die(s, &k->p), what);
}

static void
flood(enum msg_type t, unsigned long n)
{
	struct packet	 p;

	packet_good(&p, t, PEER_BROKER);
	p.kind = KIND_SOCKET;
	lie(B_SERVE, &p, n, 0, msg_info[t].name);
}

/* The store is an engine's once a broker has had it. */
static void
prepare(void)
{
	char		 path[512];
	struct stat	 st;
	int		 fds[2];
	pid_t		 pid;

	if (chan_pair(fds) == -1)
		err(1, "socketpair");
	pid = broker_start(fds[1], -1);
	close(fds[0]);
	close(fds[1]);
	if (broker_wait(pid, "a broker") != 0)
		errx(1, "no broker");
	snprintf(path, sizeof(path), "%s/real/berth-engine", d.dir);
	if ((exe = open(path, O_PATH | O_CLOEXEC)) == -1)
		err(1, "%s", path);
	errfd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (errfd == -1 || (null = open("/dev/null", O_RDWR | O_CLOEXEC)) ==
	    -1)
		err(1, "/dev/null");
	if (chdir(d.store) == -1 || stat(".", &st) == -1)
		err(1, "%s", d.store);
	owner = st.st_uid;
}

void
broker_cases(void)
{
	uint32_t	 state;

	prepare();
	flood(MSG_ENGINE_CLIENT, 3000);
	flood(MSG_ENGINE_BORN, 100000);
	flood(MSG_ENGINE_ENDED, 100000);
	flood(MSG_ENGINE_PONG, 100000);
	flood(MSG_ENGINE_QUIT, 1000);
	for (state = B_NEW; state <= B_SERVE; state++)
		all_in(state, broker_case);
}
