/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Brokers that serve for one case: private ones, daemons whose HTTP worker
 * lies (it is started again ever more slowly), and such as never come up, as
 * who reads their configuration lies.
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drive.h"

#define BROKER_FD	3

pid_t
broker_start(int fd, int errfd)
{
	char	 path[512];
	pid_t	 pid;
	int	 null;

	snprintf(path, sizeof(path), "%s/berthd", d.dir);
	if ((pid = fork()) == -1)
		err(1, "fork");
	if (pid != 0)
		return (pid);
	if ((null = open("/dev/null", O_RDWR)) == -1 ||
	    dup2(errfd != -1 ? errfd : null, 2) == -1)
		_exit(126);
	if (fd != -1) {
		if (dup2(fd, BROKER_FD) == -1)
			_exit(126);
		closefrom(BROKER_FD + 1);
		execl(path, "berthd", "-p", "-s", d.store, NULL);
	} else {
		closefrom(BROKER_FD);
		execl(path, "berthd", "-d", "-f", d.conf, NULL);
	}
	_exit(127);
}

int
broker_wait(pid_t pid, const char *what)
{
	long	 end = now_ms() + 2 * PATIENCE_MS;
	int	 status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (now_ms() > end) {
			complain("%s: it does not end", what);
			kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			break;
		}
		usleep(200);
	}
	return (status);
}

/* It ends in time and with that status. */
static void
broker_ends_with(pid_t pid, int wanted, const char *what)
{
	int	 status = broker_wait(pid, what);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != wanted)
		complain("%s: the broker ended with %#x", what,
		    (unsigned int)status);
}

static void
broker_ends(pid_t pid, const char *what)
{
	broker_ends_with(pid, 0, what);
}

int
await_socket(pid_t pid)
{
	long	 end = now_ms() + PATIENCE_MS;
	int	 fd;

	while ((fd = drive_connect()) == -1 && now_ms() < end &&
	    waitpid(pid, NULL, WNOHANG) == 0)
		usleep(500);
	return (fd);
}

static void
http_case(const struct state *s, const struct kase *k)
{
	pid_t	 have[LIST_MAX];
	long	 end = now_ms() + PATIENCE_MS;
	int	 fd = -1, die = must_die(s, &k->p), ends;
	struct msg_hdr	 h;

	memcpy(&h, k->p.data, sizeof(h));
	ends = !die && h.type == MSG_HTTP_TERMINATE;
	plan_for(s, k);
	d.pid = broker_start(-1, -1);
	if (!ends && (fd = await_socket(d.pid)) == -1) {
		complain("%s %s: no daemon", s->name, k->what);
		return;
	}
	while (d.plan->said == 0 && now_ms() < end)
		usleep(200);
	while (die && children_of(d.pid, have) > 1 && now_ms() < end)
		usleep(200);
	if (d.plan->said == 0)
		complain("%s %s: the lie was not told", s->name, k->what);
	else if (now_ms() >= end)
		complain("%s %s: the liar lives", s->name, k->what);
	if (!ends) {
		if (say_fd(fd, MSG_IMAGE_LIST, NULL, -1) == -1 ||
		    hear_end(fd, PATIENCE_MS) != MSG_DONE)
			complain("%s %s: no answer", s->name, k->what);
		close(fd);
		kill(d.pid, SIGTERM);
	}
	broker_ends(d.pid, k->what);
	d.cases++;
}

/* Nobody serves what a liar, or one who did not finish, has said. */
static void
conf_case(const struct state *s, const struct kase *k)
{
	int	 fd;

	/* its own end is kept: no end is seen, but 30 seconds of silence */
	if (k->p.nfds == 1 && k->p.kind == KIND_CHANNEL && !must_die(s, &k->p))
		return;
	plan_for(s, k);
	broker_ends_with(broker_start(-1, -1), 1, k->what);
	if (d.plan->said == 0)
		complain("%s %s: the lie was not told", s->name, k->what);
	if ((fd = drive_connect()) != -1) {
		complain("%s %s: somebody serves", s->name, k->what);
		close(fd);
	}
	d.cases++;
}

static void
private_case(const struct state *s, const struct kase *k)
{
	struct msg	 m;
	int		 fds[2], r;
	pid_t		 pid;

	if (chan_pair(fds) == -1)
		err(1, "socketpair");
	pid = broker_start(fds[1], -1);
	close(fds[1]);
	if (packet_send(fds[0], &k->p) == -1)
		complain("%s: %s", k->what, strerror(errno));
	if (must_die(s, &k->p)) {
		do
			r = hear(fds[0], PATIENCE_MS, &m);
		while (r > 0);
		if (r == -1 && errno != EPROTO && errno != ECONNRESET)
			complain("private %s: the liar lives", k->what);
	}
	close(fds[0]);
	broker_ends(pid, k->what);
	d.cases++;
}

