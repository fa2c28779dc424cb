/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Which addresses berth-fetch connects to, pure.  Judged is the address of
 * the very connection, after the resolver had its say: a name that resolves
 * otherwise the next time gains nothing.
 */
#include "fetch.h"

#include <netinet/in.h>

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

struct net4 {
	uint32_t	 addr;
	unsigned int	 bits;
	enum addr_class	 class;
};

/* The first that fits decides.  IANA's special-purpose registry. */
static const struct net4	 nets4[] = {
	{ 0xa9fea9fe, 32, ADDR_METADATA },	/* 169.254.169.254 */
	{ 0x646464c8, 32, ADDR_METADATA },	/* 100.100.100.200 */
	{ 0xa83f8110, 32, ADDR_METADATA },	/* 168.63.129.16 */
	{ 0x00000000, 8, ADDR_UNSPECIFIED },
	{ 0x0a000000, 8, ADDR_PRIVATE },	/* 10/8 */
	{ 0x64400000, 10, ADDR_PRIVATE },	/* 100.64/10 */
	{ 0x7f000000, 8, ADDR_LOOPBACK },
	{ 0xa9fe0000, 16, ADDR_LINKLOCAL },	/* 169.254/16 */
	{ 0xac100000, 12, ADDR_PRIVATE },	/* 172.16/12 */
	{ 0xc0000000, 24, ADDR_RESERVED },	/* 192.0.0/24 */
	{ 0xc0a80000, 16, ADDR_PRIVATE },	/* 192.168/16 */
	{ 0xc6120000, 15, ADDR_PRIVATE },	/* 198.18/15 */
	{ 0xe0000000, 4, ADDR_MULTICAST },
	{ 0xf0000000, 4, ADDR_RESERVED },	/* and broadcast */
};

struct net6 {
	unsigned char	 addr[16];
	unsigned int	 bits;
	enum addr_class	 class;
	int		 v4;	/* offset of an IPv4 address inside, or -1 */
};

static const struct net6	 nets6[] = {
	{ { 0 }, 128, ADDR_UNSPECIFIED, -1 },			/* :: */
	{ { [15] = 1 }, 128, ADDR_LOOPBACK, -1 },		/* ::1 */
	{ { [10] = 0xff, 0xff }, 96, ADDR_PUBLIC, 12 },	/* mapped */
	{ { 0 }, 96, ADDR_PUBLIC, 12 },			/* compatible */
	{ { 0x00, 0x64, 0xff, 0x9b }, 96, ADDR_PUBLIC, 12 },	/* NAT64 */
	{ { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48, ADDR_PRIVATE, -1 },
	{ { 0x20, 0x02 }, 16, ADDR_PUBLIC, 2 },		/* 6to4 */
	{ { 0x20, 0x01 }, 32, ADDR_RESERVED, -1 },		/* Teredo */
	{ { 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54 }, 128,
	    ADDR_METADATA, -1 },
	{ { 0xfc }, 7, ADDR_PRIVATE, -1 },			/* fc00::/7 */
	{ { 0xfe, 0x80 }, 10, ADDR_LINKLOCAL, -1 },
	{ { 0xfe, 0xc0 }, 10, ADDR_PRIVATE, -1 },		/* site */
	{ { 0xff }, 8, ADDR_MULTICAST, -1 },
};

static enum addr_class
classify4(uint32_t addr)
{
	size_t	 i;

	for (i = 0; i < sizeof(nets4) / sizeof(nets4[0]); i++)
		if (((addr ^ nets4[i].addr) >> (32 - nets4[i].bits)) == 0)
			return (nets4[i].class);
	return (ADDR_PUBLIC);
}

static int
prefix_is(const unsigned char *a, const unsigned char *b, unsigned int bits)
{
	unsigned int	 rest = bits % 8;

	if (memcmp(a, b, bits / 8) != 0)
		return (0);
	return (rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0);
}

static enum addr_class
classify6(const unsigned char *addr)
{
	uint32_t	 v4;
	size_t		 i;

	for (i = 0; i < sizeof(nets6) / sizeof(nets6[0]); i++) {
		if (!prefix_is(addr, nets6[i].addr, nets6[i].bits))
			continue;
		if (nets6[i].v4 == -1)
			return (nets6[i].class);
		memcpy(&v4, addr + nets6[i].v4, sizeof(v4));
		return (classify4(ntohl(v4)));
	}
	return (ADDR_PUBLIC);
}

enum addr_class
addr_classify(const struct sockaddr *sa)
{
	struct sockaddr_in	 in4;
	struct sockaddr_in6	 in6;

	if (sa->sa_family == AF_INET) {
		memcpy(&in4, sa, sizeof(in4));
		return (classify4(ntohl(in4.sin_addr.s_addr)));
	}
	if (sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof(in6));
		return (classify6(in6.sin6_addr.s6_addr));
	}
	return (ADDR_RESERVED);
}

