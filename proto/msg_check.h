/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * How the checks of payloads are written, and what they share.  A program
 * links those of the messages that it receives: msg_check.c, and
 * msg_check_broker.c, or msg_check_name.c and msg_check_engine.c or
 * msg_check_helper.c.
 */
#ifndef PROTO_MSG_CHECK_H
#define PROTO_MSG_CHECK_H

#include <string.h>

#include "../common/valid.h"
#include "msg.h"

#define CHECK(name)							\
int	msg_check_##name(const void *);				\
static int check_##name(const struct msg_##name *);			\
int									\
msg_check_##name(const void *payload)					\
{									\
	return (check_##name(payload));					\
}									\
static int								\
check_##name(const struct msg_##name *m)

/* A reference in normal form in its array. */
int	 msg_ref_ok(const char *, size_t size);
/* "sha512-" prefix or a reference. */
int	 msg_name_ok(const char *, size_t size);
int	 msg_digest_ok(const char[DIGEST_SIZE]);
int	 msg_digest_or_empty(const char[DIGEST_SIZE]);
int	 msg_platform_ok(const struct msg_platform *);

#endif
