/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * An engine that was taken over, as far as its broker can see it: it comes up
 * like one and then does the deed that the file "deed" of the store names.
 */
#include <sys/socket.h>

#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "../../proto/chan.h"

#define BROKER_FD	3
#define STORE_FD	4
#define STATUS		3	/* to exit with */

static struct chan	 chan;

static void
say(enum msg_type type, const void *payload, int fd)
{
	if (chan_send(&chan, type, 0, payload, fd) == -1)
		err(1, "%s", msg_name(type));
}

/* Until the last word of that kind. */
static void
hear(enum msg_type last)
{
	struct msg	 m;

	do {
		if (chan_recv(&chan, &m) != 1)
			err(1, "no %s", msg_name(last));
	} while (m.hdr.type != last);
}

/* A helper that has both ends of its channel and thus waits for ever. */
static void
spawn_forlorn(uint32_t child)
{
	struct msg_spawn	 m;
	int			 fds[2];

	if (chan_pair(fds) == -1)
		err(1, "socketpair");
	say(MSG_SPAWN_FD, NULL, fds[0]);
	say(MSG_SPAWN_FD, NULL, fds[1]);
	close(fds[0]);
	close(fds[1]);
	memset(&m, 0, sizeof(m));
	m.child = child;
	m.program = SPAWN_UNPACK;
	say(MSG_SPAWN, &m, -1);
}

static void
deed_forlorn(void)
{
	uint32_t	 i;

	for (i = 1; i <= 40; i++)
		spawn_forlorn(i);
}

/* A number used twice breaks a rule; what is asked behind that as well. */
static void
deed_twice(void)
{
	uint32_t	 i;

	spawn_forlorn(1);
	for (i = 1; i <= 40; i++)
		spawn_forlorn(i);
	pause();
}

static void
deed_words(void)
{
	struct msg_engine_log	 m;
	int			 i;

	for (i = 0; i < 100; i++) {
		memset(&m, 0, sizeof(m));
		m.priority = LOG_INFO;
		snprintf(m.text, sizeof(m.text), "last word %d", i);
		say(MSG_ENGINE_LOG, &m, -1);
	}
}

static const struct {
	const char	*name;
	void		(*deed)(void);
} deeds[] = {
	{ "forlorn", deed_forlorn },
	{ "twice", deed_twice },
	{ "words", deed_words },
};

int
main(void)
{
	char	 name[32] = "";
	size_t	 i;
	int	 fd;

	signal(SIGPIPE, SIG_IGN);
	if ((fd = openat(STORE_FD, "deed", O_RDONLY)) == -1 ||
	    read(fd, name, sizeof(name) - 1) == -1)
		err(1, "deed");
	chan_init(&chan, BROKER_FD, PEER_ENGINE, PEER_BROKER);
	hear(MSG_ENGINE_GO);
	chan.phase = PH_RUN;
	say(MSG_ENGINE_UP, NULL, -1);
	hear(MSG_ENGINE_SERVE);
	for (i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		if (strcmp(deeds[i].name, name) == 0)
			deeds[i].deed();
	return (STATUS);
}
