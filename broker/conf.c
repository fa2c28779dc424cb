/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The configuration, as the broker gets it: berth-conf reads the text, and
 * what it says is checked like any helper's words.  Nothing serves yet.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/log.h"
#include "broker.h"

struct loading {
	struct config	*c;
	struct chan	 chan;
	const char	*why;		/* the rule that it broke */
	unsigned int	 asked;		/* 1 << enum conf_file */
	unsigned int	 nparams;	/* of the last app */
	int		 done;
};

/* A file of root's or ours without a bit of forbidden in its mode. */
static const char *
file_why(int fd, mode_t forbidden)
{
	struct stat	 st;

	if (fstat(fd, &st) == -1)
		return (strerror(errno));
	if (!S_ISREG(st.st_mode))
		return ("not a regular file");
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return ("owned by neither root nor the caller");
	if (st.st_mode & forbidden)
		return (forbidden & 044 ?
		    "readable or writable by others than its owner" :
		    "writable by others than its owner");
	return (NULL);
}

/*
 * Looked at before it is opened: the open alone of a device or a fifo can do
 * something, and berth-conf may ask for any path.
 */
static int
file_open(const char *path, mode_t forbidden, const char **why)
{
	char	 again[32];
	int	 fd, there;

	if ((there = open(path, O_PATH | O_CLOEXEC)) == -1) {
		*why = strerror(errno);
		return (-1);
	}
	fd = -1;
	if ((*why = file_why(there, forbidden)) == NULL) {
		snprintf(again, sizeof(again), "/proc/self/fd/%d", there);
		if ((fd = open(again, O_RDONLY | O_CLOEXEC)) == -1)
			*why = strerror(errno);
	}
	close(there);
	return (fd);
}

/* Whether it still listens shows when it is heard. */
static void
say(struct loading *l, enum msg_type type, const void *payload, int fd)
{
	chan_debug(&l->chan, "<-", type, 0, fd);
	(void)chan_send(&l->chan, type, 0, payload, fd);
}

/* One path of its choice, as the token file can be anywhere. */
void
conf_on_conf_open(void *arg, struct msg *m)
{
	static const char *const	 paths[] = {
		[CONF_GROUP] = "/etc/group",
		[CONF_SUBUID] = "/etc/subuid",
		[CONF_SUBGID] = "/etc/subgid",
	};
	struct loading		*l = arg;
	const uint32_t		 kind = m->u.conf_open.kind;
	struct msg_text		 text;
	const char		*why;
	int			 fd;

	if ((l->asked & 1U << kind) != 0) {
		l->why = "a file asked for twice";
		return;
	}
	l->asked |= 1U << kind;
	if (kind == CONF_TOKEN)
		fd = file_open(m->u.conf_open.data, 077, &why);
	else
		fd = file_open(paths[kind], 022, &why);
	if (fd != -1) {
		say(l, MSG_CONF_FILE, NULL, fd);
		close(fd);
		return;
	}
	memset(&text, 0, sizeof(text));
	snprintf(text.text, sizeof(text.text), "%s", why);
	say(l, MSG_CONF_NOFILE, &text, -1);
}

static char *
copy(const char *s)
{
	char	*p;

	if ((p = strdup(s)) == NULL)
		fatal("configuration");
	return (p);
}

void
conf_on_conf_store(void *arg, struct msg *m)
{
	struct loading	*l = arg;

	if (*m->u.conf_store.data != '/')
		l->why = "a store that is no absolute path";
	else
		l->c->store = copy(m->u.conf_store.data);
}

static void
set_address(struct config *c, const struct msg_conf_main *m)
{
	struct sockaddr_in	*in = (void *)&c->sa;
	struct sockaddr_in6	*in6 = (void *)&c->sa;

	if (m->family == CONF_INET) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)m->port);
		memcpy(&in->sin_addr, m->addr, sizeof(in->sin_addr));
		c->salen = sizeof(*in);
		c->loopback = m->addr[0] == IN_LOOPBACKNET;
	} else {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)m->port);
		memcpy(&in6->sin6_addr, m->addr, sizeof(in6->sin6_addr));
		c->salen = sizeof(*in6);
		c->loopback = IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
	}
}

void
conf_on_conf_main(void *arg, struct msg *m)
{
	const struct msg_conf_main	*said = &m->u.conf_main;
	struct config			*c = ((struct loading *)arg)->c;

	set_address(c, said);
	c->listen = copy(said->listen);
	c->port = (uint16_t)said->port;
	memcpy(c->token, said->token, sizeof(c->token));
	c->insecure = said->insecure;
	c->idbase = said->idbase;
	c->idcount = said->idcount;
	c->group = *said->group == '\0' ? NULL : copy(said->group);
	c->gid = said->gid;
}

/* Passed on to the engine, which checks it anew. */
static void
keep(struct loading *l, enum msg_type type, struct msg *m)
{
	const size_t	 size = msg_info[type].size;
	struct declared	*d;

	if ((d = calloc(1, sizeof(*d) + size)) == NULL)
		fatal("configuration");
	d->type = type;
	d->fd = m->fd;
	m->fd = -1;
	memcpy(d->payload, m->u.data, size);
	STAILQ_INSERT_TAIL(&l->c->declared, d, entry);
}

void
conf_on_conf_app(void *arg, struct msg *m)
{
	struct loading	*l = arg;

	if (l->c->napps++ == APPS_MAX)
		l->why = "too many apps";
	else
		keep(l, MSG_ENGINE_APP, m);
	l->nparams = 0;
}