static enum level
level_of(const struct state *s, unsigned int t)
{
	if (msg_info[t].from != s->peer || msg_info[t].to != s->to)
		return (LEVEL_ONE);
	if (s->role == ROLE_BROKER && (msg_info[t].phases & s->phase) == 0)
		return (d.all ? LEVEL_FEW : LEVEL_ONE);
	return (d.all || (s->role == ROLE_CLI && t == MSG_RUN) ||
	    s->number == K_MAIN || s->number == E_NEXT ||
	    s->number == B_NEW ||
	    (s->number == B_START && t != MSG_ENGINE_PARAM) ||
	    (s->number == B_APP && t == MSG_ENGINE_PARAM) ||
	    s->number == B_SERVE ? LEVEL_ALL : LEVEL_FEW);
}

void
all_in(uint32_t state, void (*fn)(const struct state *, const struct kase *))
{
	const struct state	*s = state_of(state);
	struct kase		*k;
	static unsigned int	 turn;
	unsigned int		 t;
	size_t			 i, n;
	unsigned long		 before = d.cases;
	long			 t0 = now_ms();

	for (t = 1; t < MSG_MAX; t++) {
		k = cases_make(t, s->peer, level_of(s, t), &n);
		for (i = 0; i < n; i++)
			if (turn++ % d.shards == d.shard)
				fn(s, &k[i]);
		free(k);
	}
	if (getenv("VERBOSE") != NULL)
		fprintf(stderr, "%s: %lu cases, %ld ms\n", s->name,
		    d.cases - before, now_ms() - t0);
}

/* A daemon is told to stop while the job of a client hangs. */
static void
stop_case(uint32_t state, enum msg_type ask)
{
	struct msg_image	 i;
	struct msg_fetch	 f;
	struct msg_run		 r;
	struct kase		 k;
	const void		*m = &i;
	int			 fd, n, rec = -1;

	memset(&k, 0, sizeof(k));
	memset(&i, 0, sizeof(i));
	memset(&r, 0, sizeof(r));
	snprintf(i.name, sizeof(i.name), "%s", d.image);
	snprintf(r.image, sizeof(r.image), "%s", d.image);
	memcpy(&f, sample(MSG_FETCH), sizeof(f));
	f.insecure = INSECURE_IMAGE;
	if (ask == MSG_FETCH)
		m = &f;
	if (ask == MSG_RUN) {
		m = &r;
		rec = kind_open(KIND_SEALED, -1);
	}
	plan_for(state_of(state), &k);
	d.plan->deed = DEED_MUTE;
	d.pid = broker_start(-1, -1);
	if ((fd = await_socket(d.pid)) == -1)
		errx(1, "no daemon");
	if (say_fd(fd, ask, m, rec) == -1)
		complain("stop: %s", strerror(errno));
	for (n = 0; n < PATIENCE_MS && d.plan->said == 0; n++)
		usleep(1000);
	if (d.plan->said == 0)
		complain("stop in %u: not reached", state);
	kill(d.pid, SIGTERM);
	if (state == N_RUN)	/* TERM has its ten seconds, not ours */
		close(fd);
	broker_ends(d.pid, "stop with a job in hand");
	if (state != N_RUN)
		close(fd);
	if (rec != -1)
		close(rec);
	d.cases++;
}

void
stop_cases(void)
{
	d.plan->active = 1;
	stop_case(F_NEW, MSG_FETCH);
	stop_case(F_BLOB, MSG_FETCH);
	stop_case(I_WANTED, MSG_FETCH);
	stop_case(L_BUSY, MSG_FETCH);
	stop_case(S_BUSY, MSG_IMAGE_VERIFY);
	stop_case(N_RUN, MSG_RUN);
	d.plan->active = 0;
}

void
http_cases(void)
{
	d.plan->active = 1;
	all_in(H_NEW, http_case);
	all_in(H_RUN, http_case);
	d.plan->active = 0;
}

void
conf_cases(void)
{
	d.plan->active = 1;
	all_in(K_BUSY, conf_case);
	all_in(K_MAIN, conf_case);
	all_in(K_APP, conf_case);
	d.plan->active = 0;
}

void
private_cases(void)
{
	all_in(C_IDLE, private_case);
}
