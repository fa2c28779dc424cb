/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The head of an HTTP answer: berth-fetch's pure reader of the few fields
 * that it goes by.  What it cannot read it marks as bad; who would use the
 * field refuses then.
 */
#include "head.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../common/valid.h"

struct field {
	const char	*name;
	/* value ends with a NUL and holds no control byte; 0, or -1 */
	int		(*read)(struct head_reader *, const char *value);
};

void
head_init(struct head_reader *r)
{
	memset(r, 0, sizeof(*r));
	r->head.length = UINT64_MAX;
}

void
head_free(struct head_reader *r)
{
	free(r->head.location);
	r->head.location = NULL;
}

/* Into an array, once. */
static int
keep(char *dst, size_t size, const char *value)
{
	if (*dst != '\0' || strlen(value) >= size)
		return (-1);
	memcpy(dst, value, strlen(value) + 1);
	return (0);
}

static int
read_type(struct head_reader *r, const char *value)
{
	if (r->typed++)
		return (-1);
	return (header_type(value, r->head.type, sizeof(r->head.type)));
}

static int
read_length(struct head_reader *r, const char *value)
{
	uint64_t	 n;

	if (header_number(value, &n) == -1 || n == UINT64_MAX ||
	    (r->head.length != UINT64_MAX && r->head.length != n))
		return (-1);
	r->head.length = n;
	return (0);
}

static int
read_location(struct head_reader *r, const char *value)
{
	if (r->head.location != NULL || strlen(value) > URL_MAXLEN)
		return (-1);
	r->head.location = strdup(value);
	return (r->head.location == NULL ? -1 : 0);
}

static int
read_range(struct head_reader *r, const char *value)
{
	return (keep(r->head.range, sizeof(r->head.range), value));
}

static int
read_retry(struct head_reader *r, const char *value)
{
	/* advice only: what is too long to be any is left out */
	(void)keep(r->head.retry, sizeof(r->head.retry), value);
	return (0);
}

static int
read_digest(struct head_reader *r, const char *value)
{
	/* another algorithm's is no use to us, and no fault */
	if (!valid_digest(value))
		return (0);
	return (keep(r->head.digest, sizeof(r->head.digest), value));
}

static int
read_encoding(struct head_reader *r, const char *value)
{
	if (strcasecmp(value, "identity") != 0 && *value != '\0')
		r->head.encoded = 1;
	return (0);
}

static int
read_transfer(struct head_reader *r, const char *value)
{
	(void)value;
	r->head.chunked = 1;
	return (0);
}

static int
read_challenge(struct head_reader *r, const char *value)
{
	if (challenge_parse(value, strlen(value), &r->head.challenge) == -1)
		r->head.challenge_bad = 1;
	return (0);
}

static const struct field	 fields[] = {
	{ "content-type", read_type },
	{ "content-length", read_length },
	{ "content-range", read_range },
	{ "content-encoding", read_encoding },
	{ "transfer-encoding", read_transfer },
	{ "docker-content-digest", read_digest },
	{ "location", read_location },
	{ "retry-after", read_retry },
	{ "www-authenticate", read_challenge },
};

static int
read_field(struct head_reader *r, const struct field *f, const char *s,
    size_t len)
{
	char	*value;
	size_t	 i;
	int	 ret;

	while (len > 0 && (*s == ' ' || *s == '\t')) {
		s++;
		len--;
	}
	while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	for (i = 0; i < len; i++)
		if (((unsigned char)s[i] < ' ' && s[i] != '\t') ||
		    s[i] == 0x7f)
			return (-1);
	if ((value = strndup(s, len)) == NULL)
		return (-1);
	ret = f->read(r, value);
	free(value);
	return (ret);
}

/* "HTTP/1.1 200 OK": begins an answer, after 100 and the like anew. */
static enum head_state
status_line(struct head_reader *r, const char *s, size_t len)
{
	const char	*p = memchr(s, ' ', len);
	size_t		 left, seen = r->len, i;

	head_free(r);
	head_init(r);
	r->len = seen;
	if (p == NULL)
		return (HEAD_ERROR);
	p++;
	left = len - (size_t)(p - s);
	if (left < 3 || (left > 3 && p[3] != ' '))
		return (HEAD_ERROR);
	for (i = 0; i < 3; i++) {
		if (p[i] < '0' || p[i] > '9')
			return (HEAD_ERROR);
		r->head.status = r->head.status * 10 +
		    (unsigned int)(p[i] - '0');
	}
	return (r->head.status < 100 ? HEAD_ERROR : HEAD_MORE);
}

enum head_state
head_line(struct head_reader *r, const char *s, size_t len)
{
	const char	*colon;
	size_t		 i, namelen;

	r->len += len;
	if (r->len > HTTPHEAD_MAX)
		return (HEAD_ERROR);
	if (r->done)
		return (HEAD_MORE);	/* a trailer */
	while (len > 0 && (s[len - 1] == '\n' || s[len - 1] == '\r'))
		len--;
	if (len >= 5 && memcmp(s, "HTTP/", 5) == 0)
		return (status_line(r, s, len));
	if (len == 0) {
		if (r->head.status < 200)
			return (HEAD_MORE);
		r->done = 1;
		return (HEAD_END);
	}
	/* a folded line would change the value of the field above it */
	if ((colon = memchr(s, ':', len)) == NULL || *s == ' ' || *s == '\t') {
		r->head.bad = 1;
		return (HEAD_MORE);
	}
	namelen = (size_t)(colon - s);
	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strlen(fields[i].name) == namelen &&
		    strncasecmp(fields[i].name, s, namelen) == 0 &&
		    read_field(r, &fields[i], colon + 1,
		    len - namelen - 1) == -1)
			r->head.bad = 1;
	return (HEAD_MORE);
}
