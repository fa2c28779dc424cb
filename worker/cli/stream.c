/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Moves the app's bytes between its pipes or pty and our standard streams,
 * unmodified and without ever blocking: a slow reader slows the app, not
 * our ear for signals.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "cli.h"

#define STREAM_SIZE	(64 * 1024)	/* what a pipe holds */

struct stream {
	int	 from, to;	/* -1: closed */
	int	 standard;	/* which of our own it ends in: 0, 1, 2 */
	int	 sock;		/* that one is a socket */
	int	 atomic;	/* that one may block: PIPE_BUF at once */
	size_t	 slot;		/* in the poll list, or NO_SLOT */
	size_t	 off, len;	/* of buf: read, not yet written */
	char	*buf;
};

#define NO_SLOT	SIZE_MAX

static struct stream	 streams[STREAMS_MAX];
static size_t		 nstreams;
static int		 lost;	/* errno of output that had no place */

/*
 * A description of our own for a standard stream, so that O_NONBLOCK does
 * not fall upon whoever shares it.  Files keep theirs: its offset is shared
 * on purpose, and they do not block.
 */
static int
standard_open(struct stream *s, int flags)
{
	struct stat	 st;
	char		 path[32];
	int		 fd;

	if (fstat(s->standard, &st) == -1)
		return (-1);
	s->sock = S_ISSOCK(st.st_mode);
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", s->standard);
		fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd != -1)
			return (fd);
		s->atomic = 1;	/* another user's terminal, after su(1) */
	}
	return (fcntl(s->standard, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

/*
 * The stream has ended: who holds the other end of our standard stream
 * shall see that now, not when we exit.  stderr stays for our own words.
 */
static void
standard_close(const struct stream *s)
{
	int	 fd;

	if (s->standard == STDERR_FILENO ||
	    (fd = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1)
		return;
	dup2(fd, s->standard);
	close(fd);
}

static void
stream_close(struct stream *s)
{
	if (s->from != -1)
		close(s->from);
	if (s->to != -1)
		close(s->to);
	s->from = s->to = -1;
	s->len = 0;
	standard_close(s);
	free(s->buf);
	s->buf = NULL;
}

/* Takes ownership of fd, on failure too. */
static int
stream_add(int fd, int standard)
{
	struct stream	*s;
	int		 flags, own;

	if (nstreams == STREAMS_MAX) {
		close(fd);
		errno = EPROTO;
		return (-1);
	}
	s = &streams[nstreams];
	memset(s, 0, sizeof(*s));
	s->standard = standard;
	own = -1;
	if ((flags = fcntl(fd, F_GETFL)) == -1 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    (own = standard_open(s, standard == STDIN_FILENO ? O_RDONLY :
	    O_WRONLY)) == -1 || (s->buf = malloc(STREAM_SIZE)) == NULL) {
		flags = errno;
		if (own != -1)
			close(own);
		close(fd);
		errno = flags;
		return (-1);
	}
	s->from = standard == STDIN_FILENO ? own : fd;
	s->to = standard == STDIN_FILENO ? fd : own;
	nstreams++;
	return (0);
}

int
stream_open(enum stdio_which which, int fd)
{
	int	 copy;

	if (which == STDIO_IN)
		return (stream_add(fd, STDIN_FILENO));
	if (which == STDIO_OUT)
		return (stream_add(fd, STDOUT_FILENO));
	if (which == STDIO_ERR)
		return (stream_add(fd, STDERR_FILENO));
	/* a pty goes both ways, and each way closes its own descriptor */
	if ((copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)) == -1) {
		copy = errno;
		close(fd);
		errno = copy;
		return (-1);
	}
	if (stream_add(fd, STDOUT_FILENO) == -1) {
		close(copy);
		return (-1);
	}
	return (stream_add(copy, STDIN_FILENO));
}

nfds_t
stream_poll(struct pollfd *pfd)
{
	struct stream	*s;
	nfds_t		 n = 0;

	for (s = streams; s < streams + nstreams; s++) {
		s->slot = NO_SLOT;
		if (s->from == -1)
			continue;
		s->slot = n;
		pfd[n].fd = s->len > 0 ? s->to : s->from;
		pfd[n].events = s->len > 0 ? POLLOUT : POLLIN;
		pfd[n++].revents = 0;
	}
	return (n);
}

/* What came is written at once, in one piece if it fits. */
static void
stream_write(struct stream *s)
{
	size_t	 len = s->len;
	ssize_t	 n;

	if (s->atomic && len > PIPE_BUF)
		len = PIPE_BUF;
	if (s->sock && s->standard != STDIN_FILENO)
		n = send(s->to, s->buf + s->off, len,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		n = write(s->to, s->buf + s->off, len);
	if (n == -1) {
		if (errno == EAGAIN || errno == EINTR)
			return;
		/* the app learns it as from any pipe: by EPIPE */
		if (errno != EPIPE && s->standard != STDIN_FILENO)
			lost = errno;
		stream_close(s);
		return;
	}
	s->off += (size_t)n;
	s->len -= (size_t)n;
}

static void
stream_read(struct stream *s)
{
	ssize_t	 n;

	if (s->sock && s->standard == STDIN_FILENO)
		n = recv(s->from, s->buf, STREAM_SIZE, MSG_DONTWAIT);
	else
		n = read(s->from, s->buf, STREAM_SIZE);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		/* EIO is how a pty ends */
		if (n == -1 && errno != EIO)
			log_warn("%s", s->standard == STDIN_FILENO ?
			    "standard input" : "output of the app");
		stream_close(s);
		return;
	}
	s->off = 0;
	s->len = (size_t)n;
	/* a blocking terminal is asked first */
	if (!s->atomic)
		stream_write(s);
}

void
stream_move(const struct pollfd *pfd, nfds_t n)
{
	struct stream	*s;

	for (s = streams; s < streams + nstreams; s++) {
		if (s->slot >= n || s->from == -1 || pfd[s->slot].revents == 0)
			continue;
		if (s->len > 0)
			stream_write(s);
		else
			stream_read(s);
	}
}

int
stream_draining(void)
{
	const struct stream	*s;

	for (s = streams; s < streams + nstreams; s++)
		if (s->standard != STDIN_FILENO && s->from != -1)
			return (1);
	return (0);
}

int
stream_error(void)
{
	return (lost);
}
