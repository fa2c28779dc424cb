/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * berth-conf: reads berthd.conf(5) for the broker, in an empty root, without
 * a privilege.  It lives while a daemon starts or berthd -n checks.
 */
#include <sys/prctl.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "../../common/record.h"
#include "../../common/selftest.h"
#include "../link.h"
#include "conf.h"
#include "conf.bpf.h"

#define AS_MAX		(256 * MIB)
#define FDS_MAX		16

static struct chan	 broker;

static void
conf_send(enum msg_type type, const void *payload, int fd)
{
	if (chan_send(&broker, type, 0, payload, fd) == -1)
		fatal("channel");
}

/* Fatal when the broker says what cannot be; 0 at the end of the channel. */
static int
conf_recv(struct msg *m)
{
	int	 n;

	if ((n = chan_recv(&broker, m)) == -1)
		fatalx("channel: %s", broker.why != NULL ? broker.why :
		    "cannot be read");
	return (n);
}

/* A word of the file in the array of a message, which is zero. */
static void
put(char *to, size_t size, const char *from)
{
	size_t	 len = strlen(from);

	if (len >= size)
		fatalx("a word is too long");
	memcpy(to, from, len);
}

int
conf_open(enum conf_file kind, const char *path, const char **why)
{
	static struct msg	 m;
	struct msg_conf_open	 ask;

	memset(&ask, 0, sizeof(ask));
	ask.kind = kind;
	put(ask.data, sizeof(ask.data), path);
	conf_send(MSG_CONF_OPEN, &ask, -1);
	if (conf_recv(&m) == 0)
		exit(1);
	if (m.hdr.type == MSG_CONF_FILE)
		return (m.fd);
	if (m.hdr.type != MSG_CONF_NOFILE)
		fatalx("channel: not an answer");
	*why = m.u.conf_nofile.text;
	return (-1);
}

static void
send_main(const struct config *c)
{
	struct msg_conf_word	 store;
	struct msg_conf_main	 m;

	memset(&store, 0, sizeof(store));
	put(store.data, sizeof(store.data), c->store);
	conf_send(MSG_CONF_STORE, &store, -1);
	memset(&m, 0, sizeof(m));
	m.insecure = c->insecure;
	m.gid = c->gid;
	m.family = c->family;
	m.port = c->port;
	m.idbase = c->idbase;
	m.idcount = c->idcount;
	memcpy(m.addr, c->addr, sizeof(m.addr));
	put(m.token, sizeof(m.token), c->token);
	if (c->group != NULL)
		log_encode(m.group, sizeof(m.group), c->group,
		    strlen(c->group));
	put(m.listen, sizeof(m.listen), c->listen);
	conf_send(MSG_CONF_MAIN, &m, -1);
	explicit_bzero(&m, sizeof(m));
}

static void
add(struct record *r, enum record_key key, const char *value)
{
	if (value != NULL)
		record_add(r, key, value, strlen(value));
}

/* What every run of the app is told, ahead of its parameters. */
static int
app_record(const struct config_app *a)
{
	struct record	 r;
	size_t		 i;

	record_init(&r);
	add(&r, REC_EXEC, a->exec);
	add(&r, REC_RUNUSER, a->user);
	add(&r, REC_RUNGROUP, a->group);
	add(&r, REC_RUNWORKDIR, a->workdir);
	for (i = 0; i < a->nenv; i++)
		add(&r, REC_ENVIRONMENT, a->env[i]);
	for (i = 0; i < a->nargs; i++)
		add(&r, REC_ARG, a->args[i]);
	return (record_finish(&r));
}

static void
send_param(const struct config_param *p)
{
	struct msg_conf_param	 m;

	memset(&m, 0, sizeof(m));
	m.flags = p->flags;
	m.kind = p->environment != NULL ? PARAM_ENVIRONMENT : PARAM_ARGUMENT;
	put(m.name, sizeof(m.name), p->name);
	put(m.data, sizeof(m.data), p->environment != NULL ?
	    p->environment : p->argument);
	conf_send(MSG_CONF_PARAM, &m, -1);
}

static void
send_app(const struct config_app *a)
{
	struct msg_conf_app	 m;
	size_t			 i;
	int			 fd;

	memset(&m, 0, sizeof(m));
	m.memory = a->memory;
	m.cpu = a->cpu;
	m.pids = a->pids;
	m.flags = a->flags;
	m.hasargs = a->nargs > 0;
	if (a->hostname != NULL)
		put(m.hostname, sizeof(m.hostname), a->hostname);
	put(m.name, sizeof(m.name), a->name);
	put(m.ref, sizeof(m.ref), a->ref);
	if ((fd = app_record(a)) == -1)
		fatal("app %s", a->name);
	conf_send(MSG_CONF_APP, &m, fd);
	close(fd);
	for (i = 0; i < a->nparams; i++)
		send_param(&a->params[i]);
}

/* berthd -nn, whose -s store is stronger. */
static void
print(struct config *c, const struct msg *m)
{
	char	*text = NULL;
	size_t	 len, off = 0;
	ssize_t	 n;
	FILE	*f;

	if (*m->u.conf_print.data != '\0') {
		free(c->store);
		c->store = strdup(m->u.conf_print.data);
	}
	/* not of the descriptor: stdio would ask the kernel about it */
	if (c->store == NULL || (f = open_memstream(&text, &len)) == NULL)
		fatal("print");
	config_print(c, f);
	if (fclose(f) != 0)
		fatal("print");
	for (; off < len; off += (size_t)n)
		if ((n = write(m->fd, text + off, len - off)) == -1)
			fatal("standard output");
	free(text);
	close(m->fd);
}

/*
 * With namespaces of our own as every helper; without them for a caller of
 * berthd -n who may not make any, and who has no privilege to lose.
 */
static void
confine(void)
{
	const struct link_sandbox	 box = {
		.limits = { .nofile = FDS_MAX, .nproc = 0,
		    .fsize = UINT64_MAX, .as = AS_MAX },
		.filter = conf_filter,
		.nfilter = conf_filter_len,
		.selftest = SELFTEST_FILES | SELFTEST_ROOT | SELFTEST_FORK |
		    SELFTEST_ALONE
	};

	if (getpid() == 1) {
		link_sandbox(&box);
		return;
	}
	if (geteuid() == 0 && sandbox_drop(0) == -1)
		fatal("sandbox: capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    sandbox_limit(&box.limits) == -1 || fence_raise(NULL, 0, 0) == -1)
		fatal("sandbox: limits");
	if (sandbox_seccomp(box.filter, box.nfilter) == -1)
		fatal("sandbox: seccomp");
	selftest_filter();
}

int
main(void)
{
	struct config	*c;
	struct msg	 m;
	size_t		 i;

	link_init(&broker, PEER_CONF, LINK_FD);
	/* one question, one answer: nothing else goes on meanwhile */
	if (fcntl(LINK_FD, F_SETFL, 0) == -1)
		fatal("channel");
	confine();
	if (conf_recv(&m) == 0)
		return (1);
	broker.phase = PH_BUSY;
	if ((c = config_parse(m.fd, m.u.conf_start.data)) == NULL)
		return (1);
	send_main(c);
	for (i = 0; i < c->napps; i++)
		send_app(&c->apps[i]);
	conf_send(MSG_CONF_DONE, NULL, -1);
	broker.phase = PH_IDLE;
	if (conf_recv(&m) == 1)
		print(c, &m);
	config_free(c);
	return (0);
}
