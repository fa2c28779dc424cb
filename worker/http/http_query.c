/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The query of /start and /stop, for berth-http: text to the indexes and
 * values of parameters that berthd.conf declares.  Pure.
 */
#include <stdio.h>
#include <string.h>

#include "../../common/valid.h"
#include "http.h"

struct cursor {			/* over NAME=VALUE&NAME=VALUE... */
	const char	*p, *end;
};

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'a' && c <= 'f')
		return (c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (c - 'A' + 10);
	return (-1);
}

/*
 * Form decoding of src to dst and a NUL; *len is the size of dst, then the
 * bytes written.
 */
static enum query_error
decode(const char *src, size_t srclen, char *dst, size_t *len)
{
	size_t	 i, o = 0;
	int	 hi, lo;
	char	 c;

	if (*len == 0)
		return (QUERY_LONG);
	for (i = 0; i < srclen; i++) {
		c = src[i];
		if (c == '+')
			c = ' ';
		else if (c == '%') {
			if (srclen - i < 3 || (hi = hex(src[i + 1])) == -1 ||
			    (lo = hex(src[i + 2])) == -1)
				return (QUERY_ESCAPE);
			c = (char)(hi << 4 | lo);
			i += 2;
		}
		if ((unsigned char)c < 0x20 || c == 0x7f)
			return (QUERY_BYTES);
		if (o + 1 >= *len)
			return (QUERY_LONG);
		dst[o++] = c;
	}
	dst[o] = '\0';
	*len = o;
	return (QUERY_OK);
}

/*
 * The length of the well-formed character at s (RFC 3629), or 0; control
 * characters of U+0080 to U+009F are none.
 */
