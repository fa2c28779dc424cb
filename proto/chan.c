/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Sending and receiving on a channel.  chan_recv() is the only door: what
 * it lets through is of a known type, from the right peer, of the right
 * size, with the right descriptor, in a phase that permits it, and every
 * field has been checked.
 */
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../common/log.h"
#include "chan.h"

void
chan_init(struct chan *c, int fd, enum peer self, enum peer other)
{
	memset(c, 0, sizeof(*c));
	c->fd = fd;
	c->self = self;
	c->other = other;
	c->phase = PH_NEW;
}

int
chan_pair(int fds[2])
{
	return (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds));
}

int
chan_send(struct chan *c, enum msg_type type, uint32_t id,
    const void *payload, int fd)
{
	static const struct msg_none	 none;
	struct msg_hdr	 hdr;
	struct iovec	 iov[2];
	struct msghdr	 mh;
	struct cmsghdr	*cm;
	union {
		struct cmsghdr	 hdr;
		unsigned char	 buf[CMSG_SPACE(sizeof(int))];
	} control;

	memset(&hdr, 0, sizeof(hdr));
	hdr.version = MSG_VERSION;
	hdr.type = (uint16_t)type;
	hdr.len = msg_info[type].size;
	hdr.peer = (uint32_t)c->self;
	hdr.id = id;

	iov[0].iov_base = &hdr;
	iov[0].iov_len = sizeof(hdr);
	iov[1].iov_base = (void *)(uintptr_t)(payload == NULL ?
	    &none : payload);
	iov[1].iov_len = hdr.len;
	memset(&mh, 0, sizeof(mh));
	mh.msg_iov = iov;
	mh.msg_iovlen = 2;
	if (fd != -1) {
		memset(&control, 0, sizeof(control));
		mh.msg_control = control.buf;
		mh.msg_controllen = sizeof(control.buf);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	}
	for (;;) {
		if (sendmsg(c->fd, &mh, MSG_NOSIGNAL) != -1)
			return (0);
		if (errno == EINTR)
			continue;
		/* for whoever has memory, as for room, the time will come */
		if (errno == ENOMEM || errno == ENOBUFS)
			errno = EAGAIN;
		return (-1);
	}
}

void
chan_debug(const struct chan *c, const char *way, enum msg_type type,
    uint32_t id, int fd)
{
	if (log_getverbose() > 1)
		log_debug("%s %s %s id %u size %u fd %d",
		    peer_name(c->other), way, msg_name(type), id,
		    msg_info[type].size, fd);
}

/*
 * Takes the first descriptor out of the control data and closes any other.
 * Returns how many came.
 */
static int
take_fds(struct msghdr *mh, int *fd)
{
	struct cmsghdr	*cm;
	size_t		 i, n;
	int		 got, total = 0;

	*fd = -1;
	for (cm = CMSG_FIRSTHDR(mh); cm != NULL; cm = CMSG_NXTHDR(mh, cm)) {
		if (cm->cmsg_level != SOL_SOCKET ||
		    cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&got, CMSG_DATA(cm) + i * sizeof(int),
			    sizeof(got));
			if (total++ == 0)
				*fd = got;
			else
				close(got);
		}
	}
	return (total);
}

/* Everything that can be said of a message before its payload is read. */
static const char *
refuse(const struct chan *c, const struct msg *m, size_t len, int nfds,
    int msg_flags)
{
	const struct msg_info	*info;
	const int		 lost = c->lossy && nfds == 0 &&
				    (msg_flags & MSG_CTRUNC) != 0;

	if (len < sizeof(m->hdr))
		return (len == 0 ? "an empty packet" :
		    "shorter than a header");
	if ((msg_flags & (MSG_TRUNC | (lost ? 0 : MSG_CTRUNC))) != 0)
		return ("truncated data or control data");
	if (m->hdr.version != MSG_VERSION)
		return ("another version of the protocol");
	if (m->hdr.type == MSG_NONE || m->hdr.type >= MSG_MAX)
		return ("unknown type");
	info = &msg_info[m->hdr.type];
	if (info->from != c->other || info->to != c->self ||
	    m->hdr.peer != (uint32_t)c->other)
		return ("wrong sender or receiver");
	if (m->hdr.flags != 0)
		return ("flags set");
	if (m->hdr.len != info->size || len != sizeof(m->hdr) + info->size)
		return ("wrong size");
	if (nfds > 1)
		return ("more than one descriptor");
	if (info->fd == FD_MUST && nfds != 1 && !lost)
		return ("missing descriptor");
	if (info->fd == FD_NONE && nfds != 0)
		return ("stray descriptor");
	if ((info->phases & c->phase) == 0)
		return ("not permitted in this phase");
	if ((info->phases & MSG_ONCE) != 0 && c->seen[m->hdr.type])
		return ("permitted once");
	return (NULL);
}

/*
 * A read of nothing is the end, unless something lies or may come behind
 * it.  Every process that has a channel may call recvmsg, and not poll.
 */
static int
ended(const struct chan *c)
{
	struct msghdr	 mh;
	struct iovec	 iov;
	ssize_t		 n;
	char		 byte;

	iov.iov_base = &byte;
	iov.iov_len = sizeof(byte);
	memset(&mh, 0, sizeof(mh));
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	n = recvmsg(c->fd, &mh, MSG_PEEK | MSG_DONTWAIT);
	return (n == 0 || (n == -1 && errno != EAGAIN));
}

int
chan_recv(struct chan *c, struct msg *m)
{
	struct iovec	 iov[2];
	struct msghdr	 mh;
	union {
		struct cmsghdr	 hdr;
		unsigned char	 buf[CMSG_SPACE(4 * sizeof(int))];
	} control;
	ssize_t		 n;
	int		 nfds;

	iov[0].iov_base = &m->hdr;
	iov[0].iov_len = sizeof(m->hdr);
	iov[1].iov_base = m->u.data;
	iov[1].iov_len = sizeof(m->u.data);
	memset(&mh, 0, sizeof(mh));
	mh.msg_iov = iov;
	mh.msg_iovlen = 2;
	mh.msg_control = control.buf;
	mh.msg_controllen = sizeof(control.buf);
	m->fd = -1;
	/*
	 * A peer that died with our words unread is told by one ECONNRESET;
	 * its own last words still wait behind that.
	 */
	do {
		n = recvmsg(c->fd, &mh, MSG_CMSG_CLOEXEC);
	} while (n == -1 && (errno == EINTR || errno == ECONNRESET));
	if (n == -1)
		return (-1);
	nfds = take_fds(&mh, &m->fd);
	if (n == 0 && nfds == 0 && ended(c))
		return (0);
	c->why = refuse(c, m, (size_t)n, nfds, mh.msg_flags);
	if (c->why == NULL && (msg_check[m->hdr.type] == NULL ||
	    !msg_check[m->hdr.type](m->u.data)))
		c->why = "a field of the payload is not valid";
	if (c->why != NULL) {
		if (m->fd != -1)
			close(m->fd);
		m->fd = -1;
		errno = EPROTO;
		return (-1);
	}
	c->seen[m->hdr.type] = 1;
	return (1);
}
