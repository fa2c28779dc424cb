/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The address policy: 4 or 16 bytes of an address, and the host as the
 * user typed it behind them.
 */
#include <netinet/in.h>

#include "../../worker/fetch/fetch.h"
#include "fuzz.h"

static void
judge(const char *host, const struct sockaddr *sa)
{
	struct addr_policy	 p;
	enum addr_class		 class = addr_classify(sa);

	addr_policy_init(&p, host);
	if (addr_refused(&p, sa, 1) == NULL)
		MUST(class == ADDR_PUBLIC || class == ADDR_PRIVATE ||
		    p.named.ss_family != AF_UNSPEC || p.loopback);
	(void)addr_refused(&p, sa, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct sockaddr_in	 in4;
	struct sockaddr_in6	 in6, mapped;
	struct fuzz_in		 in = { data, len };
	char			*host;

	if (len < 16)
		return (0);
	memset(&in4, 0, sizeof(in4));
	memset(&in6, 0, sizeof(in6));
	in4.sin_family = AF_INET;
	in6.sin6_family = AF_INET6;
	memcpy(&in4.sin_addr, data, 4);
	memcpy(&in6.sin6_addr, data, 16);
	in.p += 16;
	in.len -= 16;
	host = fuzz_part(&in, NULL);
	judge(host, (struct sockaddr *)&in4);
	judge(host, (struct sockaddr *)&in6);
	/* an IPv4 address in IPv6's clothes is the same address */
	mapped = in6;
	memset(&mapped.sin6_addr, 0, 16);
	memset(mapped.sin6_addr.s6_addr + 10, 0xff, 2);
	memcpy(mapped.sin6_addr.s6_addr + 12, data, 4);
	MUST(addr_classify((struct sockaddr *)&mapped) ==
	    addr_classify((struct sockaddr *)&in4));
	free(host);
	return (0);
}
