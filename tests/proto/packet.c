/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Raw packets, with any number of descriptors of any kind. */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "plan.h"

#define FDS_MAX	253

static int
kind_memfd(off_t size, int seal)
{
	int	 fd;

	if ((fd = memfd_create("lie", MFD_CLOEXEC | MFD_ALLOW_SEALING)) == -1)
		return (-1);
	if (ftruncate(fd, size) == -1 || (seal && fcntl(fd, F_ADD_SEALS,
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == -1)) {
		close(fd);
		return (-1);
	}
	return (fd);
}

/* One end of a pair; the other is closed. */
static int
kind_pair(int sock, int end)
{
	int	 fds[2];

	if ((sock ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) :
	    pipe2(fds, O_CLOEXEC)) == -1)
		return (-1);
	close(fds[!end]);
	return (fds[end]);
}

int
kind_open(enum kind kind, int fd)
{
	switch (kind) {
	case KIND_SEALED:
		return (kind_memfd(0, 1));
	case KIND_MEMFD:
		return (kind_memfd(0, 0));
	case KIND_HUGE:
		return (kind_memfd((off_t)1 << 40, 1));
	case KIND_PIPE:
	case KIND_PIPE_IN:
		return (kind_pair(0, kind == KIND_PIPE_IN));
	case KIND_SOCKET:
		return (kind_pair(1, 0));
	case KIND_DIR:
		return (open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	case KIND_PATH:
		return (open("/", O_PATH | O_CLOEXEC));
	case KIND_CHANNEL:
		return (dup(fd));
	case KIND_ZERO:
		return (open("/dev/zero", O_RDWR | O_CLOEXEC));
	case KIND_EPOLL:
		return (epoll_create1(EPOLL_CLOEXEC));
	case KIND_EVENT:
		return (eventfd(0, EFD_CLOEXEC));
	case KIND_FILE:
		return (open("/proc/version", O_RDONLY | O_CLOEXEC));
	case KIND_MAX:
		break;
	}
	errno = EINVAL;
	return (-1);
}

int
packet_send(int fd, const struct packet *p)
{
	static const unsigned char zeros[131072];
	struct iovec	 iov[2];
	struct msghdr	 mh;
	struct cmsghdr	*cm;
	union {
		struct cmsghdr	 hdr;
		unsigned char	 buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	uint32_t	 i;
	int		 lie = -1, r;

	memset(&mh, 0, sizeof(mh));
	iov[0].iov_base = (void *)(uintptr_t)p->data;
	iov[0].iov_len = p->len < PACKET_MAX ? p->len : PACKET_MAX;
	iov[1].iov_base = (void *)(uintptr_t)zeros;
	iov[1].iov_len = p->len - iov[0].iov_len;
	mh.msg_iov = iov;
	mh.msg_iovlen = 2;
	if (p->nfds > 0) {
		if ((lie = kind_open((enum kind)p->kind, fd)) == -1)
			return (-1);
		memset(&control, 0, sizeof(control));
		mh.msg_control = control.buf;
		mh.msg_controllen = CMSG_SPACE(p->nfds * sizeof(int));
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(p->nfds * sizeof(int));
		for (i = 0; i < p->nfds; i++)
			memcpy(CMSG_DATA(cm) + i * sizeof(int), &lie,
			    sizeof(lie));
	}
	do
		r = sendmsg(fd, &mh, MSG_NOSIGNAL) == -1 ? -1 : 0;
	while (r == -1 && errno == EINTR);
	if (lie != -1)
		close(lie);
	return (r);
}
