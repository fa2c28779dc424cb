/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The layer job of berth-unpack: blob, digest, decode, diff id, tar, tree.
 *
 * Two readers see the same bytes.  The walker (tarwalk.c) is fed each piece
 * as it comes and queues the entries it finds; libarchive is asked for
 * entries and contents, and what it says must agree with the queue.  The
 * bytes between bodies wait in a buffer until it is known whether the body
 * before them stands in fs/ or in the skeleton.
 */
#include <sys/stat.h>
#include <sys/xattr.h>

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "agree.h"
#include "apply.h"
#include "decode.h"
#include "hash.h"
#include "ring.h"
#include "unpack.h"

struct layer {
	const struct msg_unpack_layer *job;
	struct why	 why;
	int		 stage, fs;
	struct decoder	*decoder;
	struct ring	*ring;
	struct hash	*hash;
	struct tarwalk	*walk;
	struct skelw	*skel;
	struct apply	 apply;
	struct archive	*archive;
	struct tar_entry *first, **last;	/* queue */
	unsigned char	*raw;			/* waiting for the skeleton: */
	size_t		 rawpos, rawlen;	/* from here to there */
	size_t		 rawsize;
	uint64_t	 rawoff;		/* of raw[rawpos] there */
};

static int
fail_errno(struct layer *l, const char *what)
{
	why_set(&l->why, "%s: %s", what, strerror(errno));
	return (-1);
}

static int
on_raw(void *arg, const unsigned char *p, size_t len)
{
	struct layer	*l = arg;
	unsigned char	*bigger;
	size_t		 size;

	/* those before have gone: moved once a piece, not once an entry */
	if (l->rawpos > 0 && l->rawsize - l->rawlen < len) {
		memmove(l->raw, l->raw + l->rawpos, l->rawlen - l->rawpos);
		l->rawlen -= l->rawpos;
		l->rawpos = 0;
	}
	if (l->rawsize - l->rawlen < len) {
		size = (l->rawsize + len) * 2;
		if ((bigger = realloc(l->raw, size)) == NULL)
			return (fail_errno(l, "tar"));
		l->raw = bigger;
		l->rawsize = size;
	}
	memcpy(l->raw + l->rawlen, p, len);
	l->rawlen += len;
	return (0);
}

static int
on_entry(void *arg, struct tar_entry *e)
{
	struct layer	*l = arg;

	*l->last = e;
	l->last = &e->next;
	return (0);
}

/* The skeleton gets what stands before upto. */
static int
raw_flush(struct layer *l, uint64_t upto)
{
	size_t	 n = l->rawlen - l->rawpos;

	if (upto - l->rawoff < n)
		n = (size_t)(upto - l->rawoff);
	if (n == 0)
		return (0);
	if (skelw_raw(l->skel, l->raw + l->rawpos, n) == -1)
		return (fail_errno(l, "skeleton"));
	l->rawpos += n;
	l->rawoff += n;
	if (l->rawpos == l->rawlen)
		l->rawpos = l->rawlen = 0;
	return (0);
}

/* Up to the first body that is still to come. */
static int
raw_flush_free(struct layer *l)
{
	struct tar_entry	*e;

	for (e = l->first; e != NULL; e = e->next)
		if (e->type == TAR_FILE && !e->sparse && e->size > 0)
			return (raw_flush(l, e->body));
	return (raw_flush(l, UINT64_MAX));
}

static ssize_t
piece(struct layer *l, const void **data)
{
	ssize_t	 n;

	if ((n = ring_next(l->ring, data)) == -1) {
		why_set(&l->why, "%s", decoder_why(l->decoder));
		return (-1);
	}
	if (n == 0)
		return (0);
	if (tarwalk_feed(l->walk, *data, (size_t)n) == -1) {
		if (l->why.text[0] == '\0')
			why_set(&l->why, "%s", tarwalk_why(l->walk));
		return (-1);
	}
	return (n);
}

static la_ssize_t
on_read(struct archive *ar, void *arg, const void **data)
{
	ssize_t	 n;

	if ((n = piece(arg, data)) == -1)
		archive_set_error(ar, EINVAL, "refused");
	return ((la_ssize_t)n);
}

static int
archive_fail(struct layer *l)
{
	const char	*s = archive_error_string(l->archive);
	char		 enc[400];

	/* what we refused ourselves is the better reason */
	if (l->why.text[0] == '\0')
		why_set(&l->why, "tar: %s", s == NULL ? "unreadable" :
		    log_encode(enc, sizeof(enc), s, strlen(s)));
	return (-1);
}

