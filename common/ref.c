/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Image references by Docker's rules: text to struct and back, pure. */
#include "ref.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "valid.h"

#define HUB_HOST	"docker.io"
#define HUB_OLDHOST	"index.docker.io"
#define HUB_PREFIX	"library/"
#define DEFAULT_TAG	"latest"

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

/* Copies len bytes and a NUL; 0, or -1 when they do not fit. */
static int
copy(char *dst, size_t size, const char *src, size_t len)
{
	if (len >= size)
		return (-1);
	memcpy(dst, src, len);
	dst[len] = '\0';
	return (0);
}

/* Labels of letters, digits and inner "-", joined by single dots. */
static int
host_name_ok(const char *s)
{
	char	 prev = '.';

	for (; *s != '\0'; prev = *s++) {
		if (*s == '.' || *s == '-') {
			if (prev == '.' || (*s == '.' && prev == '-'))
				return (0);
		} else if (!is_alnum(*s))
			return (0);
	}
	return (prev != '.' && prev != '-');
}

/* "[" address "]"; a zone has no meaning in a name that travels. */
static int
host_v6_ok(const char *s)
{
	char		 addr[INET6_ADDRSTRLEN];
	struct in6_addr	 in6;
	size_t		 len = strlen(s);

	if (len < 2 || s[len - 1] != ']' ||
	    copy(addr, sizeof(addr), s + 1, len - 2) == -1)
		return (0);
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

static enum ref_error
host_parse(const char *s, size_t len, struct ref *r)
{
	const char	*colon;
	size_t		 hostlen = len;

	/* The port's colon stands behind the bracket of an IPv6 address. */
	colon = memrchr(s, ':', len);
	if (colon != NULL && memchr(colon, ']', len - (size_t)(colon - s)))
		colon = NULL;
	if (colon != NULL) {
		hostlen = (size_t)(colon - s);
		r->port = port_parse(colon + 1, len - hostlen - 1);
		if (r->port == 0)
			return (REF_HOST);
	}
	if (copy(r->host, sizeof(r->host), s, hostlen) == -1)
		return (REF_HOST);
	if (r->host[0] == '[' ? !host_v6_ok(r->host) : !host_name_ok(r->host))
		return (REF_HOST);
	return (REF_OK);
}

/*
 * Components of [a-z0-9]+ with separators ".", "_", "__" or any number of
 * "-" between, joined by "/".
 */
static enum ref_error
name_check(const char *s, size_t len)
{
	size_t	 i, run;

	for (i = 0; i < len; i++)
		if (is_upper(s[i]))
			return (REF_UPPER);
	for (i = 0; i < len; i += run) {
		for (run = 0; i + run < len; run++)
			if (!is_lower(s[i + run]) && !is_digit(s[i + run]))
				break;
		if (run == 0)
			return (REF_NAME);
		if ((i += run) == len)
			return (REF_OK);
		for (run = 1; i + run < len && s[i + run] == s[i]; run++)
			;
		if (s[i] != '-' &&
		    !(s[i] == '_' && run <= 2) &&
		    !((s[i] == '.' || s[i] == '/') && run == 1))
			return (REF_NAME);
	}
	/* Empty, or it ends with a separator. */
	return (REF_NAME);
}

static int
tag_ok(const char *s, size_t len)
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

/* A name that a user meant as an ID must not silently go to the Hub. */
static int
looks_like_id(const char *s)
{
	size_t	 i;

	for (i = 0; s[i] != '\0'; i++)
		if (!is_digit(s[i]) && !(s[i] >= 'a' && s[i] <= 'f'))
			return (0);
	return (i == DIGEST_HEXLEN);
}

static int
is_hub(const struct ref *r)
{
	return (r->port == 0 && strcmp(r->host, HUB_HOST) == 0);
}

/* The part before the first slash, if it is a host.  *rest: what follows. */
static enum ref_error
split_host(const char *s, struct ref *r, const char **rest)
{
	const char	*slash;
	size_t		 len;
	enum ref_error	 error;

	*rest = s;
	if ((slash = strchr(s, '/')) != NULL) {
		len = (size_t)(slash - s);
		if (memchr(s, '.', len) != NULL ||
		    memchr(s, ':', len) != NULL ||
		    (len == strlen("localhost") &&
		    memcmp(s, "localhost", len) == 0)) {
			error = host_parse(s, len, r);
			if (error != REF_OK)
				return (error);
			*rest = slash + 1;
		}
	}
	if (*rest == s ||
	    (r->port == 0 && strcmp(r->host, HUB_OLDHOST) == 0))
		copy(r->host, sizeof(r->host), HUB_HOST, strlen(HUB_HOST));
	return (REF_OK);
}

/* name[:tag][@digest]; *namelen gets the name's length. */
static enum ref_error
split_name(const char *s, struct ref *r, size_t *namelen)
{
	const char	*at, *colon;
	size_t		 len;

	len = strlen(s);
	if ((at = strchr(s, '@')) != NULL)
		len = (size_t)(at - s);
	colon = memchr(s, ':', len);
	*namelen = colon != NULL ? (size_t)(colon - s) : len;
	if (colon != NULL && !tag_ok(colon + 1, len - *namelen - 1))
		return (REF_TAG);
	if (at != NULL) {
		if (!valid_digest(at + 1))
			return (REF_DIGEST);
		copy(r->digest, sizeof(r->digest), at + 1, strlen(at + 1));
	} else if (colon != NULL)
		copy(r->tag, sizeof(r->tag), colon + 1, len - *namelen - 1);
	else
		copy(r->tag, sizeof(r->tag), DEFAULT_TAG, strlen(DEFAULT_TAG));
	return (REF_OK);
}

/* Bytes of "host[:port]/repository". */
static size_t
full_length(const struct ref *r)
{
	int	 n = 0;

	if (r->port != 0)
		n = snprintf(NULL, 0, ":%u", r->port);
	return (strlen(r->host) + (size_t)n + 1 + strlen(r->repository));
}

enum ref_error
ref_parse(const char *s, struct ref *r)
{
	enum ref_error	 error;
	const char	*prefix = "";
	size_t		 len;

	memset(r, 0, sizeof(*r));
	if (*s == '\0')
		return (REF_EMPTY);
	if (strnlen(s, REF_MAXLEN + 1) > REF_MAXLEN)
		return (REF_LONG);
	if (looks_like_id(s))
		return (REF_HEX);
	if ((error = split_host(s, r, &s)) != REF_OK ||
	    (error = split_name(s, r, &len)) != REF_OK ||
	    (error = name_check(s, len)) != REF_OK)
		return (error);
	if (is_hub(r) && memchr(s, '/', len) == NULL)
		prefix = HUB_PREFIX;
	if (strlen(prefix) + len >= sizeof(r->repository))
		return (REF_LONG);
	snprintf(r->repository, sizeof(r->repository), "%s%.*s", prefix,
	    (int)len, s);
	return (full_length(r) > REF_NAME_MAXLEN ? REF_LONG : REF_OK);
}

const char *
ref_strerror(enum ref_error error)
{
	switch (error) {
	case REF_OK:
		return ("no error");
	case REF_EMPTY:
		return ("empty image reference");
	case REF_LONG:
		return ("image reference is too long");
	case REF_HOST:
		return ("bad registry host or port");
	case REF_NAME:
		return ("bad repository name");
	case REF_UPPER:
		return ("repository name must be lower case");
	case REF_TAG:
		return ("bad tag");
	case REF_DIGEST:
		return ("bad digest: must be sha256: and 64 lower case "
		    "hex digits");
	case REF_HEX:
		return ("64 hex digits cannot be a repository name");
	}
	return ("unknown error");
}

int
ref_format(const struct ref *r, char *dst, size_t size)
{
	char	 port[sizeof(":65535")] = "";
	int	 n;

	if (r->port != 0)
		snprintf(port, sizeof(port), ":%u", r->port);
	n = snprintf(dst, size, "%s%s/%s%s%s", r->host, port, r->repository,
	    r->digest[0] != '\0' ? "@" : ":",
	    r->digest[0] != '\0' ? r->digest : r->tag);
	if (n < 0 || (size_t)n >= size) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	return (0);
}

int
ref_normal(const char *s)
{
	struct ref	 r;
	char		 normal[REF_MAXLEN + 1];

	if (ref_parse(s, &r) != REF_OK ||
	    ref_format(&r, normal, sizeof(normal)) == -1)
		return (0);
	return (strcmp(s, normal) == 0);
}
