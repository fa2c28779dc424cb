/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * A layer's bytes, from libcurl's buffer straight into the pipe to its
 * unpacker; berth-fetch.  A full pipe pauses the one transfer, never the
 * others.
 */
#include "../../common/log.h"
#include "fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIPE_SIZE	(1024 * 1024)
#define NOTE_BYTES	(1 * MIB)	/* progress is told no finer, */
#define NOTE_MS		200		/* and no oftener */

struct blob {
	struct fetch	*f;
	uint32_t	 id;
	int		 fd;
	struct event	*writable;
	struct request	*request;	/* NULL: all bytes have come */
	int		 paused;
	uint64_t	 size, done;	/* bytes; done: taken from libcurl */
	uint64_t	 noted;		/* done, when last told */
	uint64_t	 noted_ms;
	char		 digest[DIGEST_SIZE];
	/* what of libcurl's last piece the pipe had no room for */
	size_t		 restlen, restoff;
	unsigned char	 rest[CURL_MAX_WRITE_SIZE];
};

static void
blob_free(struct blob *b)
{
	if (b->writable != NULL)
		event_free(b->writable);
	close(b->fd);
	free(b);
}

static uint64_t
now_ms(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000);
}

static void
blob_note(struct blob *b)
{
	uint64_t	 ms;

	if (b->done - b->noted < NOTE_BYTES)
		return;
	if ((ms = now_ms()) - b->noted_ms < NOTE_MS)
		return;
	b->noted = b->done;
	b->noted_ms = ms;
	fetch_note(b->f, b->id, NOTE_PROGRESS, b->done, b->size, "%s",
	    b->digest + strlen("sha256:"));
}

/* The reader has left: the broker knows why, we need not. */
static void
blob_gone(void *arg)
{
	blob_free(arg);
}

static void
blob_complete(struct blob *b)
{
	struct msg_digest	 m;
	struct fetch		*f = b->f;
	uint32_t		 id = b->id;

	memset(&m, 0, sizeof(m));
	memcpy(m.digest, b->digest, sizeof(m.digest));
	/* the reader's end of file comes before the word that it may */
	blob_free(b);
	fetch_send(f, MSG_FETCH_SENT, id, &m, -1);
}

/* Bytes written, 0 when the pipe is full, -1 when its reader is gone. */
static ssize_t
blob_write(struct blob *b, const unsigned char *data, size_t len)
{
	ssize_t	 n;

	if ((n = write(b->fd, data, len)) >= 0)
		return (n);
	if (errno == EAGAIN || errno == EINTR)
		return (0);
	if (errno != EPIPE)
		fetch_fail(b->f, b->id, "%s: pipe: %s", b->digest,
		    strerror(errno));
	return (-1);
}

static int
blob_begin(void *arg, struct request *r, const struct http_head *head,
    uint64_t offset)
{
	(void)arg;
	(void)r;
	(void)head;
	(void)offset;
	return (0);
}

static size_t
blob_data(void *arg, const unsigned char *data, size_t len)
{
	struct blob	*b = arg;
	ssize_t		 n;

	if (b->restlen > 0) {
		b->paused = 1;
		return (HTTP_PAUSE);
	}
	if ((n = blob_write(b, data, len)) == -1)
		return (HTTP_ABORT);
	if ((size_t)n < len) {
		b->restoff = 0;
		b->restlen = len - (size_t)n;
		memcpy(b->rest, data + n, b->restlen);
		if (event_add(b->writable, NULL) == -1)
			fatal("event");
	}
	b->done += len;
	blob_note(b);
	return (len);
}

static void
blob_end(void *arg, const struct http_head *head)
{
	struct blob	*b = arg;

	(void)head;
	b->request = NULL;
	if (b->restlen == 0)
		blob_complete(b);
}

static const struct sink	 blob_sink = { blob_begin, blob_data, blob_end,
				    blob_gone };

static void
blob_on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct blob	*b = arg;
	ssize_t		 n;

	(void)fd;
	(void)what;
	if ((n = blob_write(b, b->rest + b->restoff, b->restlen)) == -1) {
		request_cancel(b->request);
		blob_free(b);
		return;
	}
	b->restoff += (size_t)n;
	b->restlen -= (size_t)n;
	if (b->restlen > 0)
		return;
	event_del(b->writable);
	if (b->request == NULL) {
		blob_complete(b);
		return;
	}
	if (b->paused) {
		b->paused = 0;
		/* b may be no more behind it */
		request_unpause(b->request);
	}
}

void
blob_get(struct fetch *f, uint32_t id, const struct msg_fetch_blob *m, int fd)
{
	struct request_spec	 spec;
	struct blob		*b;
	int			 flags;

	if ((b = calloc(1, sizeof(*b))) == NULL)
		fetch_fail(f, id, "out of memory");
	b->f = f;
	b->id = id;
	b->fd = fd;
	b->size = m->size;
	memcpy(b->digest, m->digest, sizeof(b->digest));
	/* room to go on while the unpacker is busy; less will do as well */
	(void)fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE);
	if ((flags = fcntl(fd, F_GETFL)) == -1 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		fetch_fail(f, id, "%s: pipe: %s", m->digest, strerror(errno));
	b->writable = event_new(f->base, fd, EV_WRITE | EV_PERSIST,
	    blob_on_writable, b);
	if (b->writable == NULL)
		fetch_fail(f, id, "out of memory");
	memset(&spec, 0, sizeof(spec));
	spec.id = id;
	spec.kind = m->manifest ? REQUEST_MANIFEST : REQUEST_BLOB;
	spec.resume = 1;
	spec.name = m->digest;
	spec.size = m->size;
	spec.sink = &blob_sink;
	spec.arg = b;
	b->request = request_start(f, &spec);
}
