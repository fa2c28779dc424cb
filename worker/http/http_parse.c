/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The head of one HTTP/1.x request, for berth-http: bytes in, struct out.
 * What two parsers could understand in two ways is refused (RFC 9112, 11.2),
 * and whatever no client of ours sends, too.
 */
#include <string.h>
#include <strings.h>

#include "http.h"

#define METHOD_MAXLEN	16
#define LENGTH_MAXLEN	9	/* digits of Content-Length */

#define TOKEN	0x1	/* tchar, RFC 9110 5.6.2 */
#define TARGET	0x2	/* pchar, "/" and "?", RFC 3986 3.3 and 3.4 */
#define CONTROL	0x4	/* and DEL; "\t" too */
#define HOST	0x8	/* in Host: reg-name, addresses, port */

static const struct {
	int		 status;
	const char	*text;
} refusals[HTTP_RESULT_MAX] = {
	[HTTP_BAD_LINE_END] = { 400, "a line does not end with CR LF" },
	[HTTP_BAD_CONTROL] = { 400, "control character in the head" },
	[HTTP_BAD_REQUEST_LINE] = { 400, "malformed request line" },
	[HTTP_BAD_METHOD] = { 400, "malformed method" },
	[HTTP_BAD_TARGET] = { 400, "request target is not /path?query" },
	[HTTP_BAD_VERSION] = { 505, "neither HTTP/1.0 nor HTTP/1.1" },
	[HTTP_BAD_FIELD] = { 400, "malformed header field" },
	[HTTP_BAD_FOLD] = { 400, "folded header field" },
	[HTTP_BAD_HOST] = { 400, "not exactly one valid Host" },
	[HTTP_BAD_LENGTH] = { 400, "not one decimal Content-Length" },
	[HTTP_BAD_CODING] = { 400, "Transfer-Encoding is not supported" },
	[HTTP_BAD_EXPECT] = { 417, "Expect is not supported" },
	[HTTP_BAD_UPGRADE] = { 400, "Upgrade is not supported" },
	[HTTP_BAD_AUTHORIZATION] = { 400, "more than one Authorization" },
	[HTTP_BAD_HEAD_SIZE] = { 431, "request head is too large" },
	[HTTP_BAD_BODY_SIZE] = { 413, "request body is too large" },
};

static unsigned char	 classes[256];

