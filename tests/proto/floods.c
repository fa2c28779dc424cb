/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Much of what is allowed: floods, readers that have stopped, channels half
 * closed or held.  The canary is asked all the while.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drive.h"

#define FLOOD		100000
#define CROWD		48	/* connections at once */

static void
nonblocking(int fd)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		err(1, "fcntl");
}

/*
 * Says one thing n times without waiting for an answer, and reads answers
 * or not.  How many could be said before the broker had enough.
 */
static unsigned long
pour(int fd, const struct packet *p, unsigned long n, int reads)
{
	struct pollfd	 pfd = { fd, POLLOUT, 0 };
	struct msg	 m;
	unsigned long	 i;
	long		 end = now_ms() + PATIENCE_MS;

	nonblocking(fd);
	for (i = 0; i < n && now_ms() < end;) {
		if (packet_send(fd, p) == 0)
			i++;
		else if (errno != EAGAIN)
			break;
		else if (!reads && poll(&pfd, 1, PATIENCE_MS) == 0)
			break;		/* it has stopped reading us */
		if (reads)
			while (hear(fd, 0, &m) > 0)
				continue;
		if (i % 4096 == 0)
			canary();
	}
	d.cases++;
	return (i);
}

/* Signals are taken at any time and answered never. */
static void
flood_signals(void)
{
	struct packet	 p;
	unsigned long	 n;
	int		 fd = drive_connect();

	packet_good(&p, MSG_SIGNAL, PEER_CLI);
	if ((n = pour(fd, &p, FLOOD, 0)) != FLOOD)
		complain("flood of signals: dropped after %lu", n);
	close(fd);
	canary();
}

/* Requests, each answered: who does not read is dropped, not stored. */
static void
flood_requests(enum msg_type t, int reads)
{
	struct packet	 p;
	struct msg	 m;
	int		 fd = drive_connect(), r;
	long		 before = rss();

	packet_good(&p, t, PEER_CLI);
	(void)pour(fd, &p, reads ? 5000 : FLOOD, reads);
	canary();
	if (rss() - before > 2048)
		complain("%s flood: the broker grew by %ld KiB",
		    msg_info[t].name, rss() - before);
	if (!reads) {
		do
			r = hear(fd, PATIENCE_MS, &m);
		while (r > 0);
		if (r != 0 && errno == EAGAIN)
			complain("%s flood: a peer that reads nothing is kept",
			    msg_info[t].name);
	}
	close(fd);
	canary();
}

/* A manifest each time, as a descriptor, and nobody takes them. */
static void
hoard(void)
{
	struct msg_image i;
	int		 fd[CROWD], n, k;

	memset(&i, 0, sizeof(i));
	snprintf(i.name, sizeof(i.name), "%s", d.image);
	for (n = 0; n < CROWD; n++) {
		if ((fd[n] = drive_connect()) == -1)
			err(1, "connect");
		nonblocking(fd[n]);
		for (k = 0; k < 2000; k++)
			if (say_fd(fd[n], MSG_IMAGE_CAT, &i, -1) == -1)
				break;
		canary();
		d.cases++;
	}
	if (fds_open() > d.fds + CROWD * 20)
		complain("%d descriptors for %d clients that do not read",
		    fds_open() - d.fds, CROWD);
	for (n = 0; n < CROWD; n++)
		close(fd[n]);
	canary();
	fds_back("hoarded manifests");
}

/* More connections than there may be: the next who comes is served. */
static void
crowd(void)
{
	int	 fd[100], i;

	for (i = 0; i < 100; i++)
		if ((fd[i] = drive_connect()) == -1)
			break;
	canary();
	while (i-- > 0)
		close(fd[i]);
	d.cases++;
	canary();
	fds_back("a crowd");
	flood_requests(MSG_IMAGE_LIST, 1);
}

static void
half_closed(int how)
{
	struct msg	 m;
	int		 fd = drive_connect();

	shutdown(fd, how);
	if (how == SHUT_RD)
		(void)say_fd(fd, MSG_IMAGE_LIST, NULL, -1);
	else if (hear(fd, PATIENCE_MS, &m) != 0)
		complain("half closed: kept");
	canary();
	canary();
	close(fd);
	d.cases++;
}

/* The fetch's client sees its end, whatever the worker does. */
static void
fetch_job(const char *what)
{
	struct msg_fetch	 f;
	long			 before = rss(), end;
	struct msg		 m;
	int			 fd = drive_connect(), r;

	memcpy(&f, sample(MSG_FETCH), sizeof(f));
	f.insecure = INSECURE_IMAGE;
	snprintf(f.ref, sizeof(f.ref), "127.0.0.1:1/liar:f%u",
	    d.plan->serial);
	if (say_fd(fd, MSG_FETCH, &f, -1) == -1)
		complain("%s: %s", what, strerror(errno));
	for (end = now_ms() + 4 * PATIENCE_MS; now_ms() < end;) {
		canary();
		if ((r = hear(fd, 10, &m)) == 0 || r == MSG_FAILED)
			break;
	}
	if (now_ms() >= end)
		complain("%s: the job never ended", what);
	close(fd);
	if (!children_gone(PATIENCE_MS))
		errx(1, "%s: the liar lives", what);
	if (d.plan->said == 0)
		complain("%s: the lie was not told", what);
	if (rss() - before > 4096)
		complain("%s: the broker grew by %ld KiB", what,
		    rss() - before);
	d.cases++;
}

