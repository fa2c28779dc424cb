/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * A channel in a libevent loop; broker and workers.  A peer that does not
 * read costs CHAN_QUEUE_MAX messages and no more; one that floods is read a
 * few messages at a time, so that the others have their turn.
 */
#include <sys/queue.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "evchan.h"

#define TURN	16	/* messages read before the loop goes on */

struct out {
	STAILQ_ENTRY(out)	 entry;
	enum msg_type		 type;
	uint32_t		 id;
	int			 fd;
	unsigned char		 payload[];
};

struct evchan {
	struct chan		 c;
	struct event		*rd, *wr;
	STAILQ_HEAD(, out)	 queue;
	size_t			 n, nfds, max;
	const evchan_handler	*table;
	evchan_gone		 gone;
	void			*arg;
	int			 busy;	/* inside evchan_read() */
	int			 dead;	/* free when no longer busy */
};

static void	 evchan_read(evutil_socket_t, short, void *);
static void	 evchan_write(evutil_socket_t, short, void *);

struct event_base *
evchan_base(void)
{
	struct event_config	*cfg;
	struct event_base	*base = NULL;

	if ((cfg = event_config_new()) != NULL && event_config_set_flag(cfg,
	    EVENT_BASE_FLAG_IGNORE_ENV | EVENT_BASE_FLAG_NOLOCK) != -1)
		base = event_base_new_with_config(cfg);
	if (cfg != NULL)
		event_config_free(cfg);
	return (base);
}

struct evchan *
evchan_new(struct event_base *base, int fd, enum peer self, enum peer other,
    const evchan_handler *table, evchan_gone gone, void *arg)
{
	struct evchan	*e;
	int		 saved_errno;

	if ((e = calloc(1, sizeof(*e))) == NULL) {
		saved_errno = errno;
		close(fd);
		errno = saved_errno;
		return (NULL);
	}
	chan_init(&e->c, fd, self, other);
	STAILQ_INIT(&e->queue);
	e->max = CHAN_QUEUE_MAX;
	e->table = table;
	e->gone = gone;
	e->arg = arg;
	if (evutil_make_socket_nonblocking(fd) == -1 ||
	    (e->rd = event_new(base, fd, EV_READ | EV_PERSIST, evchan_read,
	    e)) == NULL ||
	    (e->wr = event_new(base, fd, EV_WRITE | EV_PERSIST, evchan_write,
	    e)) == NULL || event_add(e->rd, NULL) == -1) {
		evchan_free(e);
		errno = ENOMEM;
		return (NULL);
	}
	return (e);
}

static void
evchan_pop(struct evchan *e)
{
	struct out	*o = STAILQ_FIRST(&e->queue);

	STAILQ_REMOVE_HEAD(&e->queue, entry);
	e->n--;
	if (o->fd != -1) {
		close(o->fd);
		e->nfds--;
	}
	explicit_bzero(o->payload, msg_info[o->type].size);
	free(o);
}

void
evchan_free(struct evchan *e)
{
	if (e == NULL)
		return;
	if (e->rd != NULL)
		event_free(e->rd);
	if (e->wr != NULL)
		event_free(e->wr);
	e->rd = e->wr = NULL;
	while (!STAILQ_EMPTY(&e->queue))
		evchan_pop(e);
	if (e->c.fd != -1)
		close(e->c.fd);
	e->c.fd = -1;
	e->dead = 1;
	if (!e->busy)
		free(e);
}

/* The peer is lost: tells the owner, once. */
static void
evchan_lost(struct evchan *e, const char *why)
{
	if (e->dead || e->gone == NULL)
		return;
	if (e->rd != NULL)
		event_del(e->rd);
	if (e->wr != NULL)
		event_del(e->wr);
	e->dead = -1;
	e->gone(e->arg, why);
}

static void
evchan_one(struct evchan *e, struct msg *m)
{
	chan_debug(&e->c, "->", m->hdr.type, m->hdr.id, m->fd);
	if (e->table[m->hdr.type] == NULL)
		evchan_lost(e, "a message that nobody handles");
	else
		e->table[m->hdr.type](e->arg, m);
	if (m->fd != -1)
		close(m->fd);
}

static void
evchan_read(evutil_socket_t fd, short what, void *arg)
{
	struct evchan	*e = arg;
	struct msg	 m;
	int		 i, r;

	(void)fd;
	(void)what;
	e->busy = 1;
	for (i = 0; i < TURN && !e->dead; i++) {
		r = chan_recv(&e->c, &m);
		if (r == 1) {
			evchan_one(e, &m);
			continue;
		}
		if (r == 0)
			evchan_lost(e, NULL);
		else if (errno == EPROTO)
			evchan_lost(e, e->c.why);
		else if (errno != EAGAIN)
			evchan_lost(e, strerror(errno));
		break;
	}
	e->busy = 0;
	if (e->dead == 1)
		free(e);
}

static void
evchan_write(evutil_socket_t fd, short what, void *arg)
{
	struct evchan	*e = arg;
	struct out	*o;

	(void)fd;
	(void)what;
	while ((o = STAILQ_FIRST(&e->queue)) != NULL) {
		if (chan_send(&e->c, o->type, o->id, o->payload, o->fd) ==
		    -1) {
			if (errno == EAGAIN)
				return;
			break;	/* its end of file tells the owner */
		}
		evchan_pop(e);
	}
	event_del(e->wr);
}

static int
evchan_queue(struct evchan *e, enum msg_type type, uint32_t id,
    const void *payload, int fd)
{
	struct out	*o;
	size_t		 size = msg_info[type].size;

	if (e->n >= e->max ||
	    (fd != -1 && e->nfds >= CHAN_QUEUE_FDS_MAX)) {
		errno = ENOBUFS;
		return (-1);
	}
	if ((o = calloc(1, sizeof(*o) + size)) == NULL)
		return (-1);
	o->type = type;
	o->id = id;
	o->fd = -1;
	if (payload != NULL)
		memcpy(o->payload, payload, size);
	if (fd != -1 && (o->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) == -1) {
		free(o);
		return (-1);
	}
	e->nfds += fd != -1;
	STAILQ_INSERT_TAIL(&e->queue, o, entry);
	if (e->n++ == 0 && event_add(e->wr, NULL) == -1) {
		evchan_pop(e);
		errno = ENOMEM;
		return (-1);
	}
	return (0);
}

int
evchan_send(struct evchan *e, enum msg_type type, uint32_t id,
    const void *payload, int fd)
{
	if (e->dead) {
		errno = EPIPE;
		return (-1);
	}
	chan_debug(&e->c, "<-", type, id, fd);
	if (e->n == 0) {
		if (chan_send(&e->c, type, id, payload, fd) == 0)
			return (0);
		if (errno != EAGAIN)
			return (-1);
	}
	return (evchan_queue(e, type, id, payload, fd));
}

void
evchan_room(struct evchan *e, size_t more)
{
	e->max = CHAN_QUEUE_MAX + more;
}

void
evchan_pump(struct evchan *e)
{
	if (e != NULL && !e->busy && !e->dead)
		evchan_read(-1, 0, e);
}

size_t
evchan_queued(const struct evchan *e)
{
	return (e->n);
}

void
evchan_lossy(struct evchan *e)
{
	e->c.lossy = 1;
}

void
evchan_phase(struct evchan *e, uint32_t phase)
{
	e->c.phase = phase;
}

int
evchan_fd(const struct evchan *e)
{
	return (e->c.fd);
}
