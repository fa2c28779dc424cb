/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The image job of berth-unpack: from a registry's first document to the
 * list of layers, the ACI and the app record.  Every document is hashed and
 * compared before it is parsed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "image.h"

struct job {
	struct chan	*chan;
	uint32_t	 id;
	struct msg_platform want;
	char		 first[DIGEST_SIZE];	/* what a tag resolved to */
	size_t		 entries;	/* of all indexes so far */
	char		 has[512];	/* their platforms */
	struct why	 why;
};

/* All that is made of the config, before anything of it is sent. */
struct parts {
	struct blob	 config, manifest, aci;
	struct record	 app;
};

/*
 * Has the broker fetch a document and reads it, verified; -1 with the
 * reason.  The caller frees out->data.
 */
static int
want(struct job *job, const char *what, const char *digest, uint64_t size,
    enum media media, struct blob *out)
{
	struct msg_want	 w;
	struct msg	 m;
	char		 got[DIGEST_SIZE];
	int		 error;

	memset(&w, 0, sizeof(w));
	w.size = size;
	w.media = (uint32_t)media;
	w.manifest = media != MEDIA_CONFIG;
	memcpy(w.digest, digest, DIGEST_SIZE);
	if (chan_send(job->chan, MSG_WANT, job->id, &w, -1) == -1)
		fatal("broker: send");
	if ((error = chan_recv(job->chan, &m)) == 0)
		exit(1);	/* the broker gave the job up */
	if (error == -1)
		fatal("broker: receive%s%s", errno == EPROTO ? ": " : "",
		    errno == EPROTO ? job->chan->why : "");
	if (m.hdr.type != MSG_UNPACK_DOC ||
	    strcmp(m.u.unpack_doc.digest, digest) != 0)
		fatalx("broker: %s that was not asked for",
		    msg_name(m.hdr.type));
	if (m.u.unpack_doc.size != size)
		error = why_refuse(&job->why, "%s %s: expected %llu bytes, got "
		    "%llu", what, digest, (unsigned long long)size,
		    (unsigned long long)m.u.unpack_doc.size);
	else if (media != MEDIA_CONFIG && m.u.unpack_doc.media != media &&
	    m.u.unpack_doc.media != MEDIA_UNKNOWN)
		error = why_refuse(&job->why, "%s %s: served as another media "
		    "type than its index says", what, digest);
	else
		error = document_read(m.fd, what, size, digest, out, got,
		    &job->why);
	close(m.fd);
	return (error);
}

/* Fetches and parses what an index's entry names. */
static int
follow(struct job *job, const struct index_entry *e, struct document *d)
{
	struct blob	 doc;
	int		 error;

	if (want(job, "manifest", e->digest, e->size, e->media, &doc) == -1)
		return (-1);
	error = document_parse(doc.data, doc.len, e->media, d, &job->why);
	free(doc.data);
	if (error == -1)
		why_about(&job->why, "manifest", e->digest);
	return (error);
}

/*
 * Finds the manifest for the platform: the best direct entry, else what a
 * nested index has, else a manifest that names no platform (its config
 * will tell).  1 with *m, 0 when there is none, -1 with the reason.
 */
static int
choose(struct job *job, const struct index *index, int depth,
    struct manifest *m)
{
	const struct index_entry	*e;
	struct document			 d;
	size_t				 pos = 0;
	int				 found;

	if ((job->entries += index->total) > INDEX_ENTRIES_MAX)
		return (why_refuse(&job->why, "index %s: more than %d entries "
		    "with the indexes it leads to", job->first,
		    INDEX_ENTRIES_MAX));
	index_platforms(index, job->has, sizeof(job->has));
	if ((e = index_match(index, &job->want)) == NULL) {
		while ((e = index_nested(index, &job->want, &pos)) != NULL) {
			if (depth == INDEX_DEPTH_MAX)
				return (why_refuse(&job->why, "index %s: "
				    "indexes nested deeper than %d",
				    job->first, INDEX_DEPTH_MAX));
			if (follow(job, e, &d) == -1)
				return (-1);
			found = choose(job, &d.index, depth + 1, m);
			document_free(&d);
			if (found != 0)
				return (found);
		}
		e = index_anywhere(index);
	}
	if (e == NULL)
		return (0);
	if (follow(job, e, &d) == -1)
		return (-1);
	*m = d.manifest;
	document_free(&d);
	return (1);
}

/* From the first document to the one manifest. */
static int
find_manifest(struct job *job, const struct msg_unpack_image *u, int fd,
    struct manifest *m)
{
	struct document	 d;
	struct blob	 doc;
	char		 asked[3 * (PLATFORM_MAXLEN + 1)];
	int		 found = 1;

