/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * One end of a channel: a SOCK_SEQPACKET socket between two of our
 * processes, and the one function that refuses what may not come.
 */
#ifndef PROTO_CHAN_H
#define PROTO_CHAN_H

#include "msg.h"

struct chan {
	int		 fd;
	enum peer	 self;
	enum peer	 other;
	uint32_t	 phase;		/* one PH_* bit, ours to set */
	unsigned char	 seen[MSG_MAX];	/* for MSG_ONCE */
	int		 lossy;		/* a descriptor is lost where none is
					 * free, and its message comes */
	const char	*why;		/* after EPROTO: the rule broken */
};

struct msg {
	struct msg_hdr	 hdr;
	int		 fd;		/* -1, or the handler's to take */
	union {
		unsigned char	 data[MSG_PAYLOAD_MAX];
#define MSG(N, n, from, to, p, fd, ph)	struct msg_##p n;
#include "msg.def"
#undef MSG
	} u;
};

/* Takes no ownership of fd; phase is PH_NEW. */
void	 chan_init(struct chan *, int fd, enum peer self, enum peer other);

/*
 * Makes a connected pair, close-on-exec.  0, or -1 with errno.
 */
int	 chan_pair(int fds[2]);

/*
 * Sends one message; the payload's size is the table's.  fd, or -1, is
 * copied, never closed.  Blocks or not as the socket does.  0, or -1 with
 * errno (EAGAIN, EPIPE, ...).
 */
int	 chan_send(struct chan *, enum msg_type, uint32_t id,
	    const void *payload, int fd);

/* With -vv: what passes, "->" from the other end or "<-" to it. */
void	 chan_debug(const struct chan *, const char *way, enum msg_type,
	    uint32_t id, int fd);

/*
 * Receives one message, checked: version, type, direction, size,
 * descriptor, phase, once, and every field of the payload.  1 with *m
 * filled (m->fd is the caller's); 0 at end of file; -1 with errno: EAGAIN,
 * or EPROTO with c->why when the peer broke a rule (its descriptors are
 * closed).
 */
int	 chan_recv(struct chan *, struct msg *);

#endif
