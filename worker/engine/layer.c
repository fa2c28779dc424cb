/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The layers of a fetch, in the engine: which are stored, which may start,
 * one unpacker for each, and the rename that makes a layer be there.  An
 * unpacker that dies takes its layer's fetch with it and nothing else.
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "../../common/log.h"
#include "engine.h"

#define HEX(digest)	((digest) + 7)	/* behind "sha256:" */
#define STAGE_SIZE	(STORE_NAME_SIZE + 8)

static void
layer_name(const struct layer *l, int chain, char *buf)
{
	snprintf(buf, STORE_NAME_SIZE, "%ssha256-%s", chain ? "chain-" : "",
	    HEX(chain ? l->m.chainid : l->m.diffid));
}

/* Under its diff id when it stands alone, else under its chain id. */
static int
layer_find(struct layer *l)
{
	int	 chain;

	for (chain = 0; chain <= 1; chain++) {
		layer_name(l, chain, l->name);
		if (layer_stored(l->name)) {
			l->state = LAYER_STORED;
			return (1);
		}
	}
	*l->name = '\0';
	return (0);
}

static void
blob_path(const struct layer *l, char *buf, size_t size)
{
	snprintf(buf, size, "tmp/%s", HEX(l->m.blob));
}

/*
 * The private file of one blob, locked: 1, 0 when another engine is at it,
 * -1 with errno.
 */
static int
blob_open(struct layer *l)
{
	char		 path[STAGE_SIZE];
	struct stat	 st, here;
	int		 fd;

	blob_path(l, path, sizeof(path));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return (-1);
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		close(fd);
		return (errno == EWOULDBLOCK ? 0 : -1);
	}
	/* its owner before us unlinks it when done: is it still the one? */
	if (fstat(fd, &st) == -1 || stat(path, &here) == -1 ||
	    st.st_ino != here.st_ino) {
		close(fd);
		return (0);
	}
	if (ftruncate(fd, 0) == -1) {
		close(fd);
		return (-1);
	}
	l->blobfd = fd;
	return (1);
}

static void
blob_close(struct layer *l)
{
	char	 path[STAGE_SIZE];

	if (l->blobfd == -1)
		return;
	blob_path(l, path, sizeof(path));
	unlink(path);
	close(l->blobfd);
	l->blobfd = -1;
}

static void
put_away(const char *path)
{
	if (trash_put(path) == -1 && errno != ENOENT)
		log_warn("%s: to trash", path);
}

static void
stage_drop(struct layer *l)
{
	char	 path[STAGE_SIZE];

	if (*l->stage == '\0')
		return;
	snprintf(path, sizeof(path), "tmp/%s", l->stage);
	put_away(path);
	*l->stage = '\0';
}

static int
stage_new(struct layer *l, int merged)
{
	char	 path[STAGE_SIZE], part[STAGE_SIZE + 8];

	store_temp(l->stage, sizeof(l->stage), "stage-");
	snprintf(path, sizeof(path), "tmp/%s", l->stage);
	if (store_mkdir_mapped(path, 0755) == -1)
		return (-1);
	if (!merged)
		return (0);
	/* the overlay's work directory; the unpacker makes fs/ as ever */
	snprintf(part, sizeof(part), "%s/work", path);
	return (store_mkdir_mapped(part, 0700));
}

static void
stage_left(void *arg, const char *why, int status)
{
	(void)why;
	(void)status;
	put_away(arg);
	free(arg);
}

/* It may be about to open its stage, which stays until it has gone. */
static void
unpack_drop(struct layer *l)
{
	char	*path;

	if (*l->stage == '\0' || asprintf(&path, "tmp/%s", l->stage) == -1)
		child_kill(l->unpack);
	else {
		child_kill_then(l->unpack, stage_left, path);
		*l->stage = '\0';
	}
	l->unpack = NULL;
}

void
layers_drop(struct layer *ls, unsigned int n)
{
	unsigned int	 i;

	for (i = 0; i < n; i++) {
		if (ls[i].unpack != NULL)
			unpack_drop(&ls[i]);
		blob_close(&ls[i]);
		stage_drop(&ls[i]);
	}
}

static void
layer_done(void *arg, const char *why, int status)
{
	struct layer	*l = arg;

	l->unpack = NULL;
	if (!l->finished || why != NULL)
		fetch_nosuch(l->fetch, "berth-unpack", why, status);
	else
		fetch_step(l->fetch);
}

static int
layer_send(struct layer *l, uint32_t flags)
{
	struct msg_unpack_layer	 u;

	memset(&u, 0, sizeof(u));
	u.size = l->m.size;
	u.codec = l->m.codec;
	u.flags = flags;
	memcpy(u.blob, l->m.blob, sizeof(u.blob));
	memcpy(u.diffid, l->m.diffid, sizeof(u.diffid));
	l->finished = 0;
	evchan_phase(child_chan(l->unpack), PH_BUSY);
	return (child_send(l->unpack, MSG_UNPACK_LAYER, 0, &u, -1));
}

