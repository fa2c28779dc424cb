/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Command lines: connected to a daemon's socket, or the one that started
 * our private broker.  One request at a time; what is in hand when a
 * client goes is called off.
 */
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "../../common/log.h"
#include "engine.h"

struct client {
	LIST_ENTRY(client) entry;
	struct evchan	*ec;
	uid_t		 uid;
	pid_t		 pid;
	uint32_t	 id;		/* of the request in hand */
	void		(*cancel)(void *);
	void		*job;
	struct fetch	*fetch;
	int		 sync;		/* how often the disk is waited for */
	uint64_t	 synced;	/* what is on the disk; ns since boot */
	char		 result[IMAGEID_SIZE];	/* the answer that waits */
	struct pod	*pod;
};

static LIST_HEAD(, client) clients = LIST_HEAD_INITIALIZER(clients);
static unsigned int	 nclients;

/* Nobody waits for a private broker any more: it tidies up. */
static void
client_last(void)
{
	(void)dup2(NULL_FD, STDERR_FILENO);
	broker_say(MSG_ENGINE_ALONE, 0);
	trash_run();
	durable_now();
}

static void
client_free(struct client *c)
{
	/* first: what ends below may drop whoever is still on the list */
	LIST_REMOVE(c, entry);
	nclients--;
	if (c->fetch != NULL)
		fetch_cancel(c->fetch);
	if (c->cancel != NULL)
		c->cancel(c->job);
	if (c->pod != NULL) {
		pod_forget(c->pod);
		pod_kill(c->pod);
	}
	evchan_free(c->ec);
	free(c);
	if (env.private && nclients == 0)
		client_last();
	engine_idle();
}

static void
client_gone(void *arg, const char *why)
{
	struct client	*c = arg;

	if (why != NULL)
		log_warnx("berth[%d] of user %u: %s: dropped",
		    (int)c->pid, c->uid, why);
	client_free(c);
}

void
client_new(int fd, uid_t uid, pid_t pid)
{
	struct client	*c;

	if (fd == -1 || nclients >= CLIENTS_MAX ||
	    (c = calloc(1, sizeof(*c))) == NULL) {
		log_warnx("too many clients");
		if (fd != -1)
			close(fd);
		return;
	}
	LIST_INSERT_HEAD(&clients, c, entry);
	nclients++;
	c->uid = uid;
	c->pid = pid;
	if ((c->ec = evchan_new(env.base, fd, PEER_ENGINE, PEER_CLI,
	    dispatch_cli, client_gone, c)) == NULL)
		fatal("client");
	evchan_phase(c->ec, PH_IDLE);
}

void
client_dropall(void)
{
	while (!LIST_EMPTY(&clients))
		client_free(LIST_FIRST(&clients));
}

unsigned int
client_count(void)
{
	return (nclients);
}

void
client_creds(const struct client *c, uid_t *uid, pid_t *pid)
{
	*uid = c->uid;
	*pid = c->pid;
}

void
client_setjob(struct client *c, void (*cancel)(void *), void *job)
{
	c->cancel = cancel;
	c->job = job;
}

/* Somebody who does not read loses the connection, not our memory. */
void
client_send(struct client *c, enum msg_type type, uint32_t id,
    const void *payload, int fd)
{
	if (evchan_send(c->ec, type, id, payload, fd) == -1 &&
	    errno != EPIPE && errno != ECONNRESET)
		shutdown(evchan_fd(c->ec), SHUT_RDWR);
}

void
client_ok(struct client *c, enum msg_type type, uint32_t id,
    const void *payload)
{
	evchan_phase(c->ec, PH_IDLE);
	client_send(c, type, id, payload, -1);
}

void
client_result(struct client *c, uint32_t id, const char *s)
{
	struct msg_text	 m;

	memset(&m, 0, sizeof(m));
	snprintf(m.text, sizeof(m.text), "%s", s);
	client_ok(c, MSG_RESULT, id, &m);
}

void
client_fail(struct client *c, uint32_t id, uint32_t status, const char *fmt,
    ...)
{
	struct msg_failure	 f;
	char			 text[MSG_TEXT_SIZE];
	va_list			 ap;

	memset(&f, 0, sizeof(f));
	f.status = status;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_encode(f.text, sizeof(f.text), text, strlen(text));
	client_ok(c, MSG_FAILED, id, &f);
}

/*
 * Begins a request.  0 when it must not go on: the store cannot be used, or
 * we are about to end.
 */
static int
client_begin(struct client *c, const struct msg *m, uint32_t status)
{
	c->id = m->hdr.id;
	evchan_phase(c->ec, PH_BUSY);
	if (*env.failed != '\0')
		client_fail(c, c->id, status, "%s", env.failed);
	else if (env.stopping)
		client_fail(c, c->id, status, "berthd is stopping");
	else
		return (1);
	return (0);
}

/*
 * What comes from a worker is dropped when it is not read fast enough: who
 * floods must not cost its client the connection.
 */
static void
client_fetch_note(void *arg, const struct msg_note *note)
{
	struct client	*c = arg;

	if (note->kind >= NOTE_PROGRESS &&
	    evchan_queued(c->ec) > CHAN_QUEUE_MAX / 2)
		return;
	client_send(c, MSG_NOTE, c->id, note, -1);
}

static void	 client_synced(void *, const char *, int);

static void
sync_cancel(void *child)
{
	child_kill(child);
}

