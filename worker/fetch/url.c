/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * URLs that a registry gave berth-fetch, pure.  They are taken apart by
 * libcurl's own parser: who judges and who connects must not differ.
 */
#include "fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PORT_HTTP	80
#define PORT_HTTPS	443

/* libcurl repairs some of what is no URL; not for us. */
static enum url_error
text_check(const char *s)
{
	const char	*host;
	size_t		 i, slashes;

	/* a scheme has "//" behind it, and then there is a host */
	i = strcspn(s, ":/?#");
	if (s[i] == ':' && !(i == 4 && strncasecmp(s, "http", i) == 0) &&
	    !(i == 5 && strncasecmp(s, "https", i) == 0))
		return (URL_SCHEME);
	host = s + i + (s[i] == ':');
	slashes = strspn(host, "/");
	if (s[i] == ':' ? slashes != 2 : i == 0 && slashes > 2)
		return (URL_BAD);
	/*
	 * What is escaped there is decoded when numbers have been read as
	 * addresses already: "0x7f%33" is one host now, another the next time.
	 */
	host += slashes;
	if (slashes == 2 && (i == 0 || s[i] == ':') &&
	    memchr(host, '%', strcspn(host, "/?#")) != NULL)
		return (URL_BAD);
	for (i = 0; s[i] != '\0'; i++) {
		if (i == URL_MAXLEN)
			return (URL_LONG);
		if (s[i] <= ' ' || s[i] > '~' || s[i] == '\\')
			return (URL_BAD);
	}
	return (i == 0 ? URL_BAD : URL_OK);
}

static enum url_error
curl_error(CURLUcode code)
{
	switch (code) {
	case CURLUE_OK:
		return (URL_OK);
	case CURLUE_OUT_OF_MEMORY:
		return (URL_NOMEM);
	case CURLUE_UNSUPPORTED_SCHEME:
	case CURLUE_BAD_SCHEME:
		return (URL_SCHEME);
	case CURLUE_USER_NOT_ALLOWED:
		return (URL_USER);
	default:
		return (URL_BAD);
	}
}

/* A part as our own copy in *dst. */
static enum url_error
part(CURLU *h, CURLUPart what, char **dst, unsigned int flags)
{
	CURLUcode	 code;
	char		*s;

	code = curl_url_get(h, what, &s, flags);
	if (code != CURLUE_OK)
		return (curl_error(code));
	*dst = strdup(s);
	curl_free(s);
	return (*dst == NULL ? URL_NOMEM : URL_OK);
}

static void
lower(char *s)
{
	for (; *s != '\0'; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s + 'a' - 'A');
}

/* A name or an address, whatever libcurl takes for one. */
static int
host_ok(const char *host)
{
	const char	*others = *host == '[' ? "[:.]" : "-._";

	for (; *host != '\0'; host++)
		if ((*host < 'a' || *host > 'z') &&
		    (*host < '0' || *host > '9') &&
		    strchr(others, *host) == NULL)
			return (0);
	return (1);
}

