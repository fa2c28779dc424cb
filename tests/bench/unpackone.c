/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * unpackone STAGE BLOB gzip|zstd SIZE DIGEST DIFFID <PIPE: the layer job of
 * berth-unpack by itself, unconfined, for what counts its instructions.
 */
#include <sys/socket.h>
#include <sys/syscall.h>

#include <linux/openat2.h>

#include <err.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../broker/unpack/unpack.h"

/* unpack.c is the process around the job; these two the job asks for. */
void
why_set(struct why *w, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
}

int
unpack_fail(struct chan *c, uint32_t id, const char *fmt, ...)
{
	va_list	 ap;

	(void)c;
	(void)id;
	va_start(ap, fmt);
	verrx(1, fmt, ap);
}

long	 __real_syscall(long, ...);
long	 __wrap_syscall(long, long, const char *, const struct open_how *,
	    size_t);

/* valgrind does not know openat2; the tar is ours, so openat will do. */
long
__wrap_syscall(long nr, long fd, const char *path, const struct open_how *how,
    size_t size)
{
	if (nr != SYS_openat2)
		return (__real_syscall(nr, fd, path, how, size));
	return (openat((int)fd, path, (int)how->flags, (mode_t)how->mode));
}

static void
place(int fd, int where)
{
	int	 high;

	if (fd == -1 || (high = fcntl(fd, F_DUPFD_CLOEXEC, 20)) == -1 ||
	    dup2(high, where) == -1)
		err(1, "descriptor %d", where);
}

static void
copy(char *dst, size_t size, const char *src)
{
	if ((size_t)snprintf(dst, size, "%s", src) >= size)
		errx(1, "%s: too long", src);
}

int
main(int argc, char **argv)
{
	struct chan	 c;
	struct msg	 m;
	int		 pair[2];

	if (argc != 7)
		errx(2, "usage: see the head of unpackone.c");
	umask(0);
	/* nobody answers: what the job says stays in the socket */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		err(1, "socketpair");
	place(pair[0], 60);
	place(pair[1], 61);
	place(open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	    UNPACK_FD_STAGE);
	place(open(argv[2], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600),
	    UNPACK_FD_BLOB);
	place(0, UNPACK_FD_PIPE);
	/* the job takes the root to be its stage */
	if (fchdir(UNPACK_FD_STAGE) == -1 || chroot(".") == -1)
		err(1, "%s", argv[1]);
	/* nor waits: what it hears behind its answer is the end */
	if (shutdown(61, SHUT_WR) == -1)
		err(1, "shutdown");
	chan_init(&c, 60, PEER_UNPACK, PEER_ENGINE);
	c.phase = PH_BUSY;
	memset(&m, 0, sizeof(m));
	m.hdr.type = MSG_UNPACK_LAYER;
	m.fd = -1;
	m.u.unpack_layer.codec = strcmp(argv[3], "zstd") == 0 ? CODEC_ZSTD :
	    CODEC_GZIP;
	m.u.unpack_layer.flags = LAYER_BOTTOM;
	m.u.unpack_layer.size = strtoull(argv[4], NULL, 10);
	copy(m.u.unpack_layer.blob, sizeof(m.u.unpack_layer.blob), argv[5]);
	copy(m.u.unpack_layer.diffid, sizeof(m.u.unpack_layer.diffid),
	    argv[6]);
	return (layer_job(&c, &m));
}
