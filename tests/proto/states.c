/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The states in which a peer can lie, and a second opinion on what may be
 * said in each: msg.def read again, not chan.c.
 */
#include <string.h>

#include "plan.h"

#define IMAGE_SAYS { MSG_WANT, MSG_LAYER, MSG_IMAGE_PART, MSG_UNPACK_FAIL }
#define LAYER_SAYS { MSG_HASHED, MSG_NEEDS_LOWER, MSG_UNPACKED, \
	    MSG_UNPACK_FAIL }
#define STACK_SAYS { MSG_UNPACKED, MSG_UNPACK_FAIL }

#define STATE(role, number, peer, phase, ...)				\
	{ ROLE_##role, number, #number, PEER_##peer,			\
	    ROLE_##role == ROLE_CONF || ROLE_##role == ROLE_ENGINE ?	\
	    PEER_BROKER : PEER_ENGINE, PH_##phase, __VA_ARGS__ }

const struct state states[] = {
	STATE(CLI, C_IDLE, CLI, IDLE, {0}, {0}),
	STATE(CLI, C_BUSY, CLI, BUSY, {0}, {0}),
	STATE(CLI, C_RUN, CLI, BUSY, {0}, {0}),
	STATE(FETCH, F_NEW, FETCH, NEW, {0}, {0}),
	STATE(FETCH, F_BUSY, FETCH, BUSY, { MSG_FETCH_UP }, {0}),
	STATE(FETCH, F_SAID, FETCH, BUSY, { MSG_FETCH_UP,
	    MSG_FETCH_MANIFEST }, {0}),
	STATE(FETCH, F_DOC, FETCH, BUSY, { MSG_FETCH_UP,
	    MSG_FETCH_MANIFEST }, {0}),
	STATE(FETCH, F_BLOB, FETCH, BUSY, { MSG_FETCH_UP,
	    MSG_FETCH_MANIFEST }, {0}),
	STATE(IMAGE, I_NEW, UNPACK, NEW, {0}, IMAGE_SAYS),
	STATE(IMAGE, I_BUSY, UNPACK, BUSY, {0}, IMAGE_SAYS),
	STATE(IMAGE, I_WANTED, UNPACK, BUSY, {0}, IMAGE_SAYS),
	STATE(IMAGE, I_LAYERS, UNPACK, BUSY, {0}, IMAGE_SAYS),
	STATE(IMAGE, I_PARTS, UNPACK, BUSY, {0}, IMAGE_SAYS),
	STATE(IMAGE, I_DONE, UNPACK, BUSY, {0}, IMAGE_SAYS),
	STATE(LAYER, L_BUSY, UNPACK, BUSY, {0}, LAYER_SAYS),
	STATE(LAYER, L_HASHED, UNPACK, BUSY, { MSG_HASHED }, LAYER_SAYS),
	STATE(LAYER, L_UNPACKED, UNPACK, BUSY, { MSG_HASHED, MSG_UNPACKED },
	    LAYER_SAYS),
	STATE(LAYER, L_NEEDS, UNPACK, BUSY, { MSG_HASHED, MSG_NEEDS_LOWER },
	    LAYER_SAYS),
	STATE(LAYER, L_MERGE, UNPACK, BUSY, {0}, LAYER_SAYS),
	STATE(STACK, S_BUSY, UNPACK, BUSY, {0}, STACK_SAYS),
	STATE(TRASH, T_NEW, UNPACK, NEW, {0}, STACK_SAYS),
	STATE(INIT, N_BUSY, INIT, BUSY, {0}, {0}),
	STATE(INIT, N_STDIO, INIT, BUSY, {0}, {0}),
	STATE(INIT, N_RUN, INIT, RUN, { MSG_INIT_STARTED }, {0}),
	STATE(INIT, N_EXITED, INIT, RUN, { MSG_INIT_STARTED,
	    MSG_INIT_EXITED }, {0}),
	STATE(INIT, N_FAILED, INIT, BUSY, { MSG_INIT_FAIL }, {0}),
	STATE(HTTP, H_NEW, HTTP, NEW, {0}, {0}),
	STATE(HTTP, H_RUN, HTTP, RUN, { MSG_HTTP_UP }, {0}),
	STATE(CONF, K_BUSY, CONF, BUSY, {0}, {0}),
	STATE(CONF, K_MAIN, CONF, BUSY, { MSG_CONF_STORE, MSG_CONF_MAIN },
	    {0}),
	STATE(CONF, K_APP, CONF, BUSY, { MSG_CONF_STORE, MSG_CONF_MAIN },
	    {0}),
	STATE(ENGINE, E_NEW, ENGINE, RUN, {0}, {0}),
	STATE(ENGINE, E_UP, ENGINE, RUN, { MSG_ENGINE_UP }, {0}),
	STATE(ENGINE, E_NAMED, ENGINE, RUN, { MSG_ENGINE_UP }, {0}),
	STATE(ENGINE, E_CHILD, ENGINE, RUN, { MSG_ENGINE_UP }, {0}),
	STATE(ENGINE, E_NEXT, ENGINE, RUN, { MSG_ENGINE_UP }, {0}),
	STATE(ENGINE, E_POD, ENGINE, RUN, { MSG_ENGINE_UP }, {0}),
	STATE(ENGINE, E_KINDS, ENGINE, RUN, { MSG_ENGINE_UP }, {0}),
	STATE(ENGINE, E_CROWD, ENGINE, RUN, { MSG_ENGINE_UP }, {0}),
	STATE(ENGINE, E_WAIT, ENGINE, RUN, { MSG_ENGINE_UP }, {0}),
	STATE(BROKER, B_NEW, BROKER, NEW, {0}, { MSG_ENGINE_START }),
	STATE(BROKER, B_START, BROKER, NEW, { MSG_ENGINE_START }, {0}),
	STATE(BROKER, B_APP, BROKER, NEW, { MSG_ENGINE_START }, {0}),
	STATE(BROKER, B_RUN, BROKER, RUN, { MSG_ENGINE_START, MSG_ENGINE_GO },
	    {0}),
	STATE(BROKER, B_SERVE, BROKER, RUN, { MSG_ENGINE_START, MSG_ENGINE_GO,
	    MSG_ENGINE_SERVE }, {0}),
};
const size_t nstates = sizeof(states) / sizeof(states[0]);

/* Documents come sealed, and from those two only. */
static int
wrong_kind(const struct packet *p, unsigned int type)
{
	switch (type) {
	case MSG_FETCH_MANIFEST:
	case MSG_FETCH_GOT:
	case MSG_IMAGE_PART:
	case MSG_ENGINE_APP:
		return (p->kind != KIND_SEALED);
	case MSG_INIT_STDIO:
		return (p->kind != KIND_PIPE && p->kind != KIND_PIPE_IN);
	default:
		return (0);
	}
}

static int
listed(const enum msg_type *list, size_t n, unsigned int type)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (list[i] == type)
			return (1);
	return (0);
}