/* The table is filled once; a constant one of 256 entries reads worse. */
static void
classes_fill(void)
{
	static const char	 alnum[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	static const struct {
		unsigned char	 class;
		const char	*bytes;
	} sets[] = {
		{ TOKEN | TARGET | HOST, alnum },
		{ TOKEN, "!#$%&'*+-.^_`|~" },
		{ TARGET, "-._~!$&'()*+,;=:@%/?" },
		{ HOST, "-._~%!$&'()*+,;=:[]" },
	};
	const char	*p;
	size_t		 i;

	for (i = 0; i < sizeof(sets) / sizeof(*sets); i++)
		for (p = sets[i].bytes; *p != '\0'; p++)
			classes[(unsigned char)*p] |= sets[i].class;
	for (i = 0; i < 0x20; i++)
		classes[i] = CONTROL;
	classes[0x7f] = CONTROL;
}

static int
is(char c, unsigned char class)
{
	return ((classes[(unsigned char)c] & class) != 0);
}

/* How many of the first len bytes of s are of the class. */
static size_t
span(const char *s, size_t len, unsigned char class)
{
	size_t	 i;

	for (i = 0; i < len && is(s[i], class); i++)
		continue;
	return (i);
}

static uint32_t
method_of(const char *s, size_t len)
{
	if (len == 3 && memcmp(s, "GET", 3) == 0)
		return (HTTP_GET);
	if (len == 4 && memcmp(s, "HEAD", 4) == 0)
		return (HTTP_HEAD);
	if (len == 4 && memcmp(s, "POST", 4) == 0)
		return (HTTP_POST);
	return (HTTP_OTHER);
}

/* "/path" and what is behind its first "?". */
static enum http_result
parse_target(struct http_request *r, const char *buf, size_t off, size_t len)
{
	const char	*mark;

	if (len == 0 || buf[off] != '/' || span(buf + off, len, TARGET) != len)
		return (HTTP_BAD_TARGET);
	r->path.off = (uint32_t)off;
	r->path.len = (uint32_t)len;
	if ((mark = memchr(buf + off, '?', len)) != NULL) {
		r->path.len = (uint32_t)(mark - (buf + off));
		r->query.off = (uint32_t)(off + r->path.len + 1);
		r->query.len = (uint32_t)(len - r->path.len - 1);
	}
	return (HTTP_MORE);
}

/* "HTTP/" DIGIT "." DIGIT */
static enum http_result
parse_version(struct http_request *r, const char *s, size_t len)
{
	if (len != 8 || memcmp(s, "HTTP/", 5) != 0 || s[5] < '0' ||
	    s[5] > '9' || s[6] != '.' || s[7] < '0' || s[7] > '9')
		return (HTTP_BAD_REQUEST_LINE);
	if (s[5] != '1' || s[7] > '1')
		return (HTTP_BAD_VERSION);
	r->minor = (uint8_t)(s[7] - '0');
	return (HTTP_MORE);
}

/* METHOD SP TARGET SP VERSION, the line is buf[off .. off + len). */
static enum http_result
parse_request_line(struct http_request *r, const char *buf, size_t off,
    size_t len)
{
	const char	*line = buf + off, *sp;
	size_t		 n, target;
	enum http_result res;

	n = span(line, len, TOKEN);
	if (n == 0 || n > METHOD_MAXLEN || (n < len && line[n] != ' '))
		return (HTTP_BAD_METHOD);
	if (n == len)
		return (HTTP_BAD_REQUEST_LINE);
	r->method = method_of(line, n);
	target = n + 1;
	if ((sp = memchr(line + target, ' ', len - target)) == NULL)
		return (HTTP_BAD_REQUEST_LINE);
	n = (size_t)(sp - line);
	if ((res = parse_version(r, line + n + 1, len - n - 1)) != HTTP_MORE)
		return (res);
	return (parse_target(r, buf, off + target, n - target));
}

static enum http_result
field_length(struct http_request *r, const char *s, size_t len)
{
	size_t	 i;

	if (len == 0 || len > LENGTH_MAXLEN || (len > 1 && *s == '0'))
		return (HTTP_BAD_LENGTH);
	for (i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return (HTTP_BAD_LENGTH);
		r->body = r->body * 10 + (uint32_t)(s[i] - '0');
	}
	return (r->body > HTTP_BODY_MAX ? HTTP_BAD_BODY_SIZE : HTTP_MORE);
}

/* An address or localhost cannot be a name that a stranger's DNS rebinds. */
static enum http_result
field_host(struct http_request *r, const char *s, size_t len)
{
	size_t	 i, n;

	if (len == 0 || span(s, len, HOST) != len)
		return (HTTP_BAD_HOST);
	for (n = 0; n < len && s[n] != ':' && s[n] != '['; n++)
		continue;
	for (i = 0; i < n && (s[i] == '.' || (s[i] >= '0' && s[i] <= '9'));)
		i++;
	r->hostname = *s != '[' && (n == 0 || i < n) &&
	    !(n == 9 && strncasecmp(s, "localhost", 9) == 0);
	return (HTTP_MORE);
}

/* Words joined by commas; those that we do not know mean nothing to us. */
static enum http_result
field_connection(struct http_request *r, const char *s, size_t len)
{
	size_t	 i, n;

	for (i = 0; i < len; i += n) {
		while (i < len && (s[i] == ' ' || s[i] == '\t' || s[i] == ','))
			i++;
		n = span(s + i, len - i, TOKEN);
		if (n == 5 && strncasecmp(s + i, "close", n) == 0)
			r->close = 1;
		else if (n == 10 && strncasecmp(s + i, "keep-alive", n) == 0)
			r->keep = 1;
		while (i + n < len && (s[i + n] == ' ' || s[i + n] == '\t'))
			n++;
		/* "close;x": a word to some, none to others */
		if (i + n < len && s[i + n] != ',')
			return (HTTP_BAD_FIELD);
	}
	return (HTTP_MORE);
}

static const struct field {
	const char	*name;
	size_t		 len;
	uint32_t	 bit;
	enum http_result once;		/* refusal of a second one */
	enum http_result never;		/* refusal of the first */
	enum http_result (*value)(struct http_request *, const char *,
			    size_t);
} fields[] = {
#define NAME(s)	s, sizeof(s) - 1
	{ NAME("host"), HTTP_SAW_HOST, HTTP_BAD_HOST, HTTP_MORE,
	    field_host },
	{ NAME("connection"), HTTP_SAW_CONNECTION, HTTP_MORE, HTTP_MORE,
	    field_connection },
	{ NAME("content-length"), HTTP_SAW_LENGTH, HTTP_BAD_LENGTH,
	    HTTP_MORE, field_length },
	{ NAME("transfer-encoding"), HTTP_SAW_CODING, HTTP_MORE,
	    HTTP_BAD_CODING, NULL },
	{ NAME("authorization"), HTTP_SAW_AUTHORIZATION,
	    HTTP_BAD_AUTHORIZATION, HTTP_MORE, NULL },
	{ NAME("origin"), HTTP_SAW_BROWSER, HTTP_MORE, HTTP_MORE, NULL },
	{ NAME("sec-fetch-site"), HTTP_SAW_BROWSER, HTTP_MORE, HTTP_MORE,
	    NULL },
	{ NAME("expect"), HTTP_SAW_EXPECT, HTTP_MORE, HTTP_BAD_EXPECT,
	    NULL },
	{ NAME("upgrade"), HTTP_SAW_UPGRADE, HTTP_MORE, HTTP_BAD_UPGRADE,
	    NULL },
#undef NAME
};

static const struct field *
field_find(const char *name, size_t len)
{
	size_t	 i;

	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (fields[i].len == len &&
		    strncasecmp(fields[i].name, name, len) == 0)
			return (&fields[i]);
	return (NULL);
}

static enum http_result
parse_field(struct http_request *r, const char *buf, size_t off, size_t len)
{
	const char		*line = buf + off;
	const struct field	*f;
	size_t			 n, v;

	if (*line == ' ' || *line == '\t')
		return (HTTP_BAD_FOLD);
	n = span(line, len, TOKEN);
	if (n == 0 || n == len || line[n] != ':')
		return (HTTP_BAD_FIELD);
	if ((f = field_find(line, n)) == NULL)
		return (HTTP_MORE);
	if (f->never != HTTP_MORE)
		return (f->never);
	if ((r->seen & f->bit) != 0 && f->once != HTTP_MORE)
		return (f->once);
	r->seen |= f->bit;
	for (v = n + 1; v < len && (line[v] == ' ' || line[v] == '\t'); v++)
		continue;
	while (len > v && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		len--;
	if (f->bit == HTTP_SAW_AUTHORIZATION) {
		r->authorization.off = (uint32_t)(off + v);
		r->authorization.len = (uint32_t)(len - v);
	}
	return (f->value == NULL ? HTTP_MORE : f->value(r, line + v, len - v));
}

/* The empty line: what only the whole head can tell. */
static enum http_result
parse_end(struct http_request *r)
{
	if (r->minor == 1 && (r->seen & HTTP_SAW_HOST) == 0)
		return (HTTP_BAD_HOST);
	r->whole = 1;
	r->keepalive = !r->close && (r->minor == 1 || r->keep);
	return (HTTP_WHOLE);
}

static enum http_result
parse_line(struct http_request *r, const char *buf, size_t end)
{
	size_t	 len = end - r->line;

	if (r->lines++ == 0)
		return (parse_request_line(r, buf, r->line, len));
	if (len == 0)
		return (parse_end(r));
	return (parse_field(r, buf, r->line, len));
}

enum http_result
http_parse(struct http_request *r, const char *buf, size_t len)
{
	enum http_result	 res;
	size_t			 i;

	if (classes[0] == 0)
		classes_fill();
	if (r->whole)
		return (HTTP_WHOLE);
	for (i = r->scan; i < len; i++) {
		if (i + 1 >= HTTP_HEAD_MAX)
			return (HTTP_BAD_HEAD_SIZE);
		if (!is(buf[i], CONTROL))
			continue;
		if (buf[i] == '\n')
			return (HTTP_BAD_LINE_END);
		if (buf[i] == '\t' && r->lines > 0)
			continue;
		if (buf[i] != '\r')
			return (HTTP_BAD_CONTROL);
		if (i + 1 == len)
			break;		/* its LF may still come */
		if (buf[i + 1] != '\n')
			return (HTTP_BAD_LINE_END);
		if ((res = parse_line(r, buf, i)) > HTTP_WHOLE)
			return (res);
		r->line = (uint32_t)(i + 2);
		if (res == HTTP_WHOLE)
			return (res);
		i++;
	}
	r->scan = (uint32_t)i;
	return (HTTP_MORE);
}

int
http_refusal(enum http_result res, const char **text)
{
	*text = refusals[res].text;
	return (refusals[res].status);
}
