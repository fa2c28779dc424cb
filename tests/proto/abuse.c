/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Lies to a running broker in every state that a peer can be in, and sees
 * that the liar dies while the broker and everybody else go on.
 *
 *	abuse [-a] -m MODE -d DIR -s STORE -c CONF -i ID [-p PID] [-S N/OF]
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drive.h"

struct drive	 d;

static void
ask_fetch(void)
{
	struct msg_fetch	 f;

	memset(&f, 0, sizeof(f));
	f.insecure = INSECURE_IMAGE | INSECURE_HTTP;
	f.policy = PULL_UPDATE;
	memcpy(f.platform.os, "linux", 5);
	memcpy(f.platform.arch, "amd64", 5);
	snprintf(f.ref, sizeof(f.ref), "127.0.0.1:1/liar:t%u",
	    d.plan->serial);
	if (say_fd(d.trigger, MSG_FETCH, &f, -1) == -1)
		complain("fetch cannot be asked for: %s", strerror(errno));
}

static void
ask_run(int fd)
{
	struct msg_run	 r;
	int		 record = kind_open(KIND_SEALED, -1);

	memset(&r, 0, sizeof(r));
	r.flags = RUN_FOREGROUND | RUN_NETHOST;
	snprintf(r.image, sizeof(r.image), "%s", d.image);
	if (say_fd(fd, MSG_RUN, &r, record) == -1)
		complain("run cannot be asked for: %s", strerror(errno));
	close(record);
}

static void
ask_verify(int fd)
{
	struct msg_image	 i;

	memset(&i, 0, sizeof(i));
	snprintf(i.name, sizeof(i.name), "%s", d.image);
	if (say_fd(fd, MSG_IMAGE_VERIFY, &i, -1) == -1)
		complain("verify cannot be asked for: %s", strerror(errno));
}

/* A layer that no image names and that is not empty. */
static void
ask_gc(void)
{
	char	 path[512];
	int	 i;

	snprintf(path, sizeof(path), "%s/layers/sha256-%056x%08x", d.store, 0,
	    d.plan->serial);
	for (i = 0; i < 2; i++) {
		if (mkdir(path, 0755) == -1 ||
		    chown(path, d.owner, d.owner) == -1)
			err(1, "%s", path);
		strcat(path, "/x");
	}
	if (say_fd(d.trigger, MSG_IMAGE_GC, NULL, -1) == -1)
		complain("gc cannot be asked for: %s", strerror(errno));
}

/*
 * Nobody waits for who empties the trash: he may not be born yet, or not at
 * all, when the end of the one before him has not been heard.
 */
static void
await_trash(void)
{
	int	 ms;

	for (ms = 1; d.plan->said == 0 && ms < PATIENCE_MS; ms++) {
		usleep(1000);
		if (ms % 200 != 0)
			continue;
		ask_gc();
		(void)hear_end(d.trigger, PATIENCE_MS);
	}
}

/* The job in which the liar has his part; its end, and his. */
static void
worker_case(const struct state *s, const struct kase *k)
{
	int	 r;

	plan_for(s, k);
	if (s->role == ROLE_INIT)
		ask_run(d.trigger);
	else if (s->role == ROLE_STACK)
		ask_verify(d.trigger);
	else if (s->role == ROLE_TRASH)
		ask_gc();
	else
		ask_fetch();
	if ((r = hear_end(d.trigger, PATIENCE_MS)) <= 0) {
		complain("%s %s: %s", s->name, k->what, r == 0 ?
		    "his client was dropped" : "the job never ended");
		close(d.trigger);
		if ((d.trigger = drive_connect()) == -1)
			err(1, "connect");
	}
	if (s->role == ROLE_TRASH)
		await_trash();
	if (!children_gone(PATIENCE_MS)) {
		complain("%s %s: the liar lives", s->name, k->what);
		errx(1, "a liar that lives spoils what follows");
	}
	/* whoever has said his last word may not live to say more */
	if (d.plan->said == 0 && s->number != N_EXITED &&
	    s->number != N_FAILED && s->number != L_UNPACKED)
		complain("%s %s: the lie was not told", s->name, k->what);
}

/* A connection in that state, or -1. */
static int
client_in(const struct state *s)
{
	static const struct kase	 none;
	struct msg			 m;
	int				 fd, r;

	if ((fd = drive_connect()) == -1)
		err(1, "connect");
	if (s->number == C_IDLE)
		return (fd);
	plan_for(s, &none);	/* its helpers are polite */
	if (s->number == C_BUSY)
		ask_verify(fd);
	else {
		ask_run(fd);
		do
			r = hear(fd, PATIENCE_MS, &m);
		while (r > 0 && r != MSG_STARTED);
		if (r <= 0)
			complain("%s: the pod does not start", s->name);
	}
	return (fd);
}

