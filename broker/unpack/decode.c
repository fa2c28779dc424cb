/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Decompression in berth-unpack.  Inflate costs most of a fetch, so gzip
 * goes through ISA-L; built with -DBERTH_ZLIB, through zlib.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef BERTH_ZLIB
#include <zlib.h>
#else
#include <isa-l/igzip_lib.h>
#endif
#include <zstd.h>

#include "decode.h"

#define IN_SIZE		(256 * 1024)

struct decoder {
	ssize_t		(*read)(struct decoder *, unsigned char *, size_t);
	int		 fd;
	uint64_t	 off, size;	/* of the blob */
	unsigned char	*in;
	size_t		 pos, len;	/* of in */
	int		 inside;	/* a member or frame has begun */
	int		 done;
#ifdef BERTH_ZLIB
	z_stream	 z;
	int		 zinit;
#else
	struct inflate_state *isal;
#endif
	ZSTD_DCtx	*zstd;
	char		 why[128];
};

static ssize_t
refuse(struct decoder *d, const char *why)
{
	snprintf(d->why, sizeof(d->why), "%s", why);
	return (-1);
}

/*
 * Moves what is unused to the front and fills up behind it; 0 when the blob
 * has no more.
 */
static ssize_t
more(struct decoder *d)
{
	size_t	 want;
	ssize_t	 n;

	if (d->pos > 0) {
		memmove(d->in, d->in + d->pos, d->len - d->pos);
		d->len -= d->pos;
		d->pos = 0;
	}
	want = IN_SIZE - d->len;
	if (want > d->size - d->off)
		want = (size_t)(d->size - d->off);
	if (want == 0)
		return (0);
	do {
		n = pread(d->fd, d->in + d->len, want, (off_t)d->off);
	} while (n == -1 && errno == EINTR);
	if (n <= 0)
		return (refuse(d, "blob: cannot be read again"));
	d->len += (size_t)n;
	d->off += (uint64_t)n;
	return (n);
}

static ssize_t
none_read(struct decoder *d, unsigned char *buf, size_t len)
{
	ssize_t	 n;

	if (len > d->size - d->off)
		len = (size_t)(d->size - d->off);
	if (len == 0)
		return (0);
	do {
		n = pread(d->fd, buf, len, (off_t)d->off);
	} while (n == -1 && errno == EINTR);
	if (n <= 0)
		return (refuse(d, "blob: cannot be read again"));
	d->off += (uint64_t)n;
	return (n);
}

/* One step of a member: how many bytes came out; inside ends with it. */
#ifdef BERTH_ZLIB
static ssize_t
member_begin(struct decoder *d)
{
	int	 error;

	error = d->zinit ? inflateReset2(&d->z, 31) : inflateInit2(&d->z, 31);
	if (error != Z_OK)
		return (refuse(d, "gzip: out of memory"));
	d->zinit = 1;
	return (0);
}

static ssize_t
member_step(struct decoder *d, unsigned char *buf, size_t len)
{
	int	 error;

	d->z.next_in = d->in + d->pos;
	d->z.avail_in = (unsigned int)(d->len - d->pos);
	d->z.next_out = buf;
	d->z.avail_out = (unsigned int)len;
	error = inflate(&d->z, Z_NO_FLUSH);
	d->pos = d->len - d->z.avail_in;
	if (error == Z_STREAM_END)
		d->inside = 0;
	else if (error != Z_OK && error != Z_BUF_ERROR)
		return (refuse(d, d->z.msg != NULL && strstr(d->z.msg,
		    "check") != NULL ? "gzip: checksum differs" :
		    "gzip: bad data"));
	return ((ssize_t)(len - d->z.avail_out));
}
#else
static ssize_t
member_begin(struct decoder *d)
{
	isal_inflate_init(d->isal);
	d->isal->crc_flag = ISAL_GZIP;
	return (0);
}

static ssize_t
member_step(struct decoder *d, unsigned char *buf, size_t len)
{
	struct inflate_state	*s = d->isal;
	int			 error;

	s->next_in = d->in + d->pos;
	s->avail_in = (uint32_t)(d->len - d->pos);
	s->next_out = buf;
	s->avail_out = (uint32_t)len;
	error = isal_inflate(s);
	d->pos = d->len - s->avail_in;
	if (error == ISAL_INCORRECT_CHECKSUM)
		return (refuse(d, "gzip: checksum differs"));
	if (error < 0)
		return (refuse(d, "gzip: bad data"));
	if (s->block_state == ISAL_BLOCK_FINISH)
		d->inside = 0;
	return ((ssize_t)(len - s->avail_out));
}
#endif