/* What the broker makes, it makes with a channel, and once. */
static int
asks_wrongly(const struct state *s, const struct packet *p)
{
	uint32_t	 named = s->number == E_POD ? POD_FDS :
			    s->number == E_NAMED ? 2 : s->number == E_NEXT;
	uint32_t	 last = s->number == E_NEXT || s->number == E_POD ?
			    5 : 0;
	struct msg_spawn m;

	memcpy(&m, p->data + sizeof(struct msg_hdr), sizeof(m));
	return (m.child <= last || named == 0 ||
	    (m.program == SPAWN_INIT && named < POD_FDS));
}

int
must_die(const struct state *s, const struct packet *p)
{
	const struct msg_info	*info;
	struct msg_hdr		 h;

	if (p->len < sizeof(h))
		return (1);
	memcpy(&h, p->data, sizeof(h));
	if (h.type == 0 || h.type >= MSG_MAX)
		return (1);
	info = &msg_info[h.type];
	return (h.version != MSG_VERSION || h.flags != 0 ||
	    info->from != s->peer || info->to != s->to ||
	    h.peer != (uint32_t)s->peer || h.len != info->size ||
	    p->len != sizeof(h) + info->size ||
	    p->nfds != (info->fd == FD_MUST) ||
	    (info->phases & s->phase) == 0 ||
	    ((info->phases & MSG_ONCE) != 0 && listed(s->seen, 4, h.type)) ||
	    (s->mine[0] != 0 && !listed(s->mine, 8, h.type)) ||
	    !msg_check[h.type](p->data + sizeof(h)) ||
	    (p->nfds == 1 && wrong_kind(p, h.type)) ||
	    (h.type == MSG_SPAWN && asks_wrongly(s, p)));
}
