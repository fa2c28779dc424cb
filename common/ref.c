/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Image references by Docker's rules: text to struct and back, pure. */
#include "ref.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "valid.h"

#define HUB_PREFIX	"library/"
#define DEFAULT_TAG	"latest"

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

static enum ref_error
host_parse(const char *s, size_t len, struct ref *r)
{
	size_t	 hostlen;

	if ((hostlen = ref_host(s, len, &r->port)) == 0 ||
	    copy(r->host, sizeof(r->host), s, hostlen) == -1)
		return (REF_HOST);
	return (REF_OK);
}

static enum ref_error
name_check(const char *s, size_t len)
{
	size_t	 i;

	for (i = 0; i < len; i++)
		if (s[i] >= 'A' && s[i] <= 'Z')
			return (REF_UPPER);
	return (ref_name_ok(s, len) ? REF_OK : REF_NAME);
}

/* A name that a user meant as an ID must not silently go to the Hub. */
static int
looks_like_id(const char *s)
{
	size_t	 i;

	for (i = 0; s[i] != '\0'; i++)
		if (!(s[i] >= '0' && s[i] <= '9') &&
		    !(s[i] >= 'a' && s[i] <= 'f'))
			return (0);
	return (i == DIGEST_HEXLEN);
}

static int
is_hub(const struct ref *r)
{
	return (r->port == 0 && strcmp(r->host, REF_HUB_HOST) == 0);
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
		if (ref_is_host(s, len)) {
			error = host_parse(s, len, r);
			if (error != REF_OK)
				return (error);
			*rest = slash + 1;
		}
	}
	if (*rest == s ||
	    (r->port == 0 && strcmp(r->host, REF_HUB_OLDHOST) == 0))
		copy(r->host, sizeof(r->host), REF_HUB_HOST,
		    strlen(REF_HUB_HOST));
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
	if (colon != NULL && !ref_tag_ok(colon + 1, len - *namelen - 1))
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
