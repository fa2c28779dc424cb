/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* One line per message on standard error, in a single write; every process. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "log.h"

static const char	*log_name = "berth";
static int		 log_level;
static int		 log_tosyslog;
static void		(*log_line_to)(int, const char *);

void
log_init(const char *name, int verbose)
{
	log_name = name;
	log_level = verbose;
}

void
log_verbose(int verbose)
{
	log_level = verbose;
}

int
log_getverbose(void)
{
	return (log_level);
}

void
log_syslog(void)
{
	openlog(log_name, LOG_PID | LOG_NDELAY, LOG_DAEMON);
	log_tosyslog = 1;
}

void
log_to(void (*to)(int, const char *))
{
	log_line_to = to;
}

char *
log_encode(char *dst, size_t dstsize, const void *src, size_t srclen)
{
	static const char	 hex[] = "0123456789abcdef";
	const unsigned char	*s = src;
	size_t			 i, o = 0;

	for (i = 0; i < srclen; i++) {
		if (s[i] == '\\') {
			if (o + 2 >= dstsize)
				break;
			dst[o++] = '\\';
			dst[o++] = '\\';
		} else if (s[i] >= 0x20 && s[i] < 0x7f) {
			if (o + 1 >= dstsize)
				break;
			dst[o++] = (char)s[i];
		} else {
			if (o + 4 >= dstsize)
				break;
			dst[o++] = '\\';
			dst[o++] = 'x';
			dst[o++] = hex[s[i] >> 4];
			dst[o++] = hex[s[i] & 15];
		}
	}
	if (dstsize > 0)
		dst[o] = '\0';
	return (dst);
}

/* error: 0, or the errno whose text ends the line. */
static void
log_line(int priority, int error, const char *fmt, va_list ap)
{
	char	 line[2048];
	size_t	 off;
	int	 n, saved_errno = errno;

	n = snprintf(line, sizeof(line), "%s: ", log_name);
	off = n < 0 ? 0 : (size_t)n;
	n = vsnprintf(line + off, sizeof(line) - off - 1, fmt, ap);
	if (n > 0)
		off += (size_t)n;
	if (off > sizeof(line) - 2)
		off = sizeof(line) - 2;
	if (error != 0 && off < sizeof(line) - 2) {
		n = snprintf(line + off, sizeof(line) - off - 1, ": %s",
		    strerror(error));
		if (n > 0)
			off += (size_t)n;
		if (off > sizeof(line) - 2)
			off = sizeof(line) - 2;
	}
	line[off] = '\0';
	if (log_line_to != NULL) {
		log_line_to(priority, line + strlen(log_name) + 2);
		errno = saved_errno;
		return;
	}
	if (log_tosyslog) {
		syslog(priority, "%s", line + strlen(log_name) + 2);
		errno = saved_errno;
		return;
	}
	line[off++] = '\n';
	while (write(STDERR_FILENO, line, off) == -1 && errno == EINTR)
		continue;
	errno = saved_errno;
}

void
log_warn(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_line(LOG_WARNING, errno, fmt, ap);
	va_end(ap);
}

void
log_warnx(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_line(LOG_WARNING, 0, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_line(LOG_INFO, 0, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list	 ap;

	if (log_level < 1)
		return;
	va_start(ap, fmt);
	log_line(LOG_DEBUG, 0, fmt, ap);
	va_end(ap);
}

void
log_pass(int priority, const char *line)
{
	if (log_tosyslog)
		syslog(priority, "%s", line);
	else
		log_warnx("%s", line);
}

void
fatal(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_line(LOG_ERR, errno, fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	log_line(LOG_ERR, 0, fmt, ap);
	va_end(ap);
	exit(1);
}
