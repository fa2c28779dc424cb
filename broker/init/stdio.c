/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The app's standard streams, made inside its namespaces so that it can open
 * them again by name (/dev/stdout); the other ends go up to the broker.
 * berth-init.
 */
#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "init.h"

/* Keeps an upper end until the app runs. */
static void
keep_upper(struct init *in, enum stdio_which which, int fd)
{
	in->which[in->nupper] = which;
	in->upper[in->nupper++] = fd;
}

int
stdio_send(struct init *in)
{
	struct msg_stdio	 m;
	unsigned int		 i;

	for (i = 0; i < in->nupper; i++) {
		memset(&m, 0, sizeof(m));
		m.which = in->which[i];
		if (chan_send(&in->chan, MSG_INIT_STDIO, 0, &m,
		    in->upper[i]) == -1)
			return (failed(STATUS_BERTH, NULL, "standard streams",
			    NULL));
		close(in->upper[i]);
	}
	return (0);
}

/* The one refusal that tells of an id which the container does not have. */
static int
own(struct init *in, int fd, gid_t gid)
{
	if (in->user.uid == 0 && (gid == 0 || gid == (gid_t)-1))
		return (0);
	if (fchown(fd, in->user.uid, gid) == 0)
		return (0);
	return (failed(STATUS_BERTH, "user", in->conf.user, errno == EINVAL ?
	    "outside the container's range of ids" : NULL));
}

static int
open_pipe(struct init *in, enum stdio_which which)
{
	int	 fds[2], lower = which == STDIO_IN ? 0 : 1;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return (failed(STATUS_BERTH, NULL, "standard streams", NULL));
	in->stdio[which] = fds[lower];
	if (own(in, fds[lower], in->user.gid) == -1)
		return (-1);
	keep_upper(in, which, fds[!lower]);
	return (0);
}

static int
open_tty(struct init *in)
{
	struct winsize	 ws;
	int		 master, slave, unlock = 0;

	master = openat(in->dev, "pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master == -1 || ioctl(master, TIOCSPTLCK, &unlock) == -1 ||
	    (slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY |
	    O_CLOEXEC)) == -1)
		return (failed(STATUS_BERTH, NULL, "terminal", NULL));
	memset(&ws, 0, sizeof(ws));
	ws.ws_row = in->start.rows;
	ws.ws_col = in->start.cols;
	if (ws.ws_row != 0 && ioctl(master, TIOCSWINSZ, &ws) == -1)
		return (failed(STATUS_BERTH, NULL, "terminal", NULL));
	/* its group stays that of the mount, tty */
	if (own(in, slave, (gid_t)-1) == -1)
		return (-1);
	in->stdio[0] = in->stdio[1] = in->stdio[2] = slave;
	keep_upper(in, STDIO_TTY, master);
	return (0);
}

int
stdio_open(struct init *in)
{
	if ((in->start.flags & RUN_TTY) != 0)
		return (open_tty(in));
	if ((in->start.flags & RUN_STDIN) != 0) {
		if (open_pipe(in, STDIO_IN) == -1)
			return (-1);
	} else if ((in->stdio[0] = openat(in->dev, "null", O_RDONLY |
	    O_CLOEXEC)) == -1)
		return (failed(STATUS_BERTH, NULL, "/dev/null", NULL));
	if (open_pipe(in, STDIO_OUT) == -1)
		return (-1);
	return (open_pipe(in, STDIO_ERR));
}
