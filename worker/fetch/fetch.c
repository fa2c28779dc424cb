/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * berth-fetch: brings one job's documents and blobs from one registry.  It
 * is trusted for nothing but delivery: it opens no manifest, and what it
 * delivers is hashed by others.
 */
#include "fetch.h"

#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "../../common/selftest.h"
#include "../../proto/evchan.h"
#include "../link.h"
#include "fetch.bpf.h"

#define NOTES_QUEUED_MAX	16	/* progress gives way to messages */

static struct fetch	 fetch;
static struct chan	 last_words;	/* the channel, when all is over */

/* The host's files that name resolution and TLS need, and no others. */
static const struct sandbox_file	 files[] = {
	{ "/etc/nsswitch.conf" },
	{ "/etc/resolv.conf" },
	{ "/etc/hosts" },
	{ "/etc/host.conf" },			/* a name's every address */
	{ "/etc/gai.conf" },			/* and which of them first */
	{ "/etc/ssl/certs/ca-certificates.crt" },	/* Debian */
	{ "/etc/pki/tls/certs/ca-bundle.crt" },		/* Fedora */
	{ "/etc/ssl/ca-bundle.pem" },			/* SUSE */
	{ "/etc/ssl/cert.pem" },			/* Alpine */
};

static const struct link_sandbox	 sandbox = {
	.files = files,
	.nfiles = sizeof(files) / sizeof(files[0]),
	.limits = {
		.nofile = 512,		/* a pipe and a socket per blob */
		.nproc = 64,		/* threads of the resolver */
		.fsize = MEMFD_MAX,
		.as = 1 * GIB,		/* stacks of threads, mostly unused */
	},
	.filter = fetch_filter,
	.nfilter = fetch_filter_len,
	.fence = FENCE_CONNECT,		/* any port may be a registry's */
	.selftest = SELFTEST_FILES | SELFTEST_ROOT | SELFTEST_ALONE,
};

void
fetch_send(struct fetch *f, enum msg_type type, uint32_t id,
    const void *payload, int fd)
{
	if (evchan_send(f->chan, type, id, payload, fd) == 0)
		return;
	/* without the broker there is nobody to work for */
	if (errno == EPIPE || errno == ECONNRESET)
		_exit(0);
	fatal("%s", msg_name(type));
}

void
fetch_note(struct fetch *f, uint32_t id, enum note_kind kind, uint64_t done,
    uint64_t total, const char *fmt, ...)
{
	struct msg_note	 m;
	char		 text[MSG_TEXT_SIZE];
	va_list		 ap;

	if (evchan_queued(f->chan) > NOTES_QUEUED_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memset(&m, 0, sizeof(m));
	m.kind = kind;
	m.done = done;
	m.total = total;
	log_encode(m.text, sizeof(m.text), text, strlen(text));
	fetch_send(f, MSG_FETCH_NOTE, id, &m, -1);
}

void
fetch_fail(struct fetch *f, uint32_t id, const char *fmt, ...)
{
	struct msg_failure	 m;
	char			 text[MSG_TEXT_SIZE];
	va_list			 ap;
	int			 len;

	len = snprintf(text, sizeof(text), "%s%s", f->reg.name,
	    f->reg.name[0] != '\0' ? ": " : "");
	va_start(ap, fmt);
	vsnprintf(text + len, sizeof(text) - (size_t)len, fmt, ap);
	va_end(ap);
	memset(&m, 0, sizeof(m));
	m.status = 1;
	log_encode(m.text, sizeof(m.text), text, strlen(text));
	(void)link_send(&last_words, MSG_FETCH_FAIL, id, &m, -1);
	/* no destructor is worth its time, or safe inside libcurl */
	_exit(1);
}

static void
fetch_on_resolve(void *arg, struct msg *m)
{
	struct fetch	*f = arg;

	if (registry_init(f, &m->u.fetch_resolve) == -1)
		fetch_fail(f, m->hdr.id, "bad reference");
	f->http = http_new(f->base, &f->reg.policy);
	if (f->http == NULL)
		fetch_fail(f, m->hdr.id, "%s", strerror(errno));
	evchan_phase(f->chan, PH_BUSY);
	doc_resolve(f, m->hdr.id, &m->u.fetch_resolve);
}

static void
fetch_on_doc(void *arg, struct msg *m)
{
	doc_get(arg, m->hdr.id, &m->u.fetch_doc);
}

static void
fetch_on_blob(void *arg, struct msg *m)
{
	int	 fd = m->fd;

	m->fd = -1;
	blob_get(arg, m->hdr.id, &m->u.fetch_blob, fd);
}

static const evchan_handler	 handlers[MSG_MAX] = {
	[MSG_FETCH_RESOLVE] = fetch_on_resolve,
	[MSG_FETCH_DOC] = fetch_on_doc,
	[MSG_FETCH_BLOB] = fetch_on_blob,
};

/* The broker has closed the channel: the job is over. */
static void
fetch_on_gone(void *arg, const char *why)
{
	(void)arg;
	if (why != NULL)
		fatalx("channel: %s", why);
	_exit(0);
}

int
main(void)
{
	struct fetch	*f = &fetch;

	link_init(&last_words, PEER_FETCH, LINK_FD);
	/* an arena for each resolver thread would cost more than it gives */
	mallopt(M_ARENA_MAX, 1);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		fatalx("libcurl: cannot start");
	link_sandbox(&sandbox);
	if ((f->base = event_base_new()) == NULL)
		fatal("event loop");
	f->chan = evchan_new(f->base, LINK_FD, PEER_FETCH, PEER_ENGINE,
	    handlers, fetch_on_gone, f);
	if (f->chan == NULL)
		fatal("channel");
	fetch_send(f, MSG_FETCH_UP, 0, NULL, -1);
	event_base_dispatch(f->base);
	fatalx("event loop ended");
}
