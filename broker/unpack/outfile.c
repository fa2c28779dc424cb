/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Writing an exported file in large pieces, in berth-unpack. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export.h"

#define PIECE	(256 * 1024)

static void
write_at(struct outfile *o, const unsigned char *p, size_t len, uint64_t off)
{
	ssize_t	 n;

	while (len > 0 && o->error == 0) {
		if ((n = pwrite(o->fd, p, len, (off_t)off)) == -1) {
			if (errno != EINTR)
				o->error = errno;
			continue;
		}
		p += n;
		len -= (size_t)n;
		off += (uint64_t)n;
	}
}

static void
flush(struct outfile *o)
{
	write_at(o, o->buf, o->fill, o->off);
	o->off += o->fill;
	o->fill = 0;
}

void
outfile_open(struct outfile *o, int fd)
{
	memset(o, 0, sizeof(*o));
	o->fd = fd;
	if ((o->buf = malloc(PIECE)) == NULL || ftruncate(fd, 0) == -1)
		o->error = errno;
}

void
outfile_write(struct outfile *o, const void *data, size_t len)
{
	if (o->error != 0)
		return;
	if (len > PIECE - o->fill)
		flush(o);
	if (len > PIECE) {
		write_at(o, data, len, o->off);
		o->off += len;
		return;
	}
	memcpy(o->buf + o->fill, data, len);
	o->fill += len;
}

void
outfile_zeros(struct outfile *o, size_t len)
{
	static const unsigned char	 zeros[2 * TAROUT_BLOCK];

	outfile_write(o, zeros, len);
}

uint64_t
outfile_tell(const struct outfile *o)
{
	return (o->off + o->fill);
}

void
outfile_patch(struct outfile *o, uint64_t off, const void *data, size_t len)
{
	if (o->error == 0)
		flush(o);
	write_at(o, data, len, off);
}

int
outfile_close(struct outfile *o)
{
	if (o->error == 0)
		flush(o);
	free(o->buf);
	o->buf = NULL;
	errno = o->error;
	return (o->error == 0 ? 0 : -1);
}
