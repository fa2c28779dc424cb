/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The output of a declared app: spliced by the kernel from the pipe into
 * log/<app>.  The engine moves it and never reads it.  A log that has grown
 * full becomes <app>.0 and the one before is gone.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "../../common/log.h"
#include "control.h"

#define LOG_MAX		(16 * MIB)
#define TURN		65536	/* bytes moved before others have their turn */

struct stream {
	struct applog	*log;
	int		 fd;
	struct event	*ev;
};

struct applog {
	char		 path[APPNAME_MAXLEN + 8];
	int		 fd;
	struct stream	 stream[2];
};

static int
applog_open(struct applog *l)
{
	char		 old[APPNAME_MAXLEN + 16];
	struct stat	 st;

	if (l->fd != -1 && fstat(l->fd, &st) == 0 &&
	    st.st_size > (off_t)LOG_MAX) {
		snprintf(old, sizeof(old), "%s.0", l->path);
		if (rename(l->path, old) == -1)
			log_warn("%s", l->path);
		close(l->fd);
		l->fd = -1;
	}
	if (l->fd == -1) {
		/* splice refuses O_APPEND: one writer, at the end */
		l->fd = open(l->path, O_WRONLY | O_CREAT | O_CLOEXEC |
		    O_NOFOLLOW, 0600);
		if (l->fd != -1)
			(void)lseek(l->fd, 0, SEEK_END);
	}
	return (l->fd);
}

struct applog *
applog_new(const char *app)
{
	struct applog	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (NULL);
	snprintf(l->path, sizeof(l->path), "log/%s", app);
	l->fd = l->stream[0].fd = l->stream[1].fd = -1;
	l->stream[0].log = l->stream[1].log = l;
	return (l);
}

static void
stream_close(struct stream *s)
{
	if (s->ev != NULL)
		event_free(s->ev);
	s->ev = NULL;
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
}

/* Bytes moved; 0 at the end or when the disk will not have them. */
static ssize_t
stream_move(struct stream *s)
{
	ssize_t	 n;

	if (applog_open(s->log) == -1)
		return (0);
	n = splice(s->fd, NULL, s->log->fd, NULL, TURN, SPLICE_F_NONBLOCK);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return (-1);
	if (n == -1)
		log_warn("%s", s->log->path);
	return (n == -1 ? 0 : n);
}

static void
stream_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	if (stream_move(arg) == 0)
		stream_close(arg);
}

void
applog_add(struct applog *l, uint32_t which, int fd)
{
	struct stream	*s = &l->stream[which == STDIO_ERR];

	stream_close(s);
	if ((s->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) == -1 ||
	    (s->ev = event_new(env.base, s->fd, EV_READ | EV_PERSIST,
	    stream_readable, s)) == NULL || event_add(s->ev, NULL) == -1) {
		log_warn("%s", l->path);
		stream_close(s);
	}
}

void
applog_close(struct applog *l)
{
	int	 i;

	for (i = 0; i < 2; i++) {
		while (l->stream[i].fd != -1 && stream_move(&l->stream[i]) > 0)
			continue;
		stream_close(&l->stream[i]);
	}
}