static void
client_case(const struct state *s, const struct kase *k)
{
	struct pollfd	 pfd;
	struct msg	 m;
	int		 die = must_die(s, &k->p), fd, r;

	fd = client_in(s);
	if (packet_send(fd, &k->p) == -1)
		complain("%s %s: %s", s->name, k->what, strerror(errno));
	if (die) {
		do
			r = hear(fd, PATIENCE_MS, &m);
		while (r > 0);
		if (r == -1 && errno != EPROTO && errno != ECONNRESET)
			complain("%s %s: the liar lives", s->name, k->what);
	} else {
		canary();
		canary();
		pfd.fd = fd;
		pfd.events = 0;
		if (poll(&pfd, 1, 0) == 1)
			complain("%s %s: dropped though it is good", s->name,
			    k->what);
	}
	close(fd);
	if (s->number != C_IDLE && !children_gone(PATIENCE_MS))
		complain("%s %s: its job lives", s->name, k->what);
}

static enum level
level_of(const struct state *s, enum msg_type t)
{
	if (s->number == C_IDLE)
		return (LEVEL_ALL);
	if (msg_info[t].from != s->peer)
		return (LEVEL_ONE);
	if (d.all)
		return (LEVEL_ALL);
	switch (s->number) {
	case C_BUSY:
	case F_BUSY:
	case I_BUSY:
	case L_BUSY:
	case S_BUSY:
	case T_NEW:
	case N_BUSY:
	case N_RUN:
		return (LEVEL_ALL);
	default:
		return (LEVEL_FEW);
	}
}

static void
one_case(const struct state *s, struct kase *k)
{
	if (k->bad && !must_die(s, &k->p))
		complain("%s %s: its check takes it", s->name, k->what);
	if (s->role == ROLE_CLI)
		client_case(s, k);
	else
		worker_case(s, k);
	canary();
	if (++d.cases % 64 == 0)
		fds_back(k->what);
}

static void
matrix(void)
{
	static unsigned int	 turn;
	struct kase		*k;
	size_t			 i, j, n;
	unsigned int		 t;
	char			 what[sizeof(k->what)];
	long			 t0;

	for (i = 0; i < nstates; i++) {
		if (states[i].role == ROLE_HTTP ||
		    states[i].role >= ROLE_CONF)
			continue;
		t0 = now_ms();
		for (t = 1; t < MSG_MAX; t++) {
			k = cases_make(t, states[i].peer,
			    level_of(&states[i], t), &n);
			for (j = 0; j < n; j++) {
				if (turn++ % d.shards != d.shard)
					continue;
				snprintf(what, sizeof(what), "%s: %.50s",
				    msg_info[t].name, k[j].what);
				memcpy(k[j].what, what, sizeof(what));
				one_case(&states[i], &k[j]);
			}
			free(k);
		}
		if (getenv("VERBOSE") != NULL)
			fprintf(stderr, "%s: %lu cases so far, %ld ms\n",
			    states[i].name, d.cases, now_ms() - t0);
	}
}

static void
daemon_cases(void)
{
	long	 before, cases;

	drive_base();
	d.plan->active = 1;
	floods();
	before = rss();
	cases = (long)d.cases;
	matrix();
	d.plan->active = 0;
	canary();
	if (!children_gone(PATIENCE_MS))
		complain("children are left");
	fds_back("the end");
	printf("growth %ld KiB in %ld cases, canary waited %ld ms at most\n",
	    rss() - before, (long)d.cases - cases, d.worst);
	/* a leak of one small object in each case would be much more */
	if (rss() - before > 256)
		complain("the broker grew by %ld KiB", rss() - before);
}

static void
open_plan(void)
{
	char	 path[512];
	int	 fd;

	snprintf(path, sizeof(path), "%s/plan", d.dir);
	if ((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666)) == -1 ||
	    fchmod(fd, 0666) == -1 || ftruncate(fd, sizeof(*d.plan)) == -1)
		err(1, "%s", path);
	d.plan = mmap(NULL, sizeof(*d.plan), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	if (d.plan == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
}

int
main(int argc, char *argv[])
{
	const char	*mode = "daemon";
	int		 c;

	d.shards = 1;
	while ((c = getopt(argc, argv, "ac:d:i:m:p:s:S:")) != -1)
		switch (c) {
		case 'a': d.all = 1; break;
		case 'c': d.conf = optarg; break;
		case 'd': d.dir = optarg; break;
		case 'i': d.image = optarg; break;
		case 'm': mode = optarg; break;
		case 'p': d.pid = atoi(optarg); break;
		case 's': d.store = optarg; break;
		case 'S':
			if (sscanf(optarg, "%u/%u", &d.shard, &d.shards) != 2)
				errx(2, "-S N/OF");
			break;
		default: return (2);
		}
	signal(SIGPIPE, SIG_IGN);
	open_plan();
	if (strcmp(mode, "http") == 0)
		http_cases();
	else if (strcmp(mode, "conf") == 0)
		conf_cases();
	else if (strcmp(mode, "stop") == 0)
		stop_cases();
	else if (strcmp(mode, "private") == 0)
		private_cases();
	else if (strcmp(mode, "engine") == 0)
		engine_cases();
	else if (strcmp(mode, "mute") == 0)
		mute_cases();
	else if (strcmp(mode, "broker") == 0)
		broker_cases();
	else
		daemon_cases();
	printf("%s: %lu cases, %lu failures\n", mode, d.cases, d.failures);
	return (d.failures != 0);
}
