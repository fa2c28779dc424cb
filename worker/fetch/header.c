/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Values of HTTP fields: berth-fetch's pure parsers. */
#include "fetch.h"

#include <string.h>

static int
is_digit(char c)
{
	return (c >= '0' && c <= '9');
}

/* Reads digits at *s and moves it behind them; -1 without any, or too big. */
static int
read_number(const char **s, uint64_t *n)
{
	uint64_t	 v = 0, d;

	if (!is_digit(**s))
		return (-1);
	for (; is_digit(**s); (*s)++) {
		d = (uint64_t)(**s - '0');
		if (v > (UINT64_MAX - d) / 10)
			return (-1);
		v = v * 10 + d;
	}
	*n = v;
	return (0);
}

int
header_number(const char *value, uint64_t *n)
{
	return (read_number(&value, n) == -1 || *value != '\0' ? -1 : 0);
}

/* RFC 9110 14.4; an unsatisfied range ("*" for first-last) is refused. */
int
header_range(const char *value, uint64_t *first, uint64_t *last,
    uint64_t *total)
{
	if (strncasecmp(value, "bytes ", 6) != 0)
		return (-1);
	value += 6;
	if (read_number(&value, first) == -1 || *value++ != '-' ||
	    read_number(&value, last) == -1 || *value++ != '/')
		return (-1);
	*total = UINT64_MAX;
	if (strcmp(value, "*") != 0 && header_number(value, total) == -1)
		return (-1);
	return (*first > *last || *last >= *total ? -1 : 0);
}

/* RFC 9110 5.6.7: only the form that senders must use. */
static int
read_date(const char *value, time_t *t)
{
	struct tm	 tm;
	const char	*end;

	memset(&tm, 0, sizeof(tm));
	if (strlen(value) != strlen("Sun, 06 Nov 1994 08:49:37 GMT"))
		return (-1);
	end = strptime(value, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	if (end == NULL || *end != '\0')
		return (-1);
	*t = timegm(&tm);
	return (0);
}

int
header_retry(const char *value, time_t now, uint64_t *seconds)
{
	time_t	 t;

	if (header_number(value, seconds) == 0)
		return (0);
	if (read_date(value, &t) == -1)
		return (-1);
	*seconds = t > now ? (uint64_t)(t - now) : 0;
	return (0);
}

int
header_type(const char *value, char *type, size_t size)
{
	size_t	 i, len;
	char	 c;

	len = strcspn(value, "; \t");
	if (value[len + strspn(value + len, " \t")] != '\0' &&
	    value[len + strspn(value + len, " \t")] != ';')
		return (-1);
	if (len == 0 || len >= size)
		return (-1);
	for (i = 0; i < len; i++) {
		c = value[i];
		if (c <= ' ' || c > '~')
			return (-1);
		type[i] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
	}
	type[len] = '\0';
	return (0);
}

enum media
header_media(const char *type)
{
	static const struct {
		const char	*type;
		enum media	 media;
	} table[] = {
		{ "application/vnd.oci.image.manifest.v1+json",
		    MEDIA_OCI_MANIFEST },
		{ "application/vnd.oci.image.index.v1+json",
		    MEDIA_OCI_INDEX },
		{ "application/vnd.docker.distribution.manifest.v2+json",
		    MEDIA_DOCKER_MANIFEST },
		{ "application/vnd.docker.distribution.manifest.list.v2+json",
		    MEDIA_DOCKER_LIST },
	};
	size_t	 i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(type, table[i].type) == 0)
			return (table[i].media);
	return (MEDIA_UNKNOWN);
}
