/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What the workers share: they come up, lock themselves in and find their
 * channel to the broker.  The order in a worker's main() is
 *
 *	link_init(&c, PEER_X, LINK_FD);	the channel, signals, no core
 *	...				whatever needs the host's files
 *	link_sandbox(&box);		for ever
 *	event loop, X_UP
 */
#ifndef WORKER_LINK_H
#define WORKER_LINK_H

#include "../common/fence.h"
#include "../common/sandbox.h"
#include "../proto/chan.h"

#define LINK_FD		3	/* where spawn() puts the channel */

struct link_sandbox {
	const struct sandbox_file *files;	/* stay readable */
	size_t			 nfiles;
	struct sandbox_limits	 limits;
	const struct sock_filter *filter;	/* NULL: none */
	size_t			 nfilter;
	unsigned int		 fence;		/* FENCE_CONNECT */
	unsigned int		 selftest;	/* SELFTEST_* */
};

/*
 * Becomes worker self: log_init, no core, not dumpable, SIGPIPE and SIGXFSZ
 * ignored, every descriptor above last closed, and the channel (fd 3)
 * non-blocking and close-on-exec in *c.  Fatal when fd 3 is no socket of the
 * right kind: then nobody is there to talk to.
 */
void	 link_init(struct chan *c, enum peer self, int last);

/*
 * Root, capabilities, limits, fence, filter, in this order, then what must
 * not work is tried.  Fatal on failure: a worker that is not confined must
 * not see a stranger's byte.
 */
void	 link_sandbox(const struct link_sandbox *);

/*
 * Waits for the next message, at most ms milliseconds (-1: for ever).  As
 * chan_recv(), and -1 with errno ETIMEDOUT.
 */
int	 link_recv(struct chan *, struct msg *, int ms);

/*
 * Sends one last message although the channel is non-blocking: waits up to a
 * second for room.  0, or -1 with errno.
 */
int	 link_send(struct chan *, enum msg_type, uint32_t id,
	    const void *payload, int fd);

#endif