	if (document_read(fd, "manifest", u->size, u->digest, &doc, job->first,
	    &job->why) == -1)
		return (-1);
	if (document_parse(doc.data, doc.len, u->media, &d, &job->why) == -1) {
		free(doc.data);
		why_about(&job->why, "manifest", job->first);
		return (-1);
	}
	free(doc.data);
	if (d.media == MEDIA_OCI_INDEX || d.media == MEDIA_DOCKER_LIST)
		found = choose(job, &d.index, 1, m);
	else
		*m = d.manifest;
	document_free(&d);
	if (found == 1)
		return (0);
	if (found == 0) {
		platform_print(&job->want, asked, sizeof(asked));
		why_refuse(&job->why, "index %s: no image for %s (has: %s)",
		    job->first, asked, *job->has != '\0' ? job->has :
		    "none");
	}
	return (-1);
}

/* Everything that can be refused is, before the first LAYER. */
static int
make_parts(struct job *job, const struct manifest *m, const struct config *c,
    struct parts *p)
{
	if (c->ndiffids != m->nlayers)
		return (why_refuse(&job->why, "%zu diff_ids for %zu layers",
		    c->ndiffids, m->nlayers));
	if (config_suits(c, &job->want, &job->why) == -1 ||
	    apprecord_build(c, &p->app, &job->why) == -1 ||
	    aci_manifest(c, m->config, &p->manifest, &job->why) == -1)
		return (-1);
	if (aci_wrap(&p->manifest, &p->aci) == -1)
		return (why_refuse(&job->why, "ACI: %s", strerror(errno)));
	return (0);
}

static void
send_layers(struct job *job, const struct manifest *m, const struct config *c)
{
	struct msg_layer	 l;
	size_t			 i;

	memset(&l, 0, sizeof(l));
	for (i = 0; i < m->nlayers; i++) {
		l.index = (uint32_t)i;
		l.codec = (uint32_t)m->layers[i].codec;
		l.size = m->layers[i].size;
		memcpy(l.blob, m->layers[i].digest, DIGEST_SIZE);
		memcpy(l.diffid, c->diffids[i], DIGEST_SIZE);
		digest_chain(l.chainid, l.diffid, l.chainid);
		if (chan_send(job->chan, MSG_LAYER, job->id, &l, -1) == -1)
			fatal("broker: send");
	}
}

/* Takes ownership of fd; -1 with errno as its maker left it. */
static int
send_part(struct job *job, enum image_part part, size_t nlayers, size_t size,
    int fd)
{
	struct msg_image_part	 p;

	if (fd == -1)
		return (why_refuse(&job->why, "image: memfd: %s",
		    strerror(errno)));
	memset(&p, 0, sizeof(p));
	p.part = (uint32_t)part;
	p.size = size;
	if (part == PART_MANIFEST)
		memcpy(p.digest, job->first, DIGEST_SIZE);
	if (part == PART_APP)
		p.nlayers = (uint32_t)nlayers;
	if (chan_send(job->chan, MSG_IMAGE_PART, job->id, &p, fd) == -1)
		fatal("broker: send");
	close(fd);
	return (0);
}

static int
send_parts(struct job *job, size_t nlayers, struct parts *p)
{
	size_t	 size = p->app.len;

	if (send_part(job, PART_ACI, 0, p->aci.len,
	    document_memfd("aci", &p->aci)) == -1 ||
	    send_part(job, PART_MANIFEST, 0, p->manifest.len,
	    document_memfd("manifest", &p->manifest)) == -1 ||
	    send_part(job, PART_CONFIG, 0, p->config.len,
	    document_memfd("config", &p->config)) == -1)
		return (-1);
	return (send_part(job, PART_APP, nlayers, size,
	    record_finish(&p->app)));
}

static int
convert(struct job *job, const struct manifest *m)
{
	struct parts	 parts;
	struct config	 c;
	int		 error = -1;

	memset(&parts, 0, sizeof(parts));
	if (want(job, "config", m->config, m->config_size, MEDIA_CONFIG,
	    &parts.config) == -1)
		return (-1);
	if (config_parse(parts.config.data, parts.config.len, &c, &job->why) ==
	    -1) {
		why_about(&job->why, "config", m->config);
		free(parts.config.data);
		return (-1);
	}
	if (make_parts(job, m, &c, &parts) == -1)
		why_about(&job->why, "config", m->config);
	else {
		send_layers(job, m, &c);
		error = send_parts(job, m->nlayers, &parts);
	}
	config_free(&c);
	record_free(&parts.app);
	free(parts.config.data);
	free(parts.manifest.data);
	free(parts.aci.data);
	return (error);
}

int
image_job(struct chan *chan, struct msg *msg)
{
	struct manifest	 m;
	struct job	 job;

	memset(&job, 0, sizeof(job));
	job.chan = chan;
	job.id = msg->hdr.id;
	job.want = msg->u.unpack_image.platform;
	chan->phase = PH_BUSY;
	if (find_manifest(&job, &msg->u.unpack_image, msg->fd, &m) == -1 ||
	    convert(&job, &m) == -1)
		return (unpack_fail(chan, job.id, "%s", job.why.text));
	return (0);
}