/* From h, without the fragment, which is not sent. */
static enum url_error
url_fill(CURLU *h, struct url *u)
{
	enum url_error	 error;
	char		*port = NULL;
	uint64_t	 n = 0;

	if (curl_url_set(h, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK)
		return (URL_BAD);
	if ((error = part(h, CURLUPART_SCHEME, &u->scheme, 0)) != URL_OK)
		return (error);
	lower(u->scheme);
	if (strcmp(u->scheme, "http") != 0 && strcmp(u->scheme, "https") != 0)
		return (URL_SCHEME);
	if ((error = part(h, CURLUPART_HOST, &u->host, 0)) != URL_OK ||
	    (error = part(h, CURLUPART_URL, &u->text, 0)) != URL_OK ||
	    (error = part(h, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT)) !=
	    URL_OK)
		return (error);
	lower(u->host);
	if (!host_ok(u->host))
		error = URL_BAD;
	if (header_number(port, &n) == -1 || n == 0 || n > UINT16_MAX)
		error = URL_BAD;
	free(port);
	/* the zone of an IPv6 address names an interface of ours */
	if (curl_url_get(h, CURLUPART_ZONEID, &port, 0) == CURLUE_OK) {
		curl_free(port);
		error = URL_BAD;
	}
	u->port = (uint16_t)n;
	return (error);
}

/* Sets text over what h has, as RFC 3986 5.2 says, and takes it apart. */
static enum url_error
url_set(CURLU *h, const char *text, struct url *u)
{
	enum url_error	 error;

	memset(u, 0, sizeof(*u));
	if ((error = text_check(text)) != URL_OK)
		return (error);
	error = curl_error(curl_url_set(h, CURLUPART_URL, text,
	    CURLU_DISALLOW_USER));
	if (error == URL_OK)
		error = url_fill(h, u);
	if (error != URL_OK)
		url_free(u);
	return (error);
}

enum url_error
url_parse(const char *text, struct url *u)
{
	CURLU		*h;
	enum url_error	 error;

	memset(u, 0, sizeof(*u));
	if ((h = curl_url()) == NULL)
		return (URL_NOMEM);
	error = url_set(h, text, u);
	curl_url_cleanup(h);
	return (error);
}

enum url_error
url_resolve(const struct url *base, const char *location, struct url *u)
{
	CURLU		*h;
	enum url_error	 error;

	memset(u, 0, sizeof(*u));
	if ((h = curl_url()) == NULL)
		return (URL_NOMEM);
	error = curl_error(curl_url_set(h, CURLUPART_URL, base->text, 0));
	if (error == URL_OK)
		error = url_set(h, location, u);
	curl_url_cleanup(h);
	if (error == URL_OK && strcmp(base->scheme, "https") == 0 &&
	    strcmp(u->scheme, "https") != 0) {
		url_free(u);
		return (URL_DOWNGRADE);
	}
	return (error);
}

/* Adds "name=value" to the query, unless value is empty. */
static enum url_error
query_add(CURLU *h, const char *name, const char *value)
{
	char		*pair;
	size_t		 size;
	enum url_error	 error;

	if (*value == '\0')
		return (URL_OK);
	size = strlen(name) + 1 + strlen(value) + 1;
	if ((pair = malloc(size)) == NULL)
		return (URL_NOMEM);
	snprintf(pair, size, "%s=%s", name, value);
	error = curl_error(curl_url_set(h, CURLUPART_QUERY, pair,
	    CURLU_APPENDQUERY | CURLU_URLENCODE));
	free(pair);
	return (error);
}

enum url_error
url_token(const char *realm, const char *service, const char *scope,
    struct url *u)
{
	struct url	 plain;
	CURLU		*h;
	enum url_error	 error;

	memset(u, 0, sizeof(*u));
	if ((h = curl_url()) == NULL)
		return (URL_NOMEM);
	error = url_set(h, realm, &plain);
	url_free(&plain);
	if (error == URL_OK &&
	    (error = query_add(h, "service", service)) == URL_OK &&
	    (error = query_add(h, "scope", scope)) == URL_OK &&
	    (error = url_fill(h, u)) != URL_OK)
		url_free(u);
	curl_url_cleanup(h);
	return (error);
}

const char *
url_strerror(enum url_error error)
{
	switch (error) {
	case URL_OK:
		return ("no error");
	case URL_BAD:
		return ("not a valid URL");
	case URL_LONG:
		return ("URL is too long");
	case URL_SCHEME:
		return ("URL is neither http nor https");
	case URL_USER:
		return ("URL carries a user name");
	case URL_DOWNGRADE:
		return ("from https to http");
	case URL_NOMEM:
		return ("out of memory");
	}
	return ("unknown error");
}

int
url_same_origin(const struct url *a, const struct url *b)
{
	return (strcmp(a->scheme, b->scheme) == 0 && a->port == b->port &&
	    strcmp(a->host, b->host) == 0);
}

void
url_host(const struct url *u, char *dst, size_t size)
{
	if (u->port == (strcmp(u->scheme, "https") == 0 ? PORT_HTTPS :
	    PORT_HTTP))
		snprintf(dst, size, "%s", u->host);
	else
		snprintf(dst, size, "%s:%u", u->host, u->port);
}

void
url_free(struct url *u)
{
	free(u->text);
	free(u->scheme);
	free(u->host);
	memset(u, 0, sizeof(*u));
}
