/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* WWW-Authenticate, RFC 9110 11.6.1: berth-fetch's pure parser. */
#include "fetch.h"

#include <string.h>
#include <strings.h>

#define PARAMS_SEEN_MAX	16	/* per challenge; nobody sends more */

struct cursor {
	const unsigned char	*p, *end;
};

/* One parameter's or scheme's bytes. */
struct word {
	const unsigned char	*s;
	size_t			 len;
};

struct names {
	struct word	 w[PARAMS_SEEN_MAX];
	size_t		 n;
};

static int
is_alnum(unsigned char c)
{
	return ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z'));
}

/* RFC 9110 5.6.2 */
static int
is_tchar(unsigned char c)
{
	return (is_alnum(c) || (c != '\0' &&
	    strchr("!#$%&'*+-.^_`|~", c) != NULL));
}

static int
is_token68(unsigned char c)
{
	return (is_alnum(c) || (c != '\0' && strchr("-._~+/", c) != NULL));
}

static void
skip_blank(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
		c->p++;
}

/* Blanks and the commas of empty list elements. */
static void
skip_empty(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' ||
	    *c->p == ','))
		c->p++;
}

static int
read_token(struct cursor *c, struct word *w)
{
	w->s = c->p;
	while (c->p < c->end && is_tchar(*c->p))
		c->p++;
	w->len = (size_t)(c->p - w->s);
	return (w->len == 0 ? -1 : 0);
}

static int
word_is(const struct word *w, const char *s)
{
	return (w->len == strlen(s) &&
	    strncasecmp((const char *)w->s, s, w->len) == 0);
}

/* Unquotes into dst (or nowhere, with NULL); -1 when it does not fit. */
static int
read_quoted(struct cursor *c, char *dst, size_t size)
{
	size_t		 len = 0;
	unsigned char	 b;

	for (c->p++; c->p < c->end && *c->p != '"'; c->p++) {
		if (*c->p == '\\' && ++c->p == c->end)
			return (-1);
		b = *c->p;
		if ((b < 0x20 && b != '\t') || b == 0x7f)
			return (-1);
		if (dst == NULL)
			continue;
		if (len + 1 >= size)
			return (-1);
		dst[len++] = (char)b;
	}
	if (c->p == c->end)
		return (-1);
	c->p++;
	if (dst != NULL)
		dst[len] = '\0';
	return (0);
}

static int
read_value(struct cursor *c, char *dst, size_t size)
{
	struct word	 w;

	if (c->p < c->end && *c->p == '"')
		return (read_quoted(c, dst, size));
	if (read_token(c, &w) == -1)
		return (-1);
	if (dst == NULL)
		return (0);
	if (w.len >= size)
		return (-1);
	memcpy(dst, w.s, w.len);
	dst[w.len] = '\0';
	return (0);
}

/* Where a Bearer parameter that we want is kept, or NULL. */
static char *
param_place(struct challenge *c, const struct word *w, size_t *size)
{
	if (word_is(w, "realm")) {
		*size = sizeof(c->realm);
		return (c->realm);
	}
	if (word_is(w, "service")) {
		*size = sizeof(c->service);
		return (c->service);
	}
	if (word_is(w, "scope")) {
		*size = sizeof(c->scope);
		return (c->scope);
	}
	if (word_is(w, "error")) {
		*size = sizeof(c->error);
		return (c->error);
	}
	return (NULL);
}

/* A parameter may come once in a challenge (RFC 9110 11.2). */
static int
names_add(struct names *names, const struct word *w)
{
	size_t	 i;

	if (names->n == PARAMS_SEEN_MAX)
		return (-1);
	for (i = 0; i < names->n; i++)
		if (names->w[i].len == w->len &&
		    strncasecmp((const char *)names->w[i].s,
		    (const char *)w->s, w->len) == 0)
			return (-1);
	names->w[names->n++] = *w;
	return (0);
}

/* Behind a scheme's name: skips a token68, and says if there was one. */
static int
skip_token68(struct cursor *c)
{
	const unsigned char	*p = c->p;

	while (p < c->end && is_token68(*p))
		p++;
	if (p == c->p)
		return (0);
	while (p < c->end && *p == '=')
		p++;
	while (p < c->end && (*p == ' ' || *p == '\t'))
		p++;
	if (p < c->end && *p != ',')
		return (0);
	c->p = p;
	return (1);
}

/*
 * The parameters of one challenge.  They end where a name is not followed
 * by "=": that name is the next scheme.
 */
static int
read_params(struct cursor *c, struct challenge *keep)
{
	struct names	 names = { .n = 0 };
	struct cursor	 start;
	struct word	 w;
	char		*dst;
	size_t		 size = 0;

	for (;;) {
		start = *c;
		skip_empty(c);
		if (c->p == c->end)
			return (0);
		/* only a comma begins another element */
		if (names.n > 0 && memchr(start.p, ',',
		    (size_t)(c->p - start.p)) == NULL)
			return (-1);
		start = *c;
		if (read_token(c, &w) == -1)
			return (-1);
		skip_blank(c);
		if (c->p == c->end || *c->p != '=') {
			*c = start;
			return (0);
		}
		c->p++;
		skip_blank(c);
		if (names_add(&names, &w) == -1)
			return (-1);
		dst = keep != NULL ? param_place(keep, &w, &size) : NULL;
		if (read_value(c, dst, size) == -1)
			return (-1);
	}
}

int
challenge_parse(const char *value, size_t len, struct challenge *ch)
{
	struct cursor		 c;
	struct challenge	*keep;
	struct word		 scheme;

	c.p = (const unsigned char *)value;
	c.end = c.p + len;
	for (;;) {
		skip_empty(&c);
		if (c.p == c.end)
			return (0);
		if (read_token(&c, &scheme) == -1)
			return (-1);
		if (c.p < c.end && *c.p != ' ' && *c.p != ',')
			return (-1);
		keep = NULL;
		if (word_is(&scheme, "Bearer")) {
			if ((ch->schemes & CHALLENGE_BEARER) == 0)
				keep = ch;
			ch->schemes |= CHALLENGE_BEARER;
		} else if (word_is(&scheme, "Basic"))
			ch->schemes |= CHALLENGE_BASIC;
		else
			ch->schemes |= CHALLENGE_OTHER;
		skip_blank(&c);
		if (skip_token68(&c))
			continue;	/* in place of parameters */
		if (read_params(&c, keep) == -1)
			return (-1);
	}
}