static size_t
utf8_len(const unsigned char *s)
{
	size_t		 i, n;
	unsigned char	 lo = 0x80, hi = 0xbf;

	if (s[0] < 0x80)
		return (1);
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return (0);
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	switch (s[0]) {
	case 0xc2: case 0xe0: lo = 0xa0; break;
	case 0xed: hi = 0x9f; break;	/* no surrogates */
	case 0xf0: lo = 0x90; break;
	case 0xf4: hi = 0x8f; break;
	}
	if (s[1] < lo || s[1] > hi)
		return (0);
	for (i = 2; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return (0);
	return (n);
}

/* s ends with a NUL, which no character goes across. */
static int
utf8_ok(const char *s)
{
	const unsigned char	*p = (const unsigned char *)s;
	size_t			 n;

	for (; *p != '\0'; p += n)
		if ((n = utf8_len(p)) == 0)
			return (0);
	return (1);
}

/*
 * Decodes one pair: the name to PARAMNAME_MAXLEN + 1 bytes, the value to
 * *vlen, then its length.
 */
static enum query_error
next_pair(struct cursor *c, char *name, char *value, size_t *vlen)
{
	const char		*amp, *eq;
	size_t			 nlen = PARAMNAME_MAXLEN + 1;
	enum query_error	 error;

	amp = memchr(c->p, '&', (size_t)(c->end - c->p));
	if (amp == NULL)
		amp = c->end;
	eq = memchr(c->p, '=', (size_t)(amp - c->p));
	if (eq == NULL || eq == c->p || amp + 1 == c->end)
		return (QUERY_SYNTAX);
	name[0] = '\0';
	error = decode(c->p, (size_t)(eq - c->p), name, &nlen);
	/* A name that is too long is none of ours, whatever it holds. */
	if (error == QUERY_LONG || (error == QUERY_OK &&
	    !valid_paramname(name))) {
		name[0] = '\0';
		return (QUERY_UNDECLARED);
	}
	if (error == QUERY_OK)
		error = decode(eq + 1, (size_t)(amp - eq - 1), value, vlen);
	if (error == QUERY_OK && !utf8_ok(value))
		error = QUERY_BYTES;
	c->p = amp == c->end ? amp : amp + 1;
	return (error);
}

static enum query_error
fail(struct query_why *why, enum query_error error, const char *name)
{
	why->error = error;
	snprintf(why->name, sizeof(why->name), "%s", name);
	return (error);
}

/* The index of the app that "app" names, or of the only one. */
static enum query_error
choose_app(const char *q, size_t len, const struct http_app *apps,
    uint32_t napps, uint32_t *app, struct query_why *why)
{
	char			 name[PARAMNAME_MAXLEN + 1];
	char			 value[HTTP_QUERY_MAX];
	struct cursor		 c = { q, q + len };
	size_t			 vlen;
	enum query_error	 error;

	*app = napps;
	while (c.p < c.end) {
		vlen = sizeof(value);
		if ((error = next_pair(&c, name, value, &vlen)) != QUERY_OK)
			return (fail(why, error, name));
		if (strcmp(name, "app") != 0)
			continue;
		if (*app != napps)
			return (fail(why, QUERY_TWICE, name));
		for (*app = 0; *app < napps; (*app)++)
			if (strcmp(apps[*app].name, value) == 0)
				break;
		if (*app == napps)
			return (fail(why, QUERY_APP_UNKNOWN, ""));
	}
	if (*app == napps && napps != 1)
		return (fail(why, QUERY_APP_NEEDED, ""));
	if (*app == napps)
		*app = 0;
	return (QUERY_OK);
}

static uint32_t
param_index(const struct http_app *a, const char *name)
{
	uint32_t	 i;

	for (i = 0; i < a->nparams; i++)
		if (strcmp(a->params[i].name, name) == 0)
			break;
	return (i);
}

/* *set gets a bit for each parameter that is given. */
static enum query_error
take_params(struct cursor *c, const struct http_app *a,
    struct msg_http_start *m, uint32_t *set, struct query_why *why)
{
	char			 name[PARAMNAME_MAXLEN + 1];
	size_t			 vlen, used = 0;
	uint32_t		 i;
	enum query_error	 error;

	while (c->p < c->end) {
		vlen = sizeof(m->data) - used;
		error = next_pair(c, name, m->data + used, &vlen);
		if (error != QUERY_OK)
			return (fail(why, error, name));
		if (strcmp(name, "app") == 0) {
			memset(m->data + used, 0, vlen);
			continue;
		}
		if ((i = param_index(a, name)) == a->nparams)
			return (fail(why, QUERY_UNDECLARED, name));
		if (*set & (1U << i))
			return (fail(why, QUERY_TWICE, name));
		if (vlen == 0 && (a->params[i].flags & PARAM_REQUIRED))
			return (fail(why, QUERY_EMPTY, name));
		*set |= 1U << i;
		m->v[m->n].param = (uint16_t)i;
		m->v[m->n].off = (uint16_t)used;
		m->v[m->n].len = (uint16_t)vlen;
		m->n++;
		used += vlen + 1;
	}
	return (QUERY_OK);
}

int
http_query(const char *q, size_t len, const struct http_app *apps,
    uint32_t napps, int takes, struct msg_http_start *m,
    struct query_why *why)
{
	static const struct http_app	 none;
	const struct http_app		*a;
	struct cursor			 c = { q, q + len };
	uint32_t			 i, set = 0;

	memset(m, 0, sizeof(*m));
	if (choose_app(q, len, apps, napps, &m->app, why) != QUERY_OK)
		return (-1);
	a = takes ? &apps[m->app] : &none;
	if (take_params(&c, a, m, &set, why) != QUERY_OK)
		return (-1);
	for (i = 0; i < a->nparams; i++) {
		if ((a->params[i].flags & PARAM_REQUIRED) != 0 &&
		    (set & (1U << i)) == 0) {
			fail(why, QUERY_MISSING, a->params[i].name);
			return (-1);
		}
	}
	return (0);
}

void
query_text(const struct query_why *why, char *buf, size_t size)
{
	static const char	*const texts[] = {
		[QUERY_SYNTAX] = "query is not NAME=VALUE joined by &",
		[QUERY_ESCAPE] = "query has a % without two hex digits",
		[QUERY_BYTES] = "query has control characters or is not UTF-8",
		[QUERY_LONG] = "query is too long",
		[QUERY_APP_NEEDED] = "several apps are declared: app= is "
		    "missing",
		[QUERY_APP_UNKNOWN] = "app= names no declared app",
		[QUERY_UNDECLARED] = "is not declared",
		[QUERY_TWICE] = "is given twice",
		[QUERY_MISSING] = "is required and missing",
		[QUERY_EMPTY] = "is required and empty",
	};

	/* name has passed valid_paramname(), so it is safe to send back. */
	if (why->error >= QUERY_UNDECLARED && why->name[0] != '\0')
		snprintf(buf, size, "parameter %s %s", why->name,
		    texts[why->error]);
	else if (why->error == QUERY_UNDECLARED)
		snprintf(buf, size, "a parameter %s", texts[why->error]);
	else
		snprintf(buf, size, "%s", texts[why->error]);
}
