/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * One fetch, in the engine: a fetch worker that only delivers, an unpacker
 * that reads the documents and names the layers, and what they say to each
 * other.  No document is read here.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "../../common/ref.h"
#include "fetch.h"

static LIST_HEAD(, fetch) fetches = LIST_HEAD_INITIALIZER(fetches);
static unsigned int	 nfetches, lastid;

unsigned int
fetch_count(void)
{
	return (nfetches);
}

unsigned int
fetch_id(const struct fetch *f)
{
	return (f->id);
}

/* A timer has run out: the fetch may be gone by now. */
void
fetch_retry(void *id)
{
	struct fetch	*f;

	LIST_FOREACH(f, &fetches, entry)
		if (f->id == (unsigned int)(uintptr_t)id) {
			fetch_step(f);
			return;
		}
}

static void
fetch_free(struct fetch *f)
{
	int	 i;

	child_kill(f->worker);
	child_kill(f->image);
	f->worker = f->image = NULL;
	layers_drop(f->layer, f->nlayers);
	for (i = 0; i < PART_MAX; i++)
		if (f->part[i] != -1)
			close(f->part[i]);
	LIST_REMOVE(f, entry);
	nfetches--;
	free(f);
	engine_idle();
}

/* id or why. */
void
fetch_end(struct fetch *f, const char *id, const char *why)
{
	struct fetch_cb	 cb = f->cb;

	if (f->over)
		return;
	f->over = 1;
	audit_outcome(&f->audit, f->intent, id != NULL ? "ok" : "failed",
	    id != NULL ? id : why);
	if (cb.done != NULL)
		cb.done(cb.arg, id, why);
	if (f->depth == 0)
		fetch_free(f);
}

void
fetch_fail(struct fetch *f, const char *fmt, ...)
{
	char	 why[MSG_TEXT_SIZE], clean[MSG_TEXT_SIZE];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	log_encode(clean, sizeof(clean), why, strlen(why));
	fetch_end(f, NULL, clean);
}

/* A helper has gone before its work was done. */
void
fetch_nosuch(struct fetch *f, const char *program, const char *why,
    int status)
{
	fetch_fail(f, "%s: %s", f->m.ref, child_fate(program, why, status));
}

void
fetch_cancel(struct fetch *f)
{
	f->cb.done = NULL;
	f->cb.note = NULL;
	fetch_end(f, NULL, "nobody waits for it any more");
}

void
fetch_note(struct fetch *f, enum note_kind kind, const char *text,
    uint64_t total)
{
	struct msg_note	 note;

	if (f->cb.note == NULL)
		return;
	memset(&note, 0, sizeof(note));
	note.kind = kind;
	note.total = total;
	snprintf(note.text, sizeof(note.text), "%s", text);
	f->cb.note(f->cb.arg, &note);
}

/*
 * A handler may end the fetch: it is freed when the outermost one is left.
 * Every handler begins with fetch_enter() and ends with fetch_leave().
 */
static struct fetch *
fetch_enter(void *child)
{
	struct fetch	*f = child_arg(child);

	f->depth++;
	return (f);
}

static void
fetch_leave(struct fetch *f)
{
	if (--f->depth == 0 && f->over)
		fetch_free(f);
}

static void
worker_done(void *arg, const char *why, int status)
{
	struct fetch	*f = arg;

	f->worker = NULL;
	fetch_nosuch(f, "berth-fetch", why, status);
}

/* It ends well when the last part has come. */
static void
image_done(void *arg, const char *why, int status)
{
	struct fetch	*f = arg;

	f->image = NULL;
	if (f->nparts < PART_MAX || why != NULL)
		fetch_nosuch(f, "berth-unpack", why, status);
}

static int
start_worker(struct fetch *f)
{
	struct msg_fetch_resolve m;
	struct birth	 b;

	child_birth(&b, SPAWN_FETCH);
	if ((f->worker = child_start(&b, PEER_FETCH, dispatch_fetch,
	    worker_done, f)) == NULL)
		return (-1);
	memset(&m, 0, sizeof(m));
	m.insecure = f->m.insecure & INSECURE_ALL_FETCH;
	memcpy(m.ref, f->m.ref, sizeof(m.ref));
	memcpy(m.known, f->known.digest, sizeof(m.known));
	return (child_send(f->worker, MSG_FETCH_RESOLVE, 0, &m, -1));
}

static int
start_image(struct fetch *f)
{
	struct birth	 b;

	child_birth(&b, SPAWN_UNPACK);
	f->image = child_start(&b, PEER_UNPACK, dispatch_image, image_done,
	    f);
	return (f->image == NULL ? -1 : 0);
}

static int
layers_stored(const struct layers *l)
{
	unsigned int	 i;

	for (i = 0; i < l->n && layer_stored(l->name[i]); i++)
		continue;
	return (i == l->n);
}

