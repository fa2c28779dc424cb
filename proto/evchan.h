/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * A channel in a libevent loop: a bounded queue of what is to be sent, a
 * table of handlers for what comes.
 */
#ifndef PROTO_EVCHAN_H
#define PROTO_EVCHAN_H

#include "chan.h"

struct event_base;
struct evchan;

/* A loop, for one thread; our environment decides nothing.  NULL: no memory. */
struct event_base *evchan_base(void);

/* Takes m->fd by setting it to -1; else it is closed behind the handler. */
typedef void	 (*evchan_handler)(void *arg, struct msg *m);
/*
 * Called once: why is NULL at end of file, else the rule that the peer
 * broke or what went wrong.  The owner frees the evchan, there or later.
 */
typedef void	 (*evchan_gone)(void *arg, const char *why);

/*
 * Takes ownership of fd, on failure too.  table has MSG_MAX handlers, NULL
 * where the program handles no such message (the peer is then refused).
 * NULL with errno.
 */
struct evchan	*evchan_new(struct event_base *, int fd, enum peer self,
		    enum peer other, const evchan_handler *table,
		    evchan_gone, void *arg);
/* Legal inside a handler, and with NULL. */
void		 evchan_free(struct evchan *);

/*
 * Sends or queues; fd is copied, never closed.  0, or -1 with errno
 * ENOBUFS when CHAN_QUEUE_MAX messages or CHAN_QUEUE_FDS_MAX descriptors
 * wait already (the peer has stopped reading: the caller gives it up), or
 * what sendmsg says.
 */
int		 evchan_send(struct evchan *, enum msg_type, uint32_t id,
		    const void *payload, int fd);
/* So many more than CHAN_QUEUE_MAX may wait: the peer is told much at once. */
void		 evchan_room(struct evchan *, size_t more);
/* Messages that wait. */
size_t		 evchan_queued(const struct evchan *);

/* Handles what has come, without waiting; legal inside a handler. */
void		 evchan_pump(struct evchan *);

/*
 * Of a peer that one cannot be without: where no descriptor is free, what it
 * passes is lost and its message comes with -1.
 */
void		 evchan_lossy(struct evchan *);

/* PH_*: what may come from now on. */
void		 evchan_phase(struct evchan *, uint32_t phase);
int		 evchan_fd(const struct evchan *);

#endif