/* All of a regular file's contents, wherever they go. */
static enum applied
contents(struct layer *l, const struct tar_entry *e, uint64_t stored)
{
	const void	*data;
	size_t		 len;
	la_int64_t	 off;
	uint64_t	 got = 0;
	uint32_t	 sum = 0;
	int		 error;

	while ((error = archive_read_data_block(l->archive, &data, &len,
	    &off)) == ARCHIVE_OK) {
		if (len == 0)
			continue;
		if (off < 0 || apply_data(&l->apply, e, data, len,
		    (uint64_t)off) != APPLY_OK)
			return (APPLY_FAIL);
		got += len;
		if (e->sparse) {
			if (raw_flush_free(l) == -1)
				return (APPLY_FAIL);
			continue;
		}
		if (l->apply.file.fd != -1)
			sum = skeleton_sum(sum, data, len);
		else if (skelw_raw(l->skel, data, len) == -1) {
			fail_errno(l, "skeleton");
			return (APPLY_FAIL);
		}
	}
	if (error != ARCHIVE_EOF) {
		archive_fail(l);
		return (APPLY_FAIL);
	}
	if (got != stored)
		return (apply_fail(&l->apply, e->path,
		    "contents are incomplete", 0));
	return (apply_close(&l->apply, e, sum));
}

static enum applied
one_entry(struct layer *l, struct archive_entry *ae)
{
	struct tar_entry	*e = l->first;
	const char		*rule;
	uint64_t		 stored = 0;
	enum applied		 r;

	if (e == NULL) {
		why_set(&l->why, "tar: readers find different entries");
		return (APPLY_FAIL);
	}
	if ((l->first = e->next) == NULL)
		l->last = &l->first;
	if (raw_flush(l, e->body) == -1)
		r = APPLY_FAIL;
	else if ((rule = agree(e, ae, &stored)) != NULL)
		r = apply_fail(&l->apply, e->path, rule, 0);
	else
		r = apply_entry(&l->apply, e);
	if (r == APPLY_OK && e->type == TAR_FILE)
		r = contents(l, e, stored);
	tar_entry_free(e);
	return (r);
}

static enum applied
entries(struct layer *l)
{
	struct archive_entry	*ae;
	const void		*data;
	enum applied		 r;
	ssize_t			 n;
	int			 error;

	for (;;) {
		error = archive_read_next_header(l->archive, &ae);
		if (error == ARCHIVE_EOF)
			break;
		/* a warning is about what agree() looks at itself */
		if (error != ARCHIVE_OK && error != ARCHIVE_WARN) {
			archive_fail(l);
			return (APPLY_FAIL);
		}
		if ((r = one_entry(l, ae)) != APPLY_OK)
			return (r);
	}
	while ((n = piece(l, &data)) > 0)
		if (raw_flush_free(l) == -1)
			return (APPLY_FAIL);
	if (n == -1)
		return (APPLY_FAIL);
	if (tarwalk_end(l->walk) == -1) {
		why_set(&l->why, "%s", tarwalk_why(l->walk));
		return (APPLY_FAIL);
	}
	if (l->first != NULL) {
		why_set(&l->why, "tar: readers find different entries");
		return (APPLY_FAIL);
	}
	return (APPLY_OK);
}

static enum applied
finish(struct layer *l)
{
	char	 is[DIGEST_SIZE];

	hash_digest(l->hash, is);
	if (strcmp(is, l->job->diffid) != 0) {
		why_set(&l->why, "diff id is %s, expected %s", is,
		    l->job->diffid);
		return (APPLY_FAIL);
	}
	if (raw_flush(l, UINT64_MAX) == -1)
		return (APPLY_FAIL);
	if (skelw_finish(l->skel, tarwalk_bytes(l->walk)) == -1) {
		fail_errno(l, "skeleton");
		return (APPLY_FAIL);
	}
	if (l->apply.named_root && fsetxattr(l->fs, XATTR_ROOT, "", 0, 0) ==
	    -1) {
		fail_errno(l, "fs: attribute " XATTR_ROOT);
		return (APPLY_FAIL);
	}
	return (apply_finish(&l->apply));
}