/* The bytes go from the fetch worker's hands into the unpacker's. */
static int
layer_start(struct layer *l)
{
	char		 path[STAGE_SIZE];
	struct birth	 b;
	int		 p[2], r = -1;

	if (stage_new(l, 0) == -1 || pipe2(p, O_CLOEXEC) == -1)
		return (-1);
	/* a large pipe saves wake-ups; the limit may forbid it */
	(void)fcntl(p[0], F_SETPIPE_SZ, (int)MIB);
	snprintf(path, sizeof(path), "tmp/%s", l->stage);
	child_birth(&b, SPAWN_UNPACK);
	b.nfds = 4;
	b.fds[1].fd = -1;
	b.fds[1].path = path;
	b.fds[2].fd = l->blobfd;
	b.fds[3].fd = p[0];
	l->unpack = child_start(&b, PEER_UNPACK, dispatch_layer, layer_done,
	    l);
	if (l->unpack != NULL) {
		r = layer_send(l, l->m.index == 0 ? LAYER_BOTTOM : 0);
		if (r == 0)
			r = fetch_blob(l->fetch, l, p[1]);
	}
	close(p[0]);
	close(p[1]);
	l->state = LAYER_FETCHING;
	if (r == 0)
		fetch_note(l->fetch, NOTE_LAYER, HEX(l->m.blob), l->m.size);
	return (r);
}

/* Applied once more, upon the layers beneath, as on a plain directory. */
static int
layer_merge(struct layer *ls, struct layer *l)
{
	static char	 lower[LAYERS_MAX][STORE_NAME_SIZE + 16];
	char		 path[STAGE_SIZE], work[STAGE_SIZE + 8];
	struct birth	 b;
	unsigned int	 i, n = l->m.index;

	/* where it is read is shared with the job that wrote it */
	if (stage_new(l, 1) == -1 || lseek(l->blobfd, 0, SEEK_SET) == -1)
		return (-1);
	snprintf(path, sizeof(path), "tmp/%s", l->stage);
	snprintf(work, sizeof(work), "%s/work", path);
	child_birth(&b, SPAWN_UNPACK);
	b.fds[1].fd = -1;
	b.fds[1].path = path;
	b.fds[2].fd = l->blobfd;
	b.fds[3].fd = l->blobfd;	/* no pipe: the file is full */
	b.fds[4].fd = -1;
	b.fds[4].path = work;
	for (i = 0; i < n; i++) {
		snprintf(lower[i], sizeof(lower[i]), "layers/%s/fs",
		    ls[n - 1 - i].name);
		b.fds[5 + i].fd = -1;
		b.fds[5 + i].path = lower[i];
	}
	b.nfds = 5 + n;
	if ((l->unpack = child_start(&b, PEER_UNPACK, dispatch_layer,
	    layer_done, l)) == NULL)
		return (-1);
	l->state = LAYER_MERGING;
	return (layer_send(l, LAYER_MERGED));
}

/* The same layer twice in one image: one of them does the work. */
static int
same_under_way(const struct layer *ls, unsigned int i)
{
	unsigned int	 k;

	for (k = 0; k < i; k++)
		if (ls[k].state != LAYER_STORED &&
		    (strcmp(ls[k].m.diffid, ls[i].m.diffid) == 0 ||
		    strcmp(ls[k].m.blob, ls[i].m.blob) == 0))
			return (1);
	return (0);
}

static struct layer *
largest_waiting(struct layer *ls, unsigned int n)
{
	struct layer	*best = NULL;
	unsigned int	 i;

	for (i = 0; i < n; i++)
		if (ls[i].state == LAYER_WAIT && !same_under_way(ls, i) &&
		    (best == NULL || ls[i].m.size > best->m.size))
			best = &ls[i];
	return (best);
}

static void
layer_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fetch_retry(arg);
}

/* Somebody else fetches this blob: look again soon. */
static void
layer_later(struct layer *l)
{
	static const struct timeval	 soon = { 0, 50000 };

	event_base_once(env.base, -1, EV_TIMEOUT, layer_again,
	    (void *)(uintptr_t)fetch_id(l->fetch), &soon);
}

/* 1: started; 0: not now; -1: failed. */
static int
layer_try(struct layer *l)
{
	int	 r;

	if (layer_find(l))
		return (1);
	if ((r = blob_open(l)) == -1)
		fetch_fail(l->fetch, "store: tmp: %s", strerror(errno));
	if (r != 1)
		return (r);
	if (layer_find(l)) {	/* stored while we waited for the lock */
		blob_close(l);
		return (1);
	}
	if (layer_start(l) == 0)
		return (1);
	fetch_fail(l->fetch, "layer %s: cannot start: %s", l->m.diffid,
	    strerror(errno));
	return (-1);
}

