/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Writes a layer's skeleton while the layer is applied (in berth-unpack). */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef BERTH_ZLIB
#include <zlib.h>
#else
#include <isa-l/crc.h>
#endif
#include <zstd.h>

#include "skeleton.h"

#define RUN_SIZE	(64 * 1024)	/* raw bytes of one record, at most */
#define LEVEL		1		/* headers shrink 20:1 even so */

struct skelw {
	int		 stage;
	int		 fd;
	int		 bodies;	/* -1 until one is saved */
	uint64_t	 files;		/* SKEL_FILEs written */
	ZSTD_CCtx	*zstd;
	unsigned char	*out;
	size_t		 outsize;
	unsigned char	*run;
	size_t		 runlen;
};

uint32_t
skeleton_sum(uint32_t sum, const void *data, size_t len)
{
#ifdef BERTH_ZLIB
	return ((uint32_t)crc32_z(sum, data, len));
#else
	return (crc32_gzip_refl(sum, data, len));
#endif
}

static int
write_full(int fd, const void *data, size_t len)
{
	const unsigned char	*p = data;
	ssize_t			 n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		p += n;
		len -= (size_t)n;
	}
	return (0);
}

static int
compress_out(struct skelw *s, const void *data, size_t len,
    ZSTD_EndDirective how)
{
	ZSTD_inBuffer	 in = { data, len, 0 };
	ZSTD_outBuffer	 out;
	size_t		 left;

	do {
		out.dst = s->out;
		out.size = s->outsize;
		out.pos = 0;
		left = ZSTD_compressStream2(s->zstd, &out, &in, how);
		if (ZSTD_isError(left)) {
			errno = ENOMEM;
			return (-1);
		}
		if (write_full(s->fd, s->out, out.pos) == -1)
			return (-1);
	} while (in.pos < in.size || (how == ZSTD_e_end && left != 0));
	return (0);
}

static int
record_out(struct skelw *s, enum skel_kind kind, const void *data,
    size_t len, uint64_t size, uint32_t sum)
{
	struct skel_record	 r;

	memset(&r, 0, sizeof(r));
	r.kind = kind;
	r.len = (uint32_t)len;
	r.size = size;
	r.sum = sum;
	if (compress_out(s, &r, sizeof(r), ZSTD_e_continue) == -1)
		return (-1);
	return (compress_out(s, data, len, ZSTD_e_continue));
}

static int
run_out(struct skelw *s)
{
	size_t	 len = s->runlen;

	s->runlen = 0;
	return (len == 0 ? 0 : record_out(s, SKEL_RAW, s->run, len, len, 0));
}

struct skelw *
skelw_open(int stagefd)
{
	struct skelw	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	s->stage = stagefd;
	s->bodies = -1;
	s->outsize = ZSTD_CStreamOutSize();
	s->out = malloc(s->outsize);
	s->run = malloc(RUN_SIZE);
	s->zstd = ZSTD_createCCtx();
	s->fd = openat(stagefd, "skeleton",
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->out == NULL || s->run == NULL || s->zstd == NULL ||
	    s->fd == -1)
		goto fail;
	if (ZSTD_isError(ZSTD_CCtx_setParameter(s->zstd,
	    ZSTD_c_compressionLevel, LEVEL)) ||
	    compress_out(s, SKELETON_MAGIC, SKELETON_MAGICLEN,
	    ZSTD_e_continue) == -1)
		goto fail;
	return (s);
 fail:
	skelw_free(s);
	return (NULL);
}

void
skelw_free(struct skelw *s)
{
	int	 saved_errno = errno;

	if (s == NULL)
		return;
	if (s->fd != -1)
		close(s->fd);
	if (s->bodies != -1)
		close(s->bodies);
	ZSTD_freeCCtx(s->zstd);
	free(s->out);
	free(s->run);
	free(s);
	errno = saved_errno;
}

int
skelw_raw(struct skelw *s, const void *data, size_t len)
{
	const unsigned char	*p = data;
	size_t			 n;

	for (; len > 0; p += n, len -= n) {
		if (s->runlen == RUN_SIZE && run_out(s) == -1)
			return (-1);
		n = RUN_SIZE - s->runlen;
		if (n > len)
			n = len;
		memcpy(s->run + s->runlen, p, n);
		s->runlen += n;
	}
	return (0);
}

int
skelw_file(struct skelw *s, const char *path, uint64_t size, uint32_t sum,
    uint64_t *index)
{
	*index = s->files++;
	if (run_out(s) == -1)
		return (-1);
	return (record_out(s, SKEL_FILE, path, strlen(path), size, sum));
}

int
skelw_save(struct skelw *s, uint64_t index, int fd)
{
	unsigned char		 buf[32 * 1024];
	struct skel_body	 body;
	struct stat		 st;
	ssize_t			 n;

	if (s->bodies == -1 && (s->bodies = openat(s->stage, "bodies",
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) == -1)
		return (-1);
	if (fstat(fd, &st) == -1)
		return (-1);
	body.index = index;
	body.size = (uint64_t)st.st_size;
	if (write_full(s->bodies, &body, sizeof(body)) == -1)
		return (-1);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (write_full(s->bodies, buf, (size_t)n) == -1)
			return (-1);
	return (n == -1 ? -1 : 0);
}

int
skelw_finish(struct skelw *s, uint64_t total)
{
	if (run_out(s) == -1 ||
	    record_out(s, SKEL_END, NULL, 0, total, 0) == -1)
		return (-1);
	return (compress_out(s, NULL, 0, ZSTD_e_end));
}
