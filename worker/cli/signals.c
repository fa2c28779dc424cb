/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Signals of the command line, read from a descriptor among the others. */
#include <sys/signalfd.h>

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli.h"

static const int	 forwarded[] = { SIGINT, SIGTERM, SIGHUP };

static sigset_t		 caught;

int
signals_open(int all)
{
	struct sigaction	 sa;
	size_t			 i;

	sigemptyset(&caught);
	for (i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++) {
		if (!all && sigaction(forwarded[i], NULL, &sa) == 0 &&
		    sa.sa_handler == SIG_IGN)
			continue;
		sigaddset(&caught, forwarded[i]);
	}
	if (sigprocmask(SIG_BLOCK, &caught, NULL) == -1)
		return (-1);
	/* what is blocked is kept pending even where it is ignored */
	return (signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK));
}

int
signals_add_tty(int sigfd)
{
	struct sigaction	 sa = { .sa_handler = SIG_DFL };

	/* a nohup(1)-like parent must not keep the terminal raw */
	sigaction(SIGTSTP, &sa, NULL);
	sigaddset(&caught, SIGWINCH);
	sigaddset(&caught, SIGTSTP);
	sigaddset(&caught, SIGCONT);
	if (sigprocmask(SIG_BLOCK, &caught, NULL) == -1)
		return (-1);
	return (signalfd(sigfd, &caught, 0) == -1 ? -1 : 0);
}

int
signals_next(int sigfd)
{
	struct signalfd_siginfo	 si;

	if (read(sigfd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return (0);
	return ((int)si.ssi_signo);
}

void
signals_die(int signo)
{
	sigset_t	 set;

	signal(signo, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(signo);
	_exit(128 + signo);
}