void
conf_on_conf_param(void *arg, struct msg *m)
{
	struct loading	*l = arg;

	if (l->c->napps == 0)
		l->why = "a parameter of no app";
	else if (l->nparams++ == PARAMS_MAX)
		l->why = "too many parameters";
	else
		keep(l, MSG_ENGINE_PARAM, m);
}

void
conf_on_conf_done(void *arg, struct msg *m)
{
	struct loading		*l = arg;
	const struct config	*c = l->c;

	(void)m;
	l->done = 1;
	if (c->store == NULL || c->salen == 0)
		l->why = "something not said";
	else if (!c->loopback && c->napps > 0 && *c->token == '\0')
		l->why = "apps for everybody to start";
}

static void
hear(struct loading *l)
{
	static const struct timeval	 patience = { 30, 0 };
	struct msg			 m;
	int				 n = 1;

	if (setsockopt(l->chan.fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
	    sizeof(patience)) == -1)
		fatal("SO_RCVTIMEO");
	while (!l->done && l->why == NULL &&
	    (n = chan_recv(&l->chan, &m)) == 1) {
		chan_debug(&l->chan, "->", m.hdr.type, m.hdr.id, m.fd);
		dispatch_conf[m.hdr.type](l, &m);
		if (m.fd != -1)
			close(m.fd);
	}
	if (n == -1)
		l->why = l->chan.why != NULL ? l->chan.why :
		    errno == EAGAIN ? "no word for 30 seconds" :
		    strerror(errno);
	explicit_bzero(&m, sizeof(m));	/* a token, variables */
}

/* It broke a rule, or it ended without a word. */
static void
fate(const char *why, int status)
{
	if (why != NULL)
		log_warnx("berth-conf broke the protocol: %s", why);
	else if (WIFSIGNALED(status))
		log_warnx("berth-conf was killed by signal %d",
		    WTERMSIG(status));
	else
		log_warnx("berth-conf ended with status %d",
		    WEXITSTATUS(status));
}

/*
 * Who only checks a file may be nobody who can make namespaces: then it has
 * none of its own, and nothing to lose but what it has from him.
 */
static pid_t
conf_start(struct chan *c, int check)
{
	struct spawn	 sp;
	pid_t		 pid;
	int		 fds[2], pidfd = -1;

	memset(&sp, 0, sizeof(sp));
	sp.exe = spawn_helper("berth-conf");
	sp.name = "berth-conf";
	sp.ns = SPAWN_NS_ALL;
	/* the configured range is not known yet */
	sp.idbase = IDRANGE_BASE + WORKERID_CONF;
	sp.idcount = 1;
	sp.cgroupfd = -1;
	sp.nfds = 1;
	if (sp.exe == -1 || chan_pair(fds) == -1)
		fatal("%s", sp.name);
	sp.fds[0].fd = fds[1];
	if ((pid = spawn(&sp, &pidfd)) == -1 && (check || geteuid() != 0)) {
		sp.ns = sp.idcount = 0;
		pid = spawn(&sp, &pidfd);
	}
	if (pid == -1)
		fatal("%s", sp.name);
	close(sp.exe);
	close(fds[1]);
	if (pidfd != -1)
		close(pidfd);
	chan_init(c, fds[0], PEER_BROKER, PEER_CONF);
	c->phase = PH_BUSY;
	return (pid);
}

static void
say_word(struct loading *l, enum msg_type type, const char *s, int fd)
{
	struct msg_conf_word	 m;

	memset(&m, 0, sizeof(m));
	snprintf(m.data, sizeof(m.data), "%s", s);
	say(l, type, &m, fd);
}

struct config *
config_private(void)
{
	struct config	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		fatal("configuration");
	c->idbase = IDRANGE_BASE;
	c->idcount = IDRANGE_COUNT;
	STAILQ_INIT(&c->declared);
	return (c);
}

int
config_tell(struct config *c, struct chan *engine)
{
	struct declared	*d;
	int		 r = 0;

	while ((d = STAILQ_FIRST(&c->declared)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->declared, entry);
		if (r == 0)
			r = chan_send(engine, d->type, 0, d->payload, d->fd);
		if (d->fd != -1)
			close(d->fd);
		free(d);
	}
	return (r);
}

struct config *
config_load(const char *path, int check, const char *store)
{
	struct loading	 l;
	const char	*why;
	pid_t		 pid;
	int		 fd, status = 0;

	if ((fd = file_open(path, 022, &why)) == -1) {
		fprintf(stderr, "%s: %s\n", path, why);
		return (NULL);
	}
	memset(&l, 0, sizeof(l));
	l.c = config_private();
	pid = conf_start(&l.chan, check);
	say_word(&l, MSG_CONF_START, path, fd);
	close(fd);
	hear(&l);
	if (l.done && check > 1)
		say_word(&l, MSG_CONF_PRINT, store == NULL ? "" : store,
		    STDOUT_FILENO);
	else if (l.done || l.why != NULL)
		kill(pid, SIGKILL);	/* it is of no more use */
	close(l.chan.fd);
	if (waitpid(pid, &status, 0) == -1)
		fatal("berth-conf");
	if (l.done && l.why == NULL && (check < 2 || status == 0))
		return (l.c);
	/* with status 1 it has said why */
	if (l.why != NULL || !WIFEXITED(status) || WEXITSTATUS(status) != 1)
		fate(l.why, status);
	return (NULL);
}