static void
plan_deed(uint32_t state, enum deed deed, enum msg_type t, uint32_t repeat)
{
	static struct kase	 k;
	const struct state	*s = state_of(state);

	packet_good(&k.p, t, s->peer);
	plan_for(s, &k);
	d.plan->deed = deed;
	d.plan->repeat = repeat;
	d.plan->linger = deed != DEED_SAY;
}

/* Workers that say one thing for ever, or close what they should not. */
static void
flood_workers(void)
{
	static const uint32_t	 states_[] = { F_NEW, F_BUSY, F_DOC, F_BLOB,
				    I_NEW, I_BUSY, I_WANTED, L_BUSY,
				    L_HASHED };
	size_t			 i;

	plan_deed(F_BUSY, DEED_SAY, MSG_FETCH_NOTE, FLOOD);
	fetch_job("flood of notes");
	plan_deed(F_BUSY, DEED_SAY, MSG_FETCH_SENT, FLOOD);
	fetch_job("flood of FETCH_SENT");
	plan_deed(I_LAYERS, DEED_SAY, MSG_LAYER, FLOOD);
	fetch_job("flood of layers");
	for (i = 0; i < sizeof(states_) / sizeof(states_[0]); i++) {
		plan_deed(states_[i], DEED_HALFCLOSE, MSG_FETCH_UP, 1);
		fetch_job("half closed");
		plan_deed(states_[i], DEED_CLOSE, MSG_FETCH_UP, 1);
		fetch_job("closed");
		plan_deed(states_[i], DEED_EXIT, MSG_FETCH_UP, 1);
		fetch_job("exit");
	}
}

/* Nothing is said and nothing read: gone with the client who asked. */
static void
mute(uint32_t state, enum msg_type ask)
{
	struct msg_image	 i;
	struct msg_run		 r;
	int			 fd = drive_connect(), n, rec = -1;

	plan_deed(state, DEED_MUTE, MSG_UNPACK_FAIL, 1);
	memset(&i, 0, sizeof(i));
	memset(&r, 0, sizeof(r));
	snprintf(i.name, sizeof(i.name), "%s", d.image);
	snprintf(r.image, sizeof(r.image), "%s", d.image);
	if (ask == MSG_RUN)
		rec = kind_open(KIND_SEALED, -1);
	(void)say_fd(fd, ask, ask == MSG_RUN ? (void *)&r : &i, rec);
	for (n = 0; n < PATIENCE_MS && d.plan->said == 0; n++)
		usleep(1000);
	canary();
	if (d.plan->said == 0)
		complain("mute %u: not reached", state);
	close(fd);
	if (rec != -1)
		close(rec);
	if (!children_gone(PATIENCE_MS))
		errx(1, "mute %u: the liar lives", state);
	d.cases++;
}

/*
 * A job answered, its process still there, and the next one asked for on
 * the same connection, which then ends.
 */
static void
twice(void)
{
	struct msg_image	 i;
	int			 fd = drive_connect(), n;

	memset(&i, 0, sizeof(i));
	snprintf(i.name, sizeof(i.name), "%s", d.image);
	plan_deed(S_BUSY, DEED_SAY, MSG_UNPACKED, 1);
	d.plan->linger = 1;
	for (n = 0; n < 3; n++) {
		(void)say_fd(fd, MSG_IMAGE_VERIFY, &i, -1);
		if (hear_end(fd, PATIENCE_MS) != MSG_RESULT)
			complain("verify, and again: no result");
	}
	(void)say_fd(fd, MSG_IMAGE_VERIFY, &i, -1);
	close(fd);
	canary();
	if (!children_gone(PATIENCE_MS))
		errx(1, "verify, and again: the liar lives");
	canary();
	d.cases++;
}

void
floods(void)
{
	flood_signals();
	flood_requests(MSG_IMAGE_LIST, 0);
	flood_requests(MSG_IMAGE_LIST, 1);
	flood_requests(MSG_IMAGE_GC, 0);
	flood_requests(MSG_IMAGE_CAT, 0);
	flood_requests(MSG_FETCH, 0);
	half_closed(SHUT_WR);
	half_closed(SHUT_RD);
	half_closed(SHUT_RDWR);
	hoard();
	crowd();
	flood_workers();
	mute(S_BUSY, MSG_IMAGE_VERIFY);
	mute(N_BUSY, MSG_RUN);
	mute(N_RUN, MSG_RUN);
	twice();
	fds_back("floods");
	if (getenv("VERBOSE") != NULL)
		fprintf(stderr, "floods: canary waited %ld ms\n", d.worst);
}
