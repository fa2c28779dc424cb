/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The one door, chan_recv(), fed with packets: for each, a byte for
 * descriptors and phase, two for the length, then its bytes.  Whatever
 * comes, no descriptor stays behind.
 */
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <unistd.h>

#include "../../proto/chan.h"
#include "fuzz.h"

#define FDS_MAX	7

static void
send_packet(int fd, const uint8_t *data, size_t len, unsigned int nfds)
{
	union {
		struct cmsghdr	 hdr;
		unsigned char	 buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec	 iov;
	struct msghdr	 mh;
	struct cmsghdr	*cm;
	int		 fds[FDS_MAX];

	iov.iov_base = (void *)(uintptr_t)data;
	iov.iov_len = len;
	memset(&mh, 0, sizeof(mh));
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	if (nfds > 0) {
		memset(fds, 0, sizeof(fds));
		memset(&control, 0, sizeof(control));
		mh.msg_control = control.buf;
		mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(cm), fds, nfds * sizeof(int));
	}
	MUST(sendmsg(fd, &mh, MSG_NOSIGNAL) == (ssize_t)len);
}

/* Sends the next packet and receives it; 0 when the peer is done for. */
static int
packet(struct fuzz_in *in, int from, struct chan *to)
{
	static struct msg	 m;
	unsigned int		 how = fuzz_byte(in);
	size_t			 len;
	int			 n;

	len = fuzz_byte(in);
	len |= (size_t)fuzz_byte(in) << 8;
	if (len > in->len)
		len = in->len;
	to->phase = 1U << ((how >> 3) % 5);
	send_packet(from, in->p, len, how & FDS_MAX);
	in->p += len;
	in->len -= len;
	n = chan_recv(to, &m);
	MUST(n != 1 || (m.hdr.type > MSG_NONE && m.hdr.type < MSG_MAX &&
	    (m.fd != -1) == (msg_info[m.hdr.type].fd == FD_MUST)));
	MUST(n != -1 || (errno == EPROTO && to->why != NULL && m.fd == -1));
	if (m.fd != -1)
		close(m.fd);
	return (n == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_in	 in = { data, len };
	struct chan	 to;
	uint8_t		 peers;
	int		 fds[2], lowest, after;

	MUST((lowest = dup(0)) != -1);
	close(lowest);
	peers = fuzz_byte(&in);
	MUST(chan_pair(fds) == 0);
	chan_init(&to, fds[1], (enum peer)(peers % PEER_MAX),
	    (enum peer)((peers >> 4) % PEER_MAX));
	while (in.len > 0 && packet(&in, fds[0], &to))
		continue;
	close(fds[0]);
	close(fds[1]);
	MUST((after = dup(0)) == lowest);
	close(after);
	return (0);
}
