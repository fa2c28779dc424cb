/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * "berth-fetch: system call 41 (socket) refused": what a seccomp filter of
 * a debug build sends us SIGSYS for.  Any helper.
 */
#include <sys/syscall.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "trap.h"

static const char *const	 names[] = {
#include "syscalls.h"
};

#define NAMES	(int)(sizeof(names) / sizeof(names[0]))

struct line {
	char	 text[128];
	size_t	 len;
};

static void
put(struct line *l, const char *s)
{
	while (*s != '\0' && l->len < sizeof(l->text))
		l->text[l->len++] = *s++;
}

static void
put_number(struct line *l, unsigned int n)
{
	char	 digits[12];
	size_t	 i = sizeof(digits);

	digits[--i] = '\0';
	do
		digits[--i] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	put(l, digits + i);
}

/* Nothing but what is legal in a signal handler, and write and exit. */
static void
trap_handler(int signo, siginfo_t *si, void *context)
{
	struct line	 l = { .len = 0 };
	int		 nr = si->si_syscall;

	(void)context;
	put(&l, program_invocation_short_name);
	put(&l, ": system call ");
	put_number(&l, (unsigned int)nr);
	if (nr >= 0 && nr < NAMES && names[nr] != NULL) {
		put(&l, " (");
		put(&l, names[nr]);
		put(&l, ")");
	}
	put(&l, " refused\n");
	if (write(STDERR_FILENO, l.text, l.len) == -1)
		_exit(1);
	_exit(128 + signo);
}

int
trap_install(void)
{
	struct sigaction	 sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = trap_handler;
	sa.sa_flags = SA_SIGINFO;
	return (sigaction(SIGSYS, &sa, NULL));
}
