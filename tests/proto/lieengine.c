/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * In the engine's place: what it may ask the broker for, up to the moment of
 * the lie.  The processes that it gets are real ones, which wait for a word.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "liar.h"

/* The channel of all whom we ask for. */
static int	 theirs, ours;

static void
name(uint32_t n, uint32_t kind)
{
	uint32_t	 i;
	int		 fd = theirs;

	if (kind < KIND_MAX && (fd = kind_open((enum kind)kind, chan.fd)) ==
	    -1)
		_exit(9);
	for (i = 0; i < n; i++)
		if (chan_send(&chan, MSG_SPAWN_FD, 0, NULL, fd) == -1)
			_exit(10);
	if (fd != theirs)
		close(fd);
}

/* Who has both ends sees no end of his channel: he waits to be killed. */
static void
name_both(uint32_t n)
{
	name(n, KIND_MAX);
	if (chan_send(&chan, MSG_SPAWN_FD, 0, NULL, ours) == -1)
		_exit(10);
}

static void
name_dir(const char *path)
{
	struct msg_spawn_dir	 m;

	if (*path == '\0')
		return;
	memset(&m, 0, sizeof(m));
	snprintf(m.path, sizeof(m.path), "%s", path);
	say(MSG_SPAWN_DIR, &m, KIND_SEALED);
}

static void
get(enum program program, uint32_t child)
{
	struct packet	 p;
	struct msg	 m = { .fd = -1 };

	name_both(program == SPAWN_INIT ? POD_FDS : 1);
	memcpy(pod_uuid, plan->uuid, sizeof(pod_uuid));
	packet_spawn(&p, program, child);
	if (packet_send(chan.fd, &p) == -1)
		_exit(11);
	for (chan.phase = PH_ANY; m.hdr.type != MSG_ENGINE_BORN;)
		if (chan_recv(&chan, &m) != 1 ||
		    m.hdr.type == MSG_ENGINE_ENDED)
			_exit(14);
}

/* Of the one that we have asked for; it may be we who end it. */
static void __attribute__((noreturn))
wait_for_it(void)
{
	struct msg_spawn_kill	 k = { 1 };
	struct msg		 m;

	if (packet_send(chan.fd, &plan->packet) == -1)
		_exit(12);
	plan->said++;
	if (plan->repeat > 1) {
		await(MSG_ENGINE_BORN, &m);
		say(MSG_SPAWN_KILL, &k, KIND_SEALED);
	}
	await(MSG_ENGINE_ENDED, &m);
	plan->ended = m.u.engine_ended.status;
	plan->answered++;
	_exit(0);
}

/* Reads what there is, without waiting. */
static void
drain(void)
{
	struct pollfd	 pfd = { chan.fd, POLLIN, 0 };
	struct msg	 m;

	for (chan.phase = PH_ANY; poll(&pfd, 1, 0) == 1;) {
		if (chan_recv(&chan, &m) != 1)
			_exit(0);
		chan.seen[m.hdr.type] = 0;
		if (m.fd != -1)
			close(m.fd);
	}
}

/* As many as the plan says, one like the other but for its number. */
static void __attribute__((noreturn))
crowd(void)
{
	struct msg_spawn	 m;
	uint32_t		 i;

	memcpy(&m, plan->packet.data + sizeof(struct msg_hdr), sizeof(m));
	for (i = 1; i <= plan->repeat; i++) {
		plan->said++;
		m.child = i;
		name_both(plan->named);
		if (chan_send(&chan, MSG_SPAWN, 0, &m, -1) == -1)
			break;
		if (!plan->deaf)
			drain();
	}
	if (plan->linger) {		/* one of them once more */
		name(1, KIND_MAX);
		packet_send(chan.fd, &plan->packet);
	}
	finish();
}

void
play_engine(void)
{
	int	 fds[2];

	if (chan_pair(fds) == -1)
		_exit(13);
	theirs = fds[0];
	ours = fds[1];
	at(E_NEW);
	say(MSG_ENGINE_UP, NULL, KIND_SEALED);
	at(E_UP);
	if (plan->state == E_CHILD || plan->state == E_NEXT)
		get(SPAWN_UNPACK, 5);
	if (plan->state == E_POD)
		get(SPAWN_INIT, 5);
	at(E_CHILD);
	if (plan->state == E_POD)
		name(POD_FDS, KIND_MAX);
	else
		name(plan->named, plan->kind);
	name_dir(plan->path);
	at(E_NAMED);
	at(E_NEXT);
	at(E_POD);
	at(E_KINDS);
	if (plan->state == E_WAIT)
		wait_for_it();
	crowd();
}
