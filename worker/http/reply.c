/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* What berth-http answers, made ready once and copied out many times. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "http.h"

static const struct {
	int		 status;
	const char	*text;
} phrases[] = {
	{ 200, "OK" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 409, "Conflict" },
	{ 413, "Content Too Large" },
	{ 417, "Expectation Failed" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 503, "Service Unavailable" },
	{ 505, "HTTP Version Not Supported" },
};

static char	 date[128];		/* the line for date_time */
static size_t	 datelen;
static time_t	 date_time = -1;

/* RFC 9110 6.6.1; made once a second. */
static void
date_set(void)
{
	static const char	 days[] = "SunMonTueWedThuFriSat";
	static const char	 months[] =
	    "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct timespec	 ts;
	struct tm	 tm;
	int		 n;

	clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	if (ts.tv_sec == date_time || gmtime_r(&ts.tv_sec, &tm) == NULL)
		return;
	/* strftime() would speak the locale's language. */
	n = snprintf(date, sizeof(date),
	    "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
	    days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
	    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	datelen = (size_t)n;
	date_time = ts.tv_sec;
}

/* The first gmtime_r() opens the zone file, which the sandbox forbids. */
void
reply_init(void)
{
	date_set();
}

static const char *
phrase(int status)
{
	size_t	 i;

	for (i = 0; i < sizeof(phrases) / sizeof(*phrases); i++)
		if (phrases[i].status == status)
			return (phrases[i].text);
	return ("");	/* RFC 9112 4: the phrase may be empty */
}

/* A JSON string (RFC 8259 7); returns the bytes written. */
static size_t
json_string(char *dst, const char *s)
{
	size_t	 o = 0;

	dst[o++] = '"';
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			dst[o++] = '\\';
		/* The broker's text is printable; trust is not needed. */
		dst[o++] = *s < 0x20 || *s > 0x7e ? '?' : *s;
	}
	dst[o++] = '"';
	return (o);
}

void
reply_make(struct reply *r, int status, const char *text, const char *extra)
{
	static const char	 ok[] = "{\"status\":\"ok\"";
	static const char	 error[] = "{\"status\":\"error\"";
	static const char	 message[] = ",\"message\":";
	char			 line[MSG_TEXT_SIZE];
	char			*p;
	int			 n;

	p = stpcpy(r->body, status < 400 ? ok : error);
	if (*text != '\0') {
		snprintf(line, sizeof(line), "%s", text);
		p = stpcpy(p, message);
		p += json_string(p, line);
	}
	p = stpcpy(p, "}\n");
	r->bodylen = (uint32_t)(p - r->body);
	r->status = status;
	n = snprintf(r->head, sizeof(r->head), "HTTP/1.1 %03d %s\r\n"
	    "Content-Type: application/json\r\n"
	    "Content-Length: %u\r\n"
	    "Cache-Control: no-store\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "%s", status, phrase(status), r->bodylen,
	    extra == NULL ? "" : extra);
	r->headlen = (uint32_t)n;
}

static char *
put(char *dst, const char *src, size_t len)
{
	memcpy(dst, src, len);
	return (dst + len);
}

size_t
reply_write(const struct reply *r, enum reply_end end, int headonly, char *dst)
{
#define LINE(s)	{ s "\r\n", sizeof(s "\r\n") - 1 }
	static const struct {
		const char	*text;
		size_t		 len;
	} ends[] = {
		[REPLY_KEEP] = LINE(""),
		[REPLY_KEEP_10] = LINE("Connection: keep-alive\r\n"),
		[REPLY_CLOSE] = LINE("Connection: close\r\n"),
	};
#undef LINE
	char	*p = dst;

	date_set();
	p = put(p, r->head, r->headlen);
	p = put(p, date, datelen);
	p = put(p, ends[end].text, ends[end].len);
	if (!headonly)
		p = put(p, r->body, r->bodylen);
	return ((size_t)(p - dst));
}
