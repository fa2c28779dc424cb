/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Documents: the manifest that a reference names, and what the unpacker asks
 * for after it.  Their bytes go into a sealed memfd, unread.
 */
#include "fetch.h"

#include <sys/mman.h>


#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct doc {
	struct fetch	*f;
	uint32_t	 id;
	int		 first;		/* what the reference names */
	int		 fd;
	uint64_t	 len;		/* bytes in fd */
	enum media	 media;		/* asked for; of the first: said */
	char		 known[DIGEST_SIZE];
	char		 digest[DIGEST_SIZE];	/* asked for, or empty */
};

static void	 doc_first(struct doc *);

static void
doc_free(struct doc *d)
{
	if (d->fd != -1)
		close(d->fd);
	free(d);
}

static void __attribute__((noreturn))
doc_fail(struct doc *d)
{
	fetch_fail(d->f, d->id, "keeping a document: %s", strerror(errno));
}

static struct doc *
doc_new(struct fetch *f, uint32_t id, const char *digest)
{
	struct doc	*d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		fetch_fail(f, id, "out of memory");
	d->f = f;
	d->id = id;
	d->fd = -1;
	memcpy(d->digest, digest, sizeof(d->digest));
	return (d);
}

/* A second try begins at the beginning. */
static int
doc_begin(void *arg, struct request *r, const struct http_head *head,
    uint64_t offset)
{
	struct doc	*d = arg;

	(void)r;
	(void)head;
	(void)offset;
	if (d->fd == -1)
		d->fd = memfd_create("document", MFD_CLOEXEC |
		    MFD_ALLOW_SEALING);
	if (d->fd == -1 || ftruncate(d->fd, 0) == -1 ||
	    lseek(d->fd, 0, SEEK_SET) == -1)
		doc_fail(d);
	d->len = 0;
	return (0);
}

static size_t
doc_data(void *arg, const unsigned char *data, size_t len)
{
	struct doc	*d = arg;
	size_t		 off;
	ssize_t		 n;

	for (off = 0; off < len; off += (size_t)n)
		if ((n = write(d->fd, data + off, len - off)) == -1)
			doc_fail(d);
	d->len += len;
	return (len);
}

static void
doc_end(void *arg, const struct http_head *head)
{
	struct doc		*d = arg;
	struct msg_document	 m;

	if (fcntl(d->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW |
	    F_SEAL_WRITE | F_SEAL_SEAL) == -1 ||
	    lseek(d->fd, 0, SEEK_SET) == -1)
		doc_fail(d);
	memset(&m, 0, sizeof(m));
	m.size = d->len;
	m.media = header_media(head->type);
	if (m.media == MEDIA_UNKNOWN)
		m.media = d->media;
	memcpy(m.digest, d->digest, sizeof(m.digest));
	fetch_send(d->f, d->first ? MSG_FETCH_MANIFEST : MSG_FETCH_GOT, d->id,
	    &m, d->fd);
	doc_free(d);
}

static const struct sink	 doc_sink = { doc_begin, doc_data, doc_end,
				    NULL };

/* HEAD: costs nothing of a pull limit, and tells whether it is still ours. */

static int
known_begin(void *arg, struct request *r, const struct http_head *head,
    uint64_t offset)
{
	(void)arg;
	(void)r;
	(void)head;
	(void)offset;
	return (0);
}

static void
known_end(void *arg, const struct http_head *head)
{
	struct doc	*d = arg;

	if (head->status != 200 || strcmp(head->digest, d->known) != 0) {
		doc_first(d);
		return;
	}
	fetch_send(d->f, MSG_FETCH_SAME, d->id, NULL, -1);
	doc_free(d);
}

static const struct sink	 known_sink = { known_begin, NULL, known_end,
				    NULL };

static void
doc_request(struct doc *d, const struct sink *sink, int head)
{
	struct request_spec	 spec;
	const struct ref	*ref = &d->f->reg.ref;

	memset(&spec, 0, sizeof(spec));
	spec.id = d->id;
	spec.kind = REQUEST_MANIFEST;
	spec.head = head;
	spec.name = ref->digest[0] != '\0' ? ref->digest : ref->tag;
	spec.size = UINT64_MAX;
	spec.max = MANIFEST_MAX;
	spec.sink = sink;
	spec.arg = d;
	request_start(d->f, &spec);
}

static void
doc_first(struct doc *d)
{
	doc_request(d, &doc_sink, 0);
}

void
doc_resolve(struct fetch *f, uint32_t id, const struct msg_fetch_resolve *m)
{
	struct doc	*d;

	d = doc_new(f, id, f->reg.ref.digest);
	d->first = 1;
	memcpy(d->known, m->known, sizeof(d->known));
	if (d->known[0] != '\0')
		doc_request(d, &known_sink, 1);
	else
		doc_first(d);
}

void
doc_get(struct fetch *f, uint32_t id, const struct msg_fetch_blob *m)
{
	struct request_spec	 spec;
	struct doc		*d;

	d = doc_new(f, id, m->digest);
	d->media = m->media;
	if (m->size > MANIFEST_MAX)
		fetch_fail(f, id, "%s: expected at most %llu bytes, got %llu",
		    m->digest, MANIFEST_MAX, (unsigned long long)m->size);
	memset(&spec, 0, sizeof(spec));
	spec.id = id;
	spec.kind = m->manifest ? REQUEST_MANIFEST : REQUEST_BLOB;
	spec.name = m->digest;
	spec.size = m->size;
	spec.sink = &doc_sink;
	spec.arg = d;
	request_start(f, &spec);
}
