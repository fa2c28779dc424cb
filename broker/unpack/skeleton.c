/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Gives a stored layer's tar back, from its skeleton and its files (in
 * berth-unpack).  The store may have been damaged or altered: nothing in it
 * is believed, everything is bounded.
 */
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/openat2.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zstd.h>

#include "../../common/limits.h"
#include "../../common/log.h"
#include "skeleton.h"

#define PIECE		(256 * 1024)

struct saved {				/* a body in "bodies" */
	uint64_t	 index, size;
	off_t		 off;
};

struct reader {
	int		 layer, fs, fd, bodies;
	ZSTD_DCtx	*zstd;
	unsigned char	*in, *buf;
	ZSTD_inBuffer	 zin;
	struct saved	*saved;
	size_t		 nsaved;
	uint64_t	 files, total;
	skeleton_sink	 sink;
	void		*arg;
	char		*why;
	size_t		 whysize;
};

static int	 fail(struct reader *, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));

static int
fail(struct reader *r, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(r->why, r->whysize, fmt, ap);
	va_end(ap);
	return (-1);
}

static int
fail_path(struct reader *r, const char *path, const char *what)
{
	char	 enc[400];

	return (fail(r, "%s: %s", log_encode(enc, sizeof(enc), path,
	    strlen(path)), what));
}

static int
give(struct reader *r, const void *data, size_t len)
{
	r->total += len;
	return (len == 0 ? 0 : r->sink(r->arg, data, len) != 0);
}

/* Exactly len bytes out of the skeleton. */
static int
skel_read(struct reader *r, void *buf, size_t len)
{
	ZSTD_outBuffer	 out = { buf, len, 0 };
	size_t		 left, before;
	ssize_t		 n;

	while (out.pos < len) {
		if (r->zin.pos == r->zin.size) {
			n = read(r->fd, r->in, PIECE);
			if (n == -1)
				return (fail(r, "skeleton: %s",
				    strerror(errno)));
			/* what zstd still holds comes without more input */
			r->zin.size = (size_t)n;
			r->zin.pos = 0;
		}
		before = out.pos;
		left = ZSTD_decompressStream(r->zstd, &out, &r->zin);
		if (ZSTD_isError(left))
			return (fail(r, "skeleton: %s",
			    ZSTD_getErrorName(left)));
		if (out.pos == before && r->zin.size == 0)
			return (fail(r, "skeleton: truncated"));
	}
	return (0);
}

static int
on_raw(struct reader *r, uint64_t len)
{
	size_t	 n;
	int	 end;

	for (; len > 0; len -= n) {
		n = len < PIECE ? (size_t)len : PIECE;
		if (skel_read(r, r->buf, n) == -1)
			return (-1);
		if ((end = give(r, r->buf, n)) != 0)
			return (end);
	}
	return (0);
}

static int
body_open(struct reader *r, const char *path, uint64_t size)
{
	struct open_how	 how;
	struct stat	 st;
	int		 fd;

	memset(&how, 0, sizeof(how));
	how.flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
	fd = (int)syscall(SYS_openat2, r->fs, path, &how, sizeof(how));
	if (fd == -1)
		return (fail_path(r, path, errno == ENOENT ||
		    errno == ENOTDIR ? "missing" : errno == ELOOP ||
		    errno == ENXIO ? "is no regular file" : strerror(errno)));
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		close(fd);
		return (fail_path(r, path, "is no regular file"));
	}
	if ((uint64_t)st.st_size != size) {
		char	 what[96];

		close(fd);
		snprintf(what, sizeof(what), "size is %lld, expected %llu",
		    (long long)st.st_size, (unsigned long long)size);
		return (fail_path(r, path, what));
	}
	return (fd);
}

/* From where fd stands. */
static int
body_give(struct reader *r, int fd, const char *path, uint64_t size,
    uint32_t sum)
{
	uint64_t	 left;
	uint32_t	 is = 0;
	ssize_t		 n;
	int		 end;

	for (left = size; left > 0; left -= (uint64_t)n) {
		n = read(fd, r->buf, left < PIECE ? (size_t)left : PIECE);
		if (n <= 0)
			return (fail_path(r, path, n == 0 ? "shrank" :
			    strerror(errno)));
		is = skeleton_sum(is, r->buf, (size_t)n);
		if ((end = give(r, r->buf, (size_t)n)) != 0)
			return (end);
	}
	return (is == sum ? 0 : fail_path(r, path, "contents differ"));
}

static int
saved_compare(const void *a, const void *b)
{
	const struct saved	*x = a, *y = b;

	return (x->index < y->index ? -1 : x->index > y->index);
}