/* The tree: "/" in the merged view, else fs/ alone. */
static int
open_tree(struct layer *l)
{
	int	 root;

	if (!(l->job->flags & LAYER_MERGED) &&
	    mkdirat(l->stage, "fs", 0755) == -1)
		return (fail_errno(l, "stage: fs"));
	l->fs = openat(l->stage, "fs",
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (l->fs == -1)
		return (fail_errno(l, "stage: fs"));
	root = (l->job->flags & LAYER_MERGED) ?
	    open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : l->fs;
	if (root == -1)
		return (fail_errno(l, "merged root"));
	if ((l->skel = skelw_open(l->stage)) == NULL)
		return (fail_errno(l, "stage: skeleton"));
	if (apply_init(&l->apply, root, l->job->flags, l->skel, &l->why) == -1)
		return (-1);
	return (0);
}

static int
open_tar(struct layer *l)
{
	static const struct tarwalk_ops	 ops = { on_raw, on_entry, NULL };

	l->last = &l->first;
	l->archive = archive_read_new();
	l->hash = hash_new();
	l->walk = tarwalk_new(&ops, l);
	l->decoder = decoder_new((enum codec)l->job->codec, UNPACK_FD_BLOB,
	    l->job->size);
	if (l->archive == NULL || l->hash == NULL || l->walk == NULL ||
	    l->decoder == NULL ||
	    (l->ring = ring_start(l->decoder, l->hash)) == NULL)
		return (fail_errno(l, "decoder"));
	archive_read_support_format_tar(l->archive);
	archive_read_support_format_empty(l->archive);
	if (archive_read_open2(l->archive, l, NULL, on_read, NULL, NULL) !=
	    ARCHIVE_OK)
		return (archive_fail(l));
	return (0);
}

/* For people; what it says stands elsewhere too.  Sorted keys. */
static int
write_note(struct layer *l, const struct msg_unpacked *u)
{
	int	 fd, n;

	fd = openat(l->stage, "layer.json", O_WRONLY | O_CREAT | O_EXCL |
	    O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return (fail_errno(l, "stage: layer.json"));
	n = dprintf(fd, "{\"blob\":\"%s\",\"blobSize\":%llu,"
	    "\"diffID\":\"%s\",\"entries\":%llu,\"files\":%llu,"
	    "\"selfContained\":%s,\"size\":%llu}\n", l->job->blob,
	    (unsigned long long)l->job->size, l->job->diffid,
	    (unsigned long long)u->entries, (unsigned long long)u->files,
	    u->selfcontained ? "true" : "false",
	    (unsigned long long)u->bytes);
	if (close(fd) == -1 || n < 0)
		return (fail_errno(l, "stage: layer.json"));
	return (0);
}

static void
counts(struct layer *l, struct msg_unpacked *u)
{
	memset(u, 0, sizeof(*u));
	u->bytes = tarwalk_bytes(l->walk);
	u->files = l->apply.bytes;
	u->entries = tarwalk_entries(l->walk);
	u->selfcontained = !l->apply.skipped &&
	    !(l->job->flags & LAYER_MERGED);
	snprintf(u->diffid, sizeof(u->diffid), "%s", l->job->diffid);
}

/* The first act: nothing is decoded before the digest is known. */
static int
take_blob(struct layer *l, struct chan *c, uint32_t id)
{
	struct msg_digest	 d;
	int			 merged = (l->job->flags & LAYER_MERGED) != 0;

	/* written by the process before us, whose offset it shares */
	if (merged && lseek(UNPACK_FD_BLOB, 0, SEEK_SET) == -1)
		return (fail_errno(l, "rewind"));
	if (blob_take(merged ? UNPACK_FD_BLOB : UNPACK_FD_PIPE,
	    merged ? -1 : UNPACK_FD_BLOB, l->job->size, l->job->blob,
	    &l->why) == -1)
		return (-1);
	memset(&d, 0, sizeof(d));
	snprintf(d.digest, sizeof(d.digest), "%s", l->job->blob);
	if (chan_send(c, MSG_HASHED, id, &d, -1) == -1)
		return (fail_errno(l, "channel"));
	return (0);
}

static enum applied
unpack(struct layer *l, struct chan *c, uint32_t id)
{
	enum applied	 r;

	l->stage = l->job->flags & LAYER_MERGED ? UNPACK_FD_STAGE :
	    open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->stage == -1) {
		fail_errno(l, "stage");
		return (APPLY_FAIL);
	}
	if (take_blob(l, c, id) == -1 || open_tree(l) == -1 ||
	    open_tar(l) == -1)
		return (APPLY_FAIL);
	if ((r = entries(l)) != APPLY_OK)
		return (r);
	return (finish(l));
}

/* The broker names the layer, by its diff id; what it came as is ours. */
static int
report(const struct layer *l, struct chan *c, uint32_t id)
{
	const struct msg_unpack_layer	*job = l->job;

	if (strcmp(job->blob, job->diffid) == 0)
		return (unpack_fail(c, id, "%s", l->why.text));
	return (unpack_fail(c, id, "blob %s: %s", job->blob, l->why.text));
}

int
layer_job(struct chan *c, struct msg *m)
{
	struct msg_unpacked	 u;
	struct msg_none		 none;
	struct layer		 l;

	/* what is still open at the end goes with the process */
	memset(&l, 0, sizeof(l));
	l.job = &m->u.unpack_layer;
	switch (unpack(&l, c, m->hdr.id)) {
	case APPLY_FAIL:
		return (report(&l, c, m->hdr.id));
	case APPLY_LOWER:
		memset(&none, 0, sizeof(none));
		return (chan_send(c, MSG_NEEDS_LOWER, m->hdr.id, &none, -1) ==
		    -1);
	case APPLY_OK:
		break;
	}
	counts(&l, &u);
	if (write_note(&l, &u) == -1)
		return (report(&l, c, m->hdr.id));
	if (chan_send(c, MSG_UNPACKED, m->hdr.id, &u, -1) == -1)
		return (1);
	/* the broker shall not be the last who has the blob open */
	(void)chan_recv(c, m);
	return (0);
}