/* All beneath are there: the layers that need them, from the bottom up. */
static int
merge_next(struct layer *ls, unsigned int n)
{
	unsigned int	 i;

	for (i = 0; i < n && ls[i].state == LAYER_STORED; i++)
		continue;
	if (i == n || ls[i].state != LAYER_NEEDS || ls[i].unpack != NULL)
		return (0);
	if (layer_merge(ls, &ls[i]) == 0)
		return (0);
	fetch_fail(ls[i].fetch, "layer %s: cannot start: %s", ls[i].m.diffid,
	    strerror(errno));
	return (-1);
}

int
layers_schedule(struct fetch *f, struct layer *ls, unsigned int n,
    unsigned int *left)
{
	struct layer	*l;
	unsigned int	 i, running = 0, fetching = 0;
	int		 r;

	(void)f;
	for (i = 0; i < n; i++) {
		running += ls[i].unpack != NULL;
		fetching += ls[i].state == LAYER_FETCHING;
	}
	while (running < UNPACKERS_MAX && fetching < (unsigned int)env.ncpu &&
	    (l = largest_waiting(ls, n)) != NULL) {
		if ((r = layer_try(l)) == -1)
			return (-1);
		if (r == 0) {
			layer_later(l);
			break;
		}
		if (l->state == LAYER_FETCHING) {
			running++;
			fetching++;
		}
	}
	if (merge_next(ls, n) == -1)
		return (-1);
	for (i = 0, *left = 0; i < n; i++)
		*left += ls[i].state != LAYER_STORED;
	return (0);
}

void
layer_on_hashed(void *child, struct msg *m)
{
	struct layer	*l = child_arg(child);

	if (strcmp(m->u.hashed.digest, l->m.blob) != 0) {
		fetch_fail(l->fetch, "layer %s: expected blob %s, got %s",
		    l->m.diffid, l->m.blob, m->u.hashed.digest);
		return;
	}
	if (l->state == LAYER_FETCHING)
		l->state = LAYER_UNPACKING;
	fetch_step(l->fetch);
}

void
layer_on_needs_lower(void *child, struct msg *m)
{
	struct layer	*l = child_arg(child);

	(void)m;
	if (l->m.index == 0 || l->state == LAYER_MERGING || l->finished) {
		fetch_fail(l->fetch, "layer %s: nothing lies beneath it",
		    l->m.diffid);
		return;
	}
	l->finished = 1;
	l->state = LAYER_NEEDS;
	stage_drop(l);
}

/* Two engines may have made it: the loser's goes to the trash. */
static int
layer_commit(struct layer *l, int chain, uint64_t bytes)
{
	char	 from[STAGE_SIZE], to[STAGE_SIZE], work[STAGE_SIZE + 8];

	layer_name(l, chain, l->name);
	snprintf(from, sizeof(from), "tmp/%s", l->stage);
	snprintf(to, sizeof(to), "layers/%s", l->name);
	if (store_size(from, bytes) == -1)
		return (-1);
	if (l->state == LAYER_MERGING) {
		snprintf(work, sizeof(work), "%s/work", from);
		if (trash_put(work) == -1)
			return (-1);
	}
	/* another engine's may be on the disk already: no note then */
	if (!layer_stored(l->name) && durable_note(l->name) == -1)
		return (-1);
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == -1) {
		if (errno != EEXIST)
			return (-1);
		stage_drop(l);
	}
	*l->stage = '\0';
	blob_close(l);
	l->state = LAYER_STORED;
	return (0);
}

void
layer_on_unpacked(void *child, struct msg *m)
{
	struct layer		*l = child_arg(child);
	struct msg_unpacked	*u = &m->u.unpacked;
	int			 merged = l->state == LAYER_MERGING;

	if (strcmp(u->diffid, l->m.diffid) != 0)
		fetch_fail(l->fetch, "layer %s: expected diff id %s, got %s",
		    l->m.blob, l->m.diffid, u->diffid);
	else if (l->state == LAYER_FETCHING || l->finished)
		fetch_fail(l->fetch, "layer %s: unpacked before it was hashed",
		    l->m.diffid);
	else if (!u->selfcontained && !merged && l->m.index != 0)
		fetch_fail(l->fetch, "layer %s: unpacked without the layers "
		    "beneath", l->m.diffid);
	else if (layer_commit(l, merged || !u->selfcontained,
	    u->bytes) == -1)
		fetch_fail(l->fetch, "store: layers/%s: %s", l->name,
		    strerror(errno));
	else {
		/*
		 * That was its last word.  Its end frees the blob, which for
		 * us would be to wait: it has the last descriptor of it.
		 */
		child_kill(l->unpack);
		l->unpack = NULL;
		fetch_step(l->fetch);
	}
}

void
layer_on_fail(void *child, struct msg *m)
{
	struct layer	*l = child_arg(child);

	fetch_fail(l->fetch, "layer %s: %s", l->m.diffid,
	    m->u.unpack_fail.text);
}