/* Answers from the store what needs no registry.  True when answered. */
static int
fetch_stored(const struct msg_fetch *m, const struct fetch_cb *cb,
    struct refrec *known)
{
	struct layers	 layers;
	char		 why[MSG_TEXT_SIZE];

	memset(known, 0, sizeof(*known));
	if (ref_load(m->ref, &m->platform, known) == 0 &&
	    image_layers(known->id, &layers) == 0 && layers_stored(&layers)) {
		if (m->policy == PULL_UPDATE)
			return (0);
		cb->done(cb->arg, known->id, NULL);
		return (1);
	}
	memset(known, 0, sizeof(*known));
	if (m->policy != PULL_NEVER)
		return (0);
	snprintf(why, sizeof(why), "%s: not in the store, and the pull policy "
	    "is never", m->ref);
	cb->done(cb->arg, NULL, why);
	return (1);
}

/* Before a packet leaves. */
static void
fetch_refused(const struct msg_fetch *m, const struct fetch_cb *cb,
    const char *why)
{
	struct audit	 a;

	memset(&a, 0, sizeof(a));
	a.action = "fetch";
	a.object = m->ref;
	a.rule = "no unverified image";
	a.uid = cb->uid;
	a.pid = cb->pid;
	audit_outcome(&a, 0, "refused", why);
	cb->done(cb->arg, NULL, why);
}

struct fetch *
fetch_start(const struct msg_fetch *m, const struct fetch_cb *cb)
{
	struct refrec	 known;
	struct fetch	*f;
	int		 i;

	if (fetch_stored(m, cb, &known))
		return (NULL);
	if ((m->insecure & INSECURE_IMAGE) == 0) {
		fetch_refused(m, cb, "signature verification for docker "
		    "images is not supported (try --insecure-options=image)");
		return (NULL);
	}
	if (nfetches >= JOBS_MAX || (f = calloc(1, sizeof(*f))) == NULL) {
		cb->done(cb->arg, NULL, "too many fetches at once");
		return (NULL);
	}
	LIST_INSERT_HEAD(&fetches, f, entry);
	nfetches++;
	f->id = ++lastid;
	f->m = *m;
	f->cb = *cb;
	f->known = known;
	for (i = 0; i < PART_MAX; i++)
		f->part[i] = -1;
	f->audit.action = "fetch";
	f->audit.object = f->m.ref;
	f->audit.rule = "insecure-options=image";
	f->audit.uid = cb->uid;
	f->audit.pid = cb->pid;
	f->depth = 1;	/* nothing is freed below our caller's feet */
	if ((f->intent = audit_intent(&f->audit)) == 0)
		fetch_fail(f, "audit record: %s", strerror(errno));
	else {
		fetch_note(f, NOTE_FETCHING, f->m.ref, 0);
		/* both start while the other does: their loading overlaps */
		if (start_worker(f) == -1 ||
		    (*f->known.digest == '\0' && start_image(f) == -1))
			fetch_fail(f, "%s: cannot start a worker: %s",
			    f->m.ref, strerror(errno));
	}
	f->depth = 0;
	if (f->over) {
		fetch_free(f);
		return (NULL);
	}
	return (f);
}

/* The worker: its sandbox stands. */
void
fetch_on_fetch_up(void *child, struct msg *m)
{
	(void)m;
	evchan_phase(child_chan(child), PH_BUSY);
}

/* The tag still names the manifest that we have. */
void
fetch_on_fetch_same(void *child, struct msg *m)
{
	struct fetch	*f = fetch_enter(child);

	(void)m;
	if (*f->known.digest == '\0')
		fetch_fail(f, "%s: berth-fetch knows what it cannot know",
		    f->m.ref);
	else
		fetch_end(f, f->known.id, NULL);
	fetch_leave(f);
}

void
fetch_on_fetch_manifest(void *child, struct msg *m)
{
	struct fetch		*f = fetch_enter(child);
	struct msg_document	*d = &m->u.fetch_manifest;
	struct msg_unpack_image	 u;

	if (!store_sealed(m->fd, d->size, d->size))
		fetch_fail(f, "%s: berth-fetch sent no sealed document",
		    f->m.ref);
	else if (f->image == NULL && start_image(f) == -1)
		fetch_fail(f, "%s: cannot start a worker: %s", f->m.ref,
		    strerror(errno));
	else {
		memset(&u, 0, sizeof(u));
		u.size = d->size;
		u.media = d->media;
		u.platform = f->m.platform;
		snprintf(u.digest, sizeof(u.digest), "%s",
		    ref_pinned(f->m.ref));
		evchan_phase(child_chan(f->image), PH_BUSY);
		child_send(f->image, MSG_UNPACK_IMAGE, 0, &u, m->fd);
	}
	fetch_leave(f);
}

