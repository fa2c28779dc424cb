/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Every payload's check: the first byte is the message, the rest its
 * payload.  What the check takes must arrive unchanged.
 */
#include <unistd.h>

#include "../../proto/chan.h"
#include "fuzz.h"

static uint32_t
one_phase(uint32_t phases)
{
	return (phases & (~phases + 1));
}

static void
deliver(unsigned int type, const struct msg_info *info, const void *payload)
{
	static struct msg	 m;
	struct chan		 from, to;
	int			 fds[2];

	MUST(chan_pair(fds) == 0);
	chan_init(&from, fds[0], info->from, info->to);
	chan_init(&to, fds[1], info->to, info->from);
	to.phase = one_phase(info->phases & PH_ANY);
	MUST(chan_send(&from, (enum msg_type)type, 7, payload,
	    info->fd == FD_MUST ? 0 : -1) == 0);
	MUST(chan_recv(&to, &m) == 1);
	MUST(m.hdr.type == type && m.hdr.id == 7);
	MUST(memcmp(m.u.data, payload, info->size) == 0);
	MUST((m.fd != -1) == (info->fd == FD_MUST));
	if (m.fd != -1)
		close(m.fd);
	close(fds[0]);
	close(fds[1]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct msg_info	*info;
	unsigned char		*payload;
	unsigned int		 type;

	if (len == 0 || (type = data[0] % MSG_MAX) == MSG_NONE)
		return (0);
	info = &msg_info[type];
	data++;
	len--;
	if (len > info->size)
		return (0);
	MUST((payload = calloc(1, info->size)) != NULL);
	memcpy(payload, data, len);
	if (msg_check[type](payload))
		deliver(type, info, payload);
	free(payload);
	return (0);
}
