/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The table of messages, made from msg.def; for every process. */
#include "msg.h"

/* NULL where a program does not link it: it receives no such message. */
#define MSG(N, n, from, to, p, fd, ph)					\
	int msg_check_##p(const void *) __attribute__((weak));
#include "msg.def"
#undef MSG

const struct msg_info msg_info[MSG_MAX] = {
#define MSG(N, n, from, to, p, fd, ph)					\
	[MSG_##N] = { #N, PEER_##from, PEER_##to,			\
	    sizeof(struct msg_##p), FD_##fd, (ph) },
#include "msg.def"
#undef MSG
};

int (*const msg_check[MSG_MAX])(const void *) = {
#define MSG(N, n, from, to, p, fd, ph)	[MSG_##N] = msg_check_##p,
#include "msg.def"
#undef MSG
};

#define MSG(N, n, from, to, p, fd, ph)					\
	_Static_assert(sizeof(struct msg_##p) <= MSG_PAYLOAD_MAX,	\
	    "payload of " #N " is too large");
#include "msg.def"
#undef MSG

const char *
msg_name(unsigned int type)
{
	if (type == MSG_NONE || type >= MSG_MAX)
		return ("unknown");
	return (msg_info[type].name);
}

const char *
peer_name(enum peer peer)
{
	static const char *const names[PEER_MAX] = {
		[PEER_NONE] = "nobody",
		[PEER_BROKER] = "berthd",
		[PEER_CLI] = "berth",
		[PEER_HTTP] = "berth-http",
		[PEER_FETCH] = "berth-fetch",
		[PEER_UNPACK] = "berth-unpack",
		[PEER_INIT] = "berth-init",
		[PEER_CONF] = "berth-conf",
		[PEER_ENGINE] = "berth-engine",
	};

	if ((unsigned int)peer >= PEER_MAX)
		return ("unknown");
	return (names[peer]);
}