static int
on_file(struct reader *r, const struct skel_record *rec)
{
	char		 path[PATH_MAXLEN + 1];
	struct saved	 key, *s;
	int		 fd, end;

	if (rec->len == 0 || rec->len > PATH_MAXLEN)
		return (fail(r, "skeleton: bad record"));
	if (skel_read(r, path, rec->len) == -1)
		return (-1);
	path[rec->len] = '\0';
	key.index = r->files++;
	s = r->nsaved == 0 ? NULL : bsearch(&key, r->saved, r->nsaved,
	    sizeof(key), saved_compare);
	if (s != NULL) {
		if (s->size != rec->size ||
		    lseek(r->bodies, s->off, SEEK_SET) == -1)
			return (fail_path(r, path, "bodies: size differs"));
		return (body_give(r, r->bodies, path, rec->size, rec->sum));
	}
	if ((fd = body_open(r, path, rec->size)) == -1)
		return (-1);
	end = body_give(r, fd, path, rec->size, rec->sum);
	close(fd);
	return (end);
}

/* The heads of what "bodies" holds; most layers have no such file. */
static int
saved_load(struct reader *r)
{
	struct skel_body	 b;
	struct saved		*s;
	struct stat		 st;
	off_t			 off = 0;
	ssize_t			 n;

	r->bodies = openat(r->layer, "bodies",
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (r->bodies == -1)
		return (errno == ENOENT ? 0 : fail(r, "bodies: %s",
		    strerror(errno)));
	if (fstat(r->bodies, &st) == -1)
		return (fail(r, "bodies: %s", strerror(errno)));
	while ((n = pread(r->bodies, &b, sizeof(b), off)) == sizeof(b)) {
		off += (off_t)sizeof(b);
		if (b.size > (uint64_t)(st.st_size - off) ||
		    r->nsaved == LAYER_ENTRIES_MAX)
			return (fail(r, "bodies: bad record"));
		s = reallocarray(r->saved, r->nsaved + 1, sizeof(*s));
		if (s == NULL)
			return (fail(r, "out of memory"));
		r->saved = s;
		s += r->nsaved++;
		s->index = b.index;
		s->size = b.size;
		s->off = off;
		off += (off_t)b.size;
	}
	if (n != 0)
		return (fail(r, "bodies: truncated"));
	if (r->nsaved > 0)
		qsort(r->saved, r->nsaved, sizeof(*r->saved), saved_compare);
	return (0);
}

static int
records(struct reader *r)
{
	char			 magic[SKELETON_MAGICLEN];
	struct skel_record	 rec;
	int			 end;

	if (skel_read(r, magic, sizeof(magic)) == -1)
		return (-1);
	if (memcmp(magic, SKELETON_MAGIC, SKELETON_MAGICLEN) != 0)
		return (fail(r, "skeleton: of an unknown form"));
	for (;;) {
		if (skel_read(r, &rec, sizeof(rec)) == -1)
			return (-1);
		if (rec.kind >= SKEL_MAX || rec.zero != 0 ||
		    rec.size > LAYER_BYTES_MAX)
			return (fail(r, "skeleton: bad record"));
		if (rec.kind == SKEL_END)
			break;
		end = rec.kind == SKEL_RAW ? on_raw(r, rec.len) :
		    on_file(r, &rec);
		if (end != 0)
			return (end);
	}
	if (rec.size != r->total)
		return (fail(r, "skeleton: length differs"));
	return (0);
}

static int
reader_open(struct reader *r)
{
	r->fs = openat(r->layer, "fs",
	    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r->fs == -1)
		return (fail(r, "fs: %s", strerror(errno)));
	r->fd = openat(r->layer, "skeleton",
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (r->fd == -1)
		return (fail(r, "skeleton: %s", strerror(errno)));
	r->zstd = ZSTD_createDCtx();
	r->in = malloc(PIECE);
	r->buf = malloc(PIECE);
	if (r->zstd == NULL || r->in == NULL || r->buf == NULL)
		return (fail(r, "out of memory"));
	r->zin.src = r->in;
	return (saved_load(r));
}

static void
close_one(int fd)
{
	if (fd != -1)
		close(fd);
}

int
skeleton_stream(int layerfd, skeleton_sink sink, void *arg, char *why,
    size_t whysize)
{
	struct reader	 r;
	int		 end;

	memset(&r, 0, sizeof(r));
	r.layer = layerfd;
	r.fs = r.fd = r.bodies = -1;
	r.sink = sink;
	r.arg = arg;
	r.why = why;
	r.whysize = whysize;
	if ((end = reader_open(&r)) == 0)
		end = records(&r);
	close_one(r.fs);
	close_one(r.fd);
	close_one(r.bodies);
	ZSTD_freeDCtx(r.zstd);
	free(r.in);
	free(r.buf);
	free(r.saved);
	return (end);
}
