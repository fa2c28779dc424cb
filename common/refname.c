/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The parts of an image reference, and whether a whole one is in normal
 * form: all of ref.h that the broker needs.  Pure.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <string.h>

#include "ref.h"
#include "valid.h"

/* Not those of ctype.h: the locale has no say in what a name is. */
static int
is_lower(char c)
{
	return (c >= 'a' && c <= 'z');
}

static int
is_upper(char c)
{
	return (c >= 'A' && c <= 'Z');
}

static int
is_digit(char c)
{
	return (c >= '0' && c <= '9');
}

static int
is_alnum(char c)
{
	return (is_lower(c) || is_upper(c) || is_digit(c));
}

/* Labels of letters, digits and inner "-", joined by single dots. */
static int
host_name_ok(const char *s, size_t len)
{
	char	 prev = '.';
	size_t	 i;

	for (i = 0; i < len; prev = s[i++]) {
		if (s[i] == '.' || s[i] == '-') {
			if (prev == '.' || (s[i] == '.' && prev == '-'))
				return (0);
		} else if (!is_alnum(s[i]))
			return (0);
	}
	return (prev != '.' && prev != '-');
}

/* "[" address "]"; a zone has no meaning in a name that travels. */
static int
host_v6_ok(const char *s, size_t len)
{
	char		 addr[INET6_ADDRSTRLEN];
	struct in6_addr	 in6;

	if (len < 2 || s[len - 1] != ']' || len - 2 >= sizeof(addr))
		return (0);
	memcpy(addr, s + 1, len - 2);
	addr[len - 2] = '\0';
	return (inet_pton(AF_INET6, addr, &in6) == 1);
}

/* 1 to 65535 in decimal without a leading zero; 0 for anything else. */
static uint16_t
port_parse(const char *s, size_t len)
{
	unsigned int	 port = 0;
	size_t		 i;

	if (len == 0 || len > 5 || s[0] == '0')
		return (0);
	for (i = 0; i < len; i++) {
		if (!is_digit(s[i]))
			return (0);
		port = port * 10 + (unsigned int)(s[i] - '0');
	}
	return (port <= UINT16_MAX ? (uint16_t)port : 0);
}

int
ref_is_host(const char *s, size_t len)
{
	return (memchr(s, '.', len) != NULL || memchr(s, ':', len) != NULL ||
	    (len == 9 && memcmp(s, "localhost", 9) == 0));
}

size_t
ref_host(const char *s, size_t len, uint16_t *port)
{
	const char	*colon;

	*port = 0;
	/* The port's colon stands behind the bracket of an IPv6 address. */
	colon = memrchr(s, ':', len);
	if (colon != NULL && memchr(colon, ']', len - (size_t)(colon - s)))
		colon = NULL;
	if (colon != NULL) {
		*port = port_parse(colon + 1, len - (size_t)(colon + 1 - s));
		if (*port == 0)
			return (0);
		len = (size_t)(colon - s);
	}
	if (len == 0 || len > REF_HOST_MAXLEN)
		return (0);
	if (s[0] == '[' ? !host_v6_ok(s, len) : !host_name_ok(s, len))
		return (0);
	return (len);
}

int
ref_name_ok(const char *s, size_t len)
{
	size_t	 i, run;

	for (i = 0; i < len; i += run) {
		for (run = 0; i + run < len; run++)
			if (!is_lower(s[i + run]) && !is_digit(s[i + run]))
				break;
		if (run == 0)
			return (0);
		if ((i += run) == len)
			return (1);
		for (run = 1; i + run < len && s[i + run] == s[i]; run++)
			;
		if (s[i] != '-' &&
		    !(s[i] == '_' && run <= 2) &&
		    !((s[i] == '.' || s[i] == '/') && run == 1))
			return (0);
	}
	/* Empty, or it ends with a separator. */
	return (0);
}

int
ref_tag_ok(const char *s, size_t len)
{
	size_t	 i;

	if (len == 0 || len > REF_TAG_MAXLEN)
		return (0);
	for (i = 0; i < len; i++) {
		if (is_alnum(s[i]) || s[i] == '_')
			continue;
		if (i == 0 || (s[i] != '.' && s[i] != '-'))
			return (0);
	}
	return (1);
}

/* "docker.io" has a "library/", and its old name is no name. */
static int
hub_normal(const char *host, size_t hostlen, const char *name, size_t len)
{
	if (hostlen == strlen(REF_HUB_OLDHOST) &&
	    memcmp(host, REF_HUB_OLDHOST, hostlen) == 0)
		return (0);
	return (hostlen != strlen(REF_HUB_HOST) ||
	    memcmp(host, REF_HUB_HOST, hostlen) != 0 ||
	    memchr(name, '/', len) != NULL);
}

int
ref_normal(const char *s)
{
	const char	*name, *end;
	size_t		 hostlen, len;
	uint16_t	 port;

	if (strnlen(s, REF_MAXLEN + 1) > REF_MAXLEN ||
	    (name = strchr(s, '/')) == NULL ||
	    !ref_is_host(s, (size_t)(name - s)) ||
	    (hostlen = ref_host(s, (size_t)(name - s), &port)) == 0)
		return (0);
	name++;
	/* a digest, else a tag: never both */
	len = strcspn(name, ":@");
	end = name + len;
	if (*end == '@' ? !valid_digest(end + 1) :
	    *end != ':' || !ref_tag_ok(end + 1, strlen(end + 1)))
		return (0);
	return (end - s <= REF_NAME_MAXLEN && ref_name_ok(name, len) &&
	    (port != 0 || hub_normal(s, hostlen, name, len)));
}

const char *
ref_pinned(const char *s)
{
	const char	*at;

	return ((at = strchr(s, '@')) == NULL ? "" : at + 1);
}