/* The answer, or first what it promises. */
static void
client_sync(struct client *c)
{
	struct child	*sync;

	if (c->sync == 0)
		client_result(c, c->id, c->result);
	else if ((sync = durable_sync(&c->synced, client_synced, c)) == NULL)
		client_fail(c, c->id, 1, "%s: fetched, but not synced to the "
		    "disk: %s", c->result, strerror(errno));
	else
		client_setjob(c, sync_cancel, sync);
}

/*
 * --sync: what the fetch wrote is on the disk.  Once more for the notes'
 * removal: else the next boot would not believe it.
 */
static void
client_synced(void *arg, const char *why, int status)
{
	struct client	*c = arg;

	client_setjob(c, NULL, NULL);
	if (why != NULL || status != 0) {
		client_fail(c, c->id, 1, "%s: fetched, but not synced to the "
		    "disk: %s", c->result, durable_fate(why, status));
		return;
	}
	durable_clear(c->synced);
	c->sync--;
	client_sync(c);
}

static void
client_fetch_done(void *arg, const char *id, const char *why)
{
	struct client	*c = arg;

	c->fetch = NULL;
	if (id == NULL) {
		client_fail(c, c->id, 1, "%s", why);
		return;
	}
	snprintf(c->result, sizeof(c->result), "%s", id);
	client_sync(c);
}

void
client_on_fetch(void *arg, struct msg *m)
{
	struct client	*c = arg;
	struct fetch_cb	 cb;

	if (!client_begin(c, m, 1))
		return;
	memset(&cb, 0, sizeof(cb));
	cb.note = client_fetch_note;
	cb.done = client_fetch_done;
	cb.arg = c;
	cb.uid = c->uid;
	cb.pid = c->pid;
	c->sync = m->u.fetch.sync != 0 ? 2 : 0;
	c->fetch = fetch_start(&m->u.fetch, &cb);
}

static void
client_pod_stdio(void *arg, uint32_t which, int fd)
{
	struct client		*c = arg;
	struct msg_stdio	 s;

	memset(&s, 0, sizeof(s));
	s.which = which;
	client_send(c, MSG_STDIO, c->id, &s, fd);
}

static void
client_pod_started(void *arg, const char *uuid, pid_t pid)
{
	struct client		*c = arg;
	struct msg_started	 s;

	memset(&s, 0, sizeof(s));
	s.pid = (uint32_t)pid;
	snprintf(s.uuid, sizeof(s.uuid), "%s", uuid);
	client_send(c, MSG_STARTED, c->id, &s, -1);
}

/* A line for the user that changes nothing. */
static void
client_pod_note(void *arg, const char *text)
{
	struct client	*c = arg;
	struct msg_note	 n;

	memset(&n, 0, sizeof(n));
	n.kind = NOTE_WARN;
	log_encode(n.text, sizeof(n.text), text, strlen(text));
	client_send(c, MSG_NOTE, c->id, &n, -1);
}

static void
client_pod_ended(void *arg, uint32_t status, const char *why)
{
	struct client		*c = arg;
	struct msg_exited	 e;

	c->pod = NULL;
	if (why != NULL && status >= 125 && status <= 127) {
		client_fail(c, c->id, status, "%s", why);
		return;
	}
	if (why != NULL)
		client_pod_note(c, why);
	memset(&e, 0, sizeof(e));
	e.status = status;
	client_ok(c, MSG_EXITED, c->id, &e);
}

void
client_on_run(void *arg, struct msg *m)
{
	struct client	*c = arg;
	struct pod_cb	 cb;
	char		 why[MSG_TEXT_SIZE];
	int		 fd = m->fd;

	m->fd = -1;
	if (!client_begin(c, m, 125)) {
		close(fd);
		return;
	}
	if (!store_sealed(fd, 0, RECORD_MAX)) {
		client_fail(c, c->id, 125, "the run record is not sealed or "
		    "too long");
		close(fd);
		return;
	}
	memset(&cb, 0, sizeof(cb));
	cb.stdio = client_pod_stdio;
	cb.started = client_pod_started;
	cb.warn = client_pod_note;
	cb.ended = client_pod_ended;
	cb.arg = c;
	cb.app = "";
	cb.uid = c->uid;
	cb.pid = c->pid;
	if ((c->pod = pod_start(&m->u.run, fd, &cb, why)) == NULL)
		client_fail(c, c->id, 125, "%s", why);
}

void
client_on_signal(void *arg, struct msg *m)
{
	struct client	*c = arg;

	if (c->pod != NULL)
		pod_signal(c->pod, (int)m->u.signal.signo);
}

void
client_on_image_list(void *arg, struct msg *m)
{
	if (client_begin(arg, m, 1))
		image_on_list(arg, m->hdr.id);
}

void
client_on_image_cat(void *arg, struct msg *m)
{
	if (client_begin(arg, m, 1))
		image_on_cat(arg, m->hdr.id, m->u.image_cat.name);
}

void
client_on_image_rm(void *arg, struct msg *m)
{
	if (client_begin(arg, m, 1))
		image_on_rm(arg, m->hdr.id, m->u.image_rm.name);
}

void
client_on_image_gc(void *arg, struct msg *m)
{
	if (client_begin(arg, m, 1))
		image_on_gc(arg, m->hdr.id);
}

void
client_on_image_verify(void *arg, struct msg *m)
{
	if (client_begin(arg, m, 1))
		image_on_verify(arg, m->hdr.id, m->u.image_verify.name);
}

void
client_on_image_export(void *arg, struct msg *m)
{
	if (client_begin(arg, m, 1))
		image_on_export(arg, m->hdr.id, &m->u.image_export, m->fd);
}
