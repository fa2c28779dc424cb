/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Messages for people: one line each, on standard error or to syslog(3). */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdarg.h>
#include <stddef.h>

/* name is the prefix of each line ("berthd", "berth"); kept, not copied. */
void	 log_init(const char *name, int verbose);
void	 log_verbose(int verbose);
int	 log_getverbose(void);
/* From now on to syslog(3), not to standard error. */
void	 log_syslog(void);
/*
 * From now on to this function: a priority of syslog(3), and one line
 * without name or newline.
 */
void	 log_to(void (*)(int priority, const char *line));
/* What another process has to say: its priority, and the line. */
void	 log_pass(int priority, const char *line);
/* With ": " and strerror(errno) behind it; errno is left as it was. */
void	 log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	 log_warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	 log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Only with -v. */
void	 log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* For what cannot happen, and at start-up: logs as log_warn, exits with 1. */
void	 fatal(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2), noreturn));
void	 fatalx(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2), noreturn));
/*
 * Writes src (srclen bytes, any bytes) into dst as printable ASCII, others
 * as \xHH and "\" as "\\", cut to fit with its NUL into dstsize.  Returns
 * dst.
 */
char	*log_encode(char *dst, size_t dstsize, const void *src, size_t srclen);

#endif