static int
same_address(const struct sockaddr_storage *ss, const struct sockaddr *sa)
{
	const struct sockaddr_in	*a4, *b4;
	const struct sockaddr_in6	*a6, *b6;

	if (ss->ss_family != sa->sa_family)
		return (0);
	if (sa->sa_family == AF_INET) {
		a4 = (const struct sockaddr_in *)ss;
		b4 = (const struct sockaddr_in *)sa;
		return (a4->sin_addr.s_addr == b4->sin_addr.s_addr);
	}
	a6 = (const struct sockaddr_in6 *)ss;
	b6 = (const struct sockaddr_in6 *)sa;
	return (memcmp(&a6->sin6_addr, &b6->sin6_addr,
	    sizeof(a6->sin6_addr)) == 0);
}

void
addr_policy_init(struct addr_policy *p, const char *host)
{
	struct sockaddr_in	*in4 = (struct sockaddr_in *)&p->named;
	struct sockaddr_in6	*in6 = (struct sockaddr_in6 *)&p->named;
	char			 v6[INET6_ADDRSTRLEN];
	size_t			 len = strlen(host);

	memset(p, 0, sizeof(*p));
	if (inet_pton(AF_INET, host, &in4->sin_addr) == 1)
		in4->sin_family = AF_INET;
	else if (len > 2 && len - 2 < sizeof(v6) && host[0] == '[') {
		memcpy(v6, host + 1, len - 2);
		v6[len - 2] = '\0';
		if (inet_pton(AF_INET6, v6, &in6->sin6_addr) == 1)
			in6->sin6_family = AF_INET6;
	}
	p->loopback = strcasecmp(host, "localhost") == 0;
}

static const char *
class_refused(enum addr_class class)
{
	switch (class) {
	case ADDR_LOOPBACK:
		return ("a loopback address that was not asked for");
	case ADDR_LINKLOCAL:
		return ("a link-local address");
	case ADDR_METADATA:
		return ("a cloud's metadata address");
	case ADDR_UNSPECIFIED:
		return ("the unspecified address");
	case ADDR_MULTICAST:
		return ("a multicast address");
	case ADDR_PRIVATE:
		return ("a private address, and the registry is public");
	default:
		return ("a reserved address");
	}
}

const char *
addr_refused(struct addr_policy *p, const struct sockaddr *sa, int registry)
{
	enum addr_class	 class = addr_classify(sa);
	int		 ok;

	ok = class == ADDR_PUBLIC || same_address(&p->named, sa) ||
	    (class == ADDR_LOOPBACK && p->loopback) ||
	    (class == ADDR_PRIVATE && (registry ||
	    (p->seen && p->widest != ADDR_PUBLIC)));
	if (!ok)
		return (class_refused(class));
	/* Once public, it stays public, whatever it resolves to later. */
	if (registry && (!p->seen || class == ADDR_PUBLIC)) {
		p->widest = class;
		p->seen = 1;
	}
	return (NULL);
}
