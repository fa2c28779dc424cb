/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * libevent can resolve names, and refers to what does; the broker and the
 * engine resolve none.  In place of the C library's, which loads modules.
 */
#include <sys/socket.h>

#include <netdb.h>
#include <stddef.h>

int
getaddrinfo(const char *restrict node, const char *restrict service,
    const struct addrinfo *restrict hints, struct addrinfo **restrict res)
{
	(void)node;
	(void)service;
	(void)hints;
	*res = NULL;
	return (EAI_FAIL);
}

void
freeaddrinfo(struct addrinfo *ai)
{
	(void)ai;
}

struct servent *
getservbyname(const char *name, const char *proto)
{
	(void)name;
	(void)proto;
	return (NULL);
}

struct protoent *
getprotobynumber(int proto)
{
	(void)proto;
	return (NULL);
}