/* Manifest of an index, config: fetched into the same job. */
void
image_on_want(void *child, struct msg *m)
{
	struct fetch		*f = fetch_enter(child);
	struct msg_fetch_blob	 b;

	if (f->wanted || f->worker == NULL || f->nparts > 0)
		fetch_fail(f, "%s: berth-unpack asked out of turn", f->m.ref);
	else {
		f->want = m->u.want;
		f->wanted = 1;
		memset(&b, 0, sizeof(b));
		b.size = f->want.size;
		b.manifest = f->want.manifest;
		b.media = f->want.media;
		memcpy(b.digest, f->want.digest, sizeof(b.digest));
		child_send(f->worker, MSG_FETCH_DOC, 0, &b, -1);
	}
	fetch_leave(f);
}

void
fetch_on_fetch_got(void *child, struct msg *m)
{
	struct fetch		*f = fetch_enter(child);
	struct msg_document	*d = &m->u.fetch_got;

	if (!f->wanted || f->image == NULL ||
	    strcmp(d->digest, f->want.digest) != 0)
		fetch_fail(f, "%s: berth-fetch sent what nobody asked for",
		    f->m.ref);
	else if (!store_sealed(m->fd, d->size, d->size))
		fetch_fail(f, "%s: berth-fetch sent no sealed document",
		    f->m.ref);
	else {
		f->wanted = 0;
		child_send(f->image, MSG_UNPACK_DOC, 0, d, m->fd);
	}
	fetch_leave(f);
}

/* The pipe's end is the unpacker's business; nothing to do. */
void
fetch_on_fetch_sent(void *child, struct msg *m)
{
	(void)child;
	(void)m;
}

/* Progress may be lost; a queue that fills up is not. */
void
fetch_on_fetch_note(void *child, struct msg *m)
{
	struct fetch	*f = fetch_enter(child);

	if (f->cb.note != NULL && m->u.fetch_note.kind >= NOTE_PROGRESS)
		f->cb.note(f->cb.arg, &m->u.fetch_note);
	fetch_leave(f);
}

void
fetch_on_fetch_fail(void *child, struct msg *m)
{
	struct fetch	*f = fetch_enter(child);

	fetch_fail(f, "%s", m->u.fetch_fail.text);
	fetch_leave(f);
}

void
image_on_fail(void *child, struct msg *m)
{
	struct fetch	*f = fetch_enter(child);

	fetch_fail(f, "%s: %s", f->m.ref, m->u.unpack_fail.text);
	fetch_leave(f);
}

void
image_on_layer(void *child, struct msg *m)
{
	struct fetch	*f = fetch_enter(child);
	struct layer	*l;

	if (m->u.layer.index != f->nlayers || f->nparts > 0)
		fetch_fail(f, "%s: berth-unpack named layers out of order",
		    f->m.ref);
	else {
		l = &f->layer[f->nlayers++];
		memset(l, 0, sizeof(*l));
		l->m = m->u.layer;
		l->fetch = f;
		l->blobfd = -1;
	}
	fetch_leave(f);
}

/* In order; behind the last the layers begin. */
void
image_on_part(void *child, struct msg *m)
{
	struct fetch		*f = fetch_enter(child);
	struct msg_image_part	*p = &m->u.image_part;

	if ((int)p->part != f->nparts ||
	    !store_sealed(m->fd, p->size, p->size) ||
	    (p->part == PART_APP && p->nlayers != f->nlayers))
		fetch_fail(f, "%s: berth-unpack sent parts out of order",
		    f->m.ref);
	else {
		f->part[p->part] = m->fd;
		m->fd = -1;
		f->partsize[p->part] = p->size;
		f->nparts++;
		if (p->part == PART_MANIFEST)
			memcpy(f->digest, p->digest, sizeof(f->digest));
		if (f->nparts == PART_MAX)
			fetch_step(f);
	}
	fetch_leave(f);
}

int
fetch_blob(struct fetch *f, const struct layer *l, int pipefd)
{
	struct msg_fetch_blob	 b;

	if (f->worker == NULL) {
		errno = EPIPE;
		return (-1);
	}
	memset(&b, 0, sizeof(b));
	b.size = l->m.size;
	memcpy(b.digest, l->m.blob, sizeof(b.digest));
	return (child_send(f->worker, MSG_FETCH_BLOB, 0, &b, pipefd));
}

void
fetch_step(struct fetch *f)
{
	unsigned int	 left = 0;

	f->depth++;
	if (!f->over && f->nparts == PART_MAX &&
	    layers_schedule(f, f->layer, f->nlayers, &left) == 0 && left == 0)
		fetch_commit(f);
	fetch_leave(f);
}
