/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The daemon's sockets.  Of a connection to the store's the broker says who
 * it is, as the kernel says, and the engine hears him; connections to the
 * port are berth-http's to accept.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "../common/log.h"
#include "broker.h"

static struct event	*listen_ev;
static int		 storefd = -1;

/*
 * The worker of a daemon that was killed dies a moment after it, and its
 * channel with it: so long they hold the port.  The socket that no killed
 * daemon unlinks says that there may be one.
 */
static int
bind_patiently(int fd, const struct sockaddr *sa)
{
	struct timespec	 moment = { 0, 20000000 };
	int		 n = access("sock", F_OK) == 0 ? 5000 / 20 : 0;

	while (bind(fd, sa, env.conf->salen) == -1) {
		if (errno != EADDRINUSE || n-- == 0)
			return (-1);
		(void)nanosleep(&moment, NULL);
	}
	return (0);
}

int
listen_http(void)
{
	struct sockaddr	*sa = (struct sockaddr *)&env.conf->sa;
	int		 fd, on = 1;

	fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
	    sizeof(on)) == -1 || bind_patiently(fd, sa) == -1 ||
	    listen(fd, SOMAXCONN) == -1)
		fatal("listen on %s port %u", env.conf->listen,
		    env.conf->port);
	return (fd);
}

void
listen_client(int fd)
{
	struct msg_engine_client	 m;
	struct ucred			 cred;
	socklen_t			 len = sizeof(cred);

	/* the kernel says who calls, never the message */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
		log_warn("SO_PEERCRED");
	else {
		memset(&m, 0, sizeof(m));
		m.uid = cred.uid;
		m.pid = (uint32_t)cred.pid;
		engine_send(MSG_ENGINE_CLIENT, &m, fd);
	}
	close(fd);
}

static void
listen_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_add(listen_ev, NULL);
}

static void
listen_accept(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 soon = { 0, 200000 };
	static const struct timeval	 moment = { 0, 2000 };
	int				 s;

	(void)what;
	(void)arg;
	/* who connects waits his turn; it has not read of those before */
	if (engine_busy()) {
		event_del(listen_ev);
		event_base_once(env.base, -1, EV_TIMEOUT, listen_again, NULL,
		    &moment);
		return;
	}
	if ((s = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) != -1) {
		listen_client(s);
		return;
	}
	if (errno == EAGAIN || errno == ECONNABORTED)
		return;
	/* it waits until something is free; asking at once would be a loop */
	log_warn("accept");
	event_del(listen_ev);
	event_base_once(env.base, -1, EV_TIMEOUT, listen_again, NULL, &soon);
}

/* STORE/sock: ours alone, or the control group's. */
void
listen_store(void)
{
	struct sockaddr_un	 sun;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "sock");
	if (unlink("sock") == -1 && errno != ENOENT)
		fatal("sock");
	storefd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	umask(env.conf->group != NULL ? 0117 : 0177);
	if (storefd == -1 ||
	    bind(storefd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		fatal("sock");
	umask(022);
	/* the directory is not ours: what has the name now may be a link */
	if (env.conf->group != NULL &&
	    lchown("sock", (uid_t)-1, env.conf->gid) == -1)
		fatal("sock: control group %s", env.conf->group);
	if (listen(storefd, 64) == -1)
		fatal("sock");
}

void
listen_begin(void)
{
	listen_ev = event_new(env.base, storefd, EV_READ | EV_PERSIST,
	    listen_accept, NULL);
	if (listen_ev == NULL || event_add(listen_ev, NULL) == -1)
		fatal("sock");
}