/* 1: at a member's begin; 0: at the end of the blob. */
static ssize_t
gzip_next(struct decoder *d)
{
	ssize_t	 n;

	while (d->len - d->pos < 4) {
		if ((n = more(d)) == -1)
			return (-1);
		if (n == 0)
			break;
	}
	if (d->len == d->pos)
		return (0);
	if (d->len - d->pos < 2 || d->in[d->pos] != 0x1f ||
	    d->in[d->pos + 1] != 0x8b)
		return (refuse(d, "gzip: garbage behind the stream"));
	if (d->len - d->pos < 4)
		return (refuse(d, "gzip: truncated"));
	/* RFC 1952 2.3.1.2: a header read without them may be misread */
	if ((d->in[d->pos + 3] & 0xe0) != 0)
		return (refuse(d, "gzip: reserved flags"));
	d->inside = 1;
	return (member_begin(d) == -1 ? -1 : 1);
}

static ssize_t
gzip_read(struct decoder *d, unsigned char *buf, size_t len)
{
	ssize_t	 n, got;
	size_t	 before;

	for (;;) {
		if (!d->inside && (n = gzip_next(d)) != 1)
			return (n);
		before = d->pos;
		if ((n = member_step(d, buf, len)) != 0)
			return (n);
		/* no output and nothing taken: it waits for more input */
		if (!d->inside || d->pos != before)
			continue;
		if ((got = more(d)) == -1)
			return (-1);
		if (got == 0)
			return (refuse(d, "gzip: truncated"));
	}
}

static ssize_t
zstd_read(struct decoder *d, unsigned char *buf, size_t len)
{
	ZSTD_inBuffer	 in;
	ZSTD_outBuffer	 out = { buf, len, 0 };
	size_t		 left;
	ssize_t		 n;

	for (;;) {
		in.src = d->in;
		in.size = d->len;
		in.pos = d->pos;
		left = ZSTD_decompressStream(d->zstd, &out, &in);
		if (ZSTD_isError(left)) {
			snprintf(d->why, sizeof(d->why), "zstd: %.100s",
			    ZSTD_getErrorName(left));
			return (-1);
		}
		/* taking nothing at a frame's begin is not being inside */
		if (in.pos != d->pos || out.pos > 0)
			d->inside = left != 0;
		n = in.pos != d->pos;
		d->pos = in.pos;
		if (out.pos > 0)
			return ((ssize_t)out.pos);
		if (n != 0 && d->pos < d->len)
			continue;
		if ((n = more(d)) == -1)
			return (-1);
		if (n == 0)
			return (d->inside ? refuse(d, "zstd: truncated") : 0);
	}
}

static int
magic_ok(struct decoder *d, const void *magic, size_t len)
{
	while (d->len < len)
		if (more(d) <= 0)
			return (0);
	return (memcmp(d->in, magic, len) == 0);
}

/* The first call: is it what the media type says? */
static ssize_t
gzip_first(struct decoder *d, unsigned char *buf, size_t len)
{
	if (!magic_ok(d, "\x1f\x8b", 2))
		return (refuse(d, "gzip: not a gzip stream"));
	d->read = gzip_read;
	return (gzip_read(d, buf, len));
}

/* A skippable frame may come first (RFC 8878 3.1.2): pzstd has them. */
static ssize_t
zstd_first(struct decoder *d, unsigned char *buf, size_t len)
{
	if (!magic_ok(d, "\x28\xb5\x2f\xfd", 4) && (d->len < 4 ||
	    (d->in[0] & 0xf0) != 0x50 ||
	    memcmp(d->in + 1, "\x2a\x4d\x18", 3) != 0))
		return (refuse(d, "zstd: not a zstd stream"));
	d->read = zstd_read;
	return (zstd_read(d, buf, len));
}

struct decoder *
decoder_new(enum codec codec, int fd, uint64_t size)
{
	struct decoder	*d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (NULL);
	d->fd = fd;
	d->size = size;
	d->read = codec == CODEC_GZIP ? gzip_first :
	    codec == CODEC_ZSTD ? zstd_first : none_read;
	if (codec == CODEC_NONE)
		return (d);
	if ((d->in = malloc(IN_SIZE)) == NULL)
		goto fail;
#ifndef BERTH_ZLIB
	if (codec == CODEC_GZIP &&
	    (d->isal = malloc(sizeof(*d->isal))) == NULL)
		goto fail;
#endif
	if (codec == CODEC_ZSTD && ((d->zstd = ZSTD_createDCtx()) == NULL ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax,
	    ZSTD_WINDOWLOG_MAX))))
		goto fail;
	return (d);
 fail:
	decoder_free(d);
	errno = ENOMEM;
	return (NULL);
}

void
decoder_free(struct decoder *d)
{
	if (d == NULL)
		return;
#ifdef BERTH_ZLIB
	if (d->zinit)
		inflateEnd(&d->z);
#else
	free(d->isal);
#endif
	ZSTD_freeDCtx(d->zstd);
	free(d->in);
	free(d);
}

ssize_t
decoder_read(struct decoder *d, void *buf, size_t len)
{
	unsigned char	*p = buf;
	size_t		 fill = 0;
	ssize_t		 n;

	while (fill < len && !d->done) {
		if ((n = d->read(d, p + fill, len - fill)) == -1)
			return (-1);
		fill += (size_t)n;
		d->done = n == 0;
	}
	return ((ssize_t)fill);
}

const char *
decoder_why(const struct decoder *d)
{
	return (d->why);
}
