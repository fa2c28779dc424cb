/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* How a worker (berth-http, berth-fetch) comes up and locks itself in. */
#include "link.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "../common/log.h"
#include "../common/selftest.h"

#define LINK_SEND_MS	1000	/* patience for the last words */

void
link_init(struct chan *c, enum peer self, int last)
{
	socklen_t	 len;
	int		 flags, type;

	log_init(peer_name(self), 0);
	len = sizeof(type);
	if (getsockopt(LINK_FD, SOL_SOCKET, SO_TYPE, &type, &len) == -1)
		fatal("channel");
	if (type != SOCK_SEQPACKET)
		fatalx("channel: not a SOCK_SEQPACKET socket");
	if ((flags = fcntl(LINK_FD, F_GETFL)) == -1 ||
	    fcntl(LINK_FD, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    fcntl(LINK_FD, F_SETFD, FD_CLOEXEC) == -1)
		fatal("channel");
	if (close_range((unsigned int)last + 1, ~0U, 0) == -1)
		fatal("close_range");
	/* What we hold of a stranger's bytes is nobody else's to read. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal("prctl");
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		fatal("signal");
	umask(077);
	chan_init(c, LINK_FD, self, self == PEER_CONF ? PEER_BROKER :
	    PEER_ENGINE);
}

/* The files that stay readable, and nothing else. */
static int
link_fence(const struct link_sandbox *box)
{
	struct fence_path	 paths[SANDBOX_FILES_MAX];
	size_t			 i;

	memset(paths, 0, sizeof(paths));
	for (i = 0; i < box->nfiles; i++) {
		paths[i].path = box->files[i].path;
		paths[i].rights = LANDLOCK_ACCESS_FS_READ_FILE;
	}
	return (fence_raise(paths, box->nfiles, box->fence));
}

void
link_sandbox(const struct link_sandbox *box)
{
	if (sandbox_root_empty(box->files, box->nfiles) == -1)
		fatal("sandbox: root");
	if (sandbox_drop(0) == -1)
		fatal("sandbox: capabilities");
	if (sandbox_limit(&box->limits) == -1)
		fatal("sandbox: limits");
	if (link_fence(box) == -1)
		fatal("sandbox: Landlock");
	selftest_confined(0, box->selftest);
	if (box->filter == NULL)
		return;
	if (sandbox_seccomp(box->filter, box->nfilter) == -1)
		fatal("sandbox: seccomp");
	selftest_filter();
}

/* Waits for events on the channel.  0, or -1 with errno. */
static int
link_wait(struct chan *c, short events, int ms)
{
	struct pollfd	 pfd;
	int		 n;

	pfd.fd = c->fd;
	pfd.events = events;
	do {
		n = poll(&pfd, 1, ms);
	} while (n == -1 && errno == EINTR);
	if (n == 0)
		errno = ETIMEDOUT;
	return (n > 0 ? 0 : -1);
}

int
link_recv(struct chan *c, struct msg *m, int ms)
{
	int	 n;

	while ((n = chan_recv(c, m)) == -1 && errno == EAGAIN)
		if (link_wait(c, POLLIN, ms) == -1)
			return (-1);
	return (n);
}

int
link_send(struct chan *c, enum msg_type type, uint32_t id,
    const void *payload, int fd)
{
	while (chan_send(c, type, id, payload, fd) == -1) {
		if (errno != EAGAIN ||
		    link_wait(c, POLLOUT, LINK_SEND_MS) == -1)
			return (-1);
	}
	return (0);
}
