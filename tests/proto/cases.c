/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The lies, made from msg.def and the fields of msg.h: every header, length,
 * descriptor and field that can be wrong.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"
#include "fields.h"

enum field_kind { FIELD_INT, FIELD_TEXT, FIELD_RAW };

struct field {
	const char	*name;
	enum field_kind	 kind;
	size_t		 off, size;
	uint64_t	 top;		/* first value that is too large */
};

#define F(s, f, k, t)	{ #f, k, offsetof(s, f), sizeof(((s *)0)->f), t },
#define MSG(N, n, from, to, p, fd, ph)					\
	static const struct field fields_##n[] = { FIELDS_##p(F) };
#include "../../proto/msg.def"
#undef MSG
#undef F

static const struct {
	const struct field	*f;
	size_t			 n;
} fields[MSG_MAX] = {
#define MSG(N, n, from, to, p, fd, ph)					\
	[MSG_##N] = { fields_##n, sizeof(fields_##n) /			\
	    sizeof(fields_##n[0]) },
#include "../../proto/msg.def"
#undef MSG
};

#define HEX32	"0123456789abcdef0123456789abcdef"
#define HEX64	HEX32 HEX32

static const char *const texts[] = { "", "a", "127.0.0.1:1/a:b",
    "sha256:" HEX64, "sha512-" HEX64 HEX64,
    "01234567-89ab-4cde-8f01-23456789abcd" };
static const uint64_t ints[] = { 0, 1, 6, 15, 125, 200, 65536 };
static const char raws[] = "\0a/";
#define NTEXTS	(sizeof(texts) / sizeof(texts[0]))
#define NINTS	(sizeof(ints) / sizeof(ints[0]))
#define NRAWS	(sizeof(raws) - 1)

static void
put_int(unsigned char *payload, const struct field *f, uint64_t v)
{
	memcpy(payload + f->off, &v, f->size);	/* little end first */
}

static int
search(enum msg_type t, unsigned char *payload, size_t i)
{
	const struct field	*f = &fields[t].f[i];
	size_t			 k, n;

	if (i == fields[t].n)
		return (msg_check[t](payload));
	n = f->kind == FIELD_INT ? NINTS : f->kind == FIELD_TEXT ? NTEXTS :
	    NRAWS;
	for (k = 0; k < n; k++) {
		if (f->kind == FIELD_INT)
			put_int(payload, f, ints[k]);
		else if (f->kind == FIELD_TEXT && strlen(texts[k]) < f->size) {
			memset(payload + f->off, 0, f->size);
			memcpy(payload + f->off, texts[k], strlen(texts[k]));
		} else if (f->kind == FIELD_RAW)
			payload[f->off] = (unsigned char)raws[k];
		if (search(t, payload, i + 1))
			return (1);
	}
	return (0);
}

const void *
sample(enum msg_type t)
{
	static unsigned char	 made[MSG_MAX][MSG_PAYLOAD_MAX];
	static unsigned char	 have[MSG_MAX];

	if (!have[t] && !search(t, made[t], 0))
		errx(1, "%s: no payload found that its check takes",
		    msg_info[t].name);
	have[t] = 1;
	return (made[t]);
}

char	 pod_uuid[UUID_SIZE] = "01234567-89ab-4cde-8f01-23456789abcd";

void
packet_spawn(struct packet *p, enum program program, uint32_t child)
{
	struct msg_spawn	 m;

	memset(&m, 0, sizeof(m));
	m.child = child;
	m.program = program;
	if (program == SPAWN_INIT) {
		m.flags = RUN_NOLIMITS;
		m.pids = 50;
		m.memory = 1 << 27;
		memcpy(m.uuid, pod_uuid, sizeof(m.uuid));
	}
	packet_good(p, MSG_SPAWN, PEER_ENGINE);
	memcpy(p->data + sizeof(struct msg_hdr), &m, sizeof(m));
}

void
packet_good(struct packet *p, enum msg_type t, enum peer from)
{
	struct msg_hdr	 hdr;

	memset(p, 0, sizeof(*p));
	memset(&hdr, 0, sizeof(hdr));
	hdr.version = MSG_VERSION;
	hdr.type = (uint16_t)t;
	hdr.len = msg_info[t].size;
	hdr.peer = (uint32_t)from;
	memcpy(p->data, &hdr, sizeof(hdr));
	memcpy(p->data + sizeof(hdr), sample(t), hdr.len);
	p->len = (uint32_t)sizeof(hdr) + hdr.len;
	p->nfds = msg_info[t].fd == FD_MUST;
	p->kind = t == MSG_INIT_STDIO ? KIND_PIPE : KIND_SEALED;
}

struct list {
	struct kase	*k;
	size_t		 n;
	enum msg_type	 type;
	enum peer	 from;
	int		 pod;		/* what is good is a container */
};

/* One more, good as yet. */
static struct kase *
more(struct list *l, int bad, const char *what, uint64_t number)
{
	struct kase	*k;

	l->k = reallocarray(l->k, l->n + 1, sizeof(*l->k));
	if (l->k == NULL)
		err(1, "cases");
	k = &l->k[l->n++];
	if (l->pod)
		packet_spawn(&k->p, SPAWN_INIT, 6);
	else
		packet_good(&k->p, l->type, l->from);
	k->bad = bad;
	snprintf(k->what, sizeof(k->what), "%s %llx", what,
	    (unsigned long long)number);
	return (k);
}

static void
more_header(struct list *l, const char *what, size_t off, size_t size,
    uint64_t value, int bad)
{
	struct kase	*k = more(l, bad, what, value);

	memcpy(k->p.data + off, &value, size);
}

#define HDR(field)	#field, offsetof(struct msg_hdr, field),	\
	    sizeof(((struct msg_hdr *)0)->field)

static void
cases_header(struct list *l)
{
	static const uint32_t	 odd[] = { 1, 0x80000000, 0xffffffff };
	static const uint16_t	 types[] = { 0, MSG_MAX, 0x7fff, 0xffff };
	uint32_t		 size = msg_info[l->type].size, i;
	uint32_t		 lens[] = { 0, size - 1, size + 1,
				    MSG_PAYLOAD_MAX, MSG_PAYLOAD_MAX + 1,
				    0x7fffffff, 0xffffffff };

	more_header(l, HDR(version), 0, 1);
	more_header(l, HDR(version), MSG_VERSION + 1, 1);
	more_header(l, HDR(version), 0xffff, 1);
	for (i = 0; i < 4; i++)
		more_header(l, HDR(type), types[i], 1);
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		if (lens[i] != size)
			more_header(l, HDR(len), lens[i], 1);
	for (i = 0; i < 3; i++) {
		more_header(l, HDR(flags), odd[i], 1);
		more_header(l, HDR(id), odd[i], 0);
	}
	for (i = 0; i <= PEER_MAX; i++)
		if (i != (uint32_t)l->from)
			more_header(l, HDR(peer), i, 1);
	more_header(l, HDR(peer), 0xffffffff, 1);
}

/* The header tells the truth about the payload, or what the table wants. */
static void
cases_length(struct list *l, enum level level)
{
	const uint32_t	 size = msg_info[l->type].size;
	const uint32_t	 hdr = sizeof(struct msg_hdr);
	const uint32_t	 lens[] = { hdr + size - 1, hdr + size + 1, 0, 1,
			    hdr - 1, hdr, hdr + 1, hdr + size + 4,
			    hdr + MSG_PAYLOAD_MAX, hdr + MSG_PAYLOAD_MAX + 1,
			    65536, 130000 };
	uint32_t	 i, n, truth;
	struct kase	*k;

	n = level == LEVEL_ALL ? sizeof(lens) / sizeof(lens[0]) : 2;
	for (i = 0; i < n; i++) {
		if (lens[i] == hdr + size)
			continue;
		k = more(l, 1, "packet of length", lens[i]);
		k->p.len = lens[i];
		if (lens[i] <= hdr)
			continue;
		k = more(l, 1, "honest packet of length", lens[i]);
		k->p.len = lens[i];
		truth = lens[i] - hdr;
		memcpy(k->p.data + offsetof(struct msg_hdr, len), &truth,
		    sizeof(truth));
	}
}

static void
cases_fd(struct list *l, enum level level)
{
	static const uint32_t	 counts[] = { 2, 3, 4, 5, 16, 252, 253 };
	struct kase		*k;
	uint32_t		 i, must = msg_info[l->type].fd == FD_MUST;

	more(l, 1, must ? "missing descriptor" : "stray descriptor",
	    0)->p.nfds = !must;
	if (level != LEVEL_ALL)
		return;
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		more(l, 1, "descriptors", counts[i])->p.nfds = counts[i];
	for (i = 0; i < KIND_MAX; i++) {
		k = more(l, !must, "descriptor of kind", i);
		k->p.nfds = 1;
		k->p.kind = i;
		k = more(l, 1, "descriptors of kind", i);
		k->p.nfds = 5;
		k->p.kind = i;
	}
	k = more(l, 1, "descriptors alone", 3);
	k->p.len = 0;
	k->p.nfds = 3;
}

static void
more_text(struct list *l, const struct field *f, const char *what,
    const void *bytes, size_t len, int bad)
{
	struct kase	*k = more(l, bad, f->name, 0);
	unsigned char	*at = k->p.data + sizeof(struct msg_hdr) + f->off;

	snprintf(k->what, sizeof(k->what), "%s %s", f->name, what);
	memset(at, 0, f->size);
	memcpy(at, bytes, len < f->size ? len : f->size);
}

static void
cases_text(struct list *l, const struct field *f)
{
	static const char	 escape[] = "a\033[2Jb", line[] = "a\nb",
				    utf8[] = "a\xc3\xa4\xff",
				    up[] = "../../etc";
	unsigned char		 full[MSG_PAYLOAD_MAX];
	const unsigned char	*was;
	struct kase		*k;

	memset(full, 'a', sizeof(full));
	more_text(l, f, "unterminated", full, f->size, 1);
	more_text(l, f, "filled", full, f->size - 1, 0);
	more_text(l, f, "empty", "", 0, 0);
	more_text(l, f, "with escapes", escape, sizeof(escape), 1);
	more_text(l, f, "of two lines", line, sizeof(line), 1);
	more_text(l, f, "not ASCII", utf8, sizeof(utf8), 1);
	more_text(l, f, "upward", up, sizeof(up), 0);
	more_text(l, f, "junk behind NUL", "a\0b", 3, 1);
	was = (const unsigned char *)sample(l->type) + f->off;
	if (strlen((const char *)was) + 1 < f->size) {
		k = more(l, 1, "one byte behind the NUL of a good", 0);
		k->p.data[sizeof(struct msg_hdr) + f->off + f->size - 1] = 1;
	}
}

static void
cases_field(struct list *l, const struct field *f)
{
	static const uint64_t	 odd[] = { 1, 2, 0x7f, 0x80, 0xff, 0x7fff,
				    0x8000, 0xffff, 0x7fffffff, 0x80000000,
				    0xffffffff, 0x7fffffffffffffff,
				    0x8000000000000000, 0xffffffffffffffff };
	struct kase		*k;
	size_t			 i;
	int			 zero;

	if (f->kind == FIELD_TEXT)
		cases_text(l, f);
	if (f->kind == FIELD_RAW) {
		k = more(l, 0, f->name, 0xff);
		memset(k->p.data + sizeof(struct msg_hdr) + f->off, 0xff,
		    f->size);
	}
	if (f->kind != FIELD_INT)
		return;
	zero = strstr(f->name, "zero") != NULL && strchr(f->name, '.') == NULL;
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		if (f->size < 8 && odd[i] >> (8 * f->size) != 0)
			continue;
		k = more(l, zero || (f->top != 0 && odd[i] >= f->top),
		    f->name, odd[i]);
		put_int(k->p.data + sizeof(struct msg_hdr), f, odd[i]);
	}
	if (f->top != 0) {
		k = more(l, 1, f->name, f->top);
		put_int(k->p.data + sizeof(struct msg_hdr), f, f->top);
	}
}

struct kase *
cases_make(enum msg_type t, enum peer from, enum level level, size_t *n)
{
	struct list	 l = { NULL, 0, t, from, 0 };
	size_t		 i;

	more(&l, 0, "as it should be", 0);
	if (level >= LEVEL_FEW) {
		cases_length(&l, level);
		cases_fd(&l, level);
	}
	if (level == LEVEL_ALL) {
		cases_header(&l);
		for (i = 0; i < fields[t].n; i++)
			cases_field(&l, &fields[t].f[i]);
	}
	l.pod = 1;
	if (t == MSG_SPAWN && level >= LEVEL_FEW) {
		more(&l, 0, "a container", 0);
		for (i = 0; i < fields[t].n; i++)
			cases_field(&l, &fields[t].f[i]);
	}
	*n = l.n;
	return (l.k);
}
