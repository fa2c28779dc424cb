/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The caller's terminal while an app has a pty of its own: raw, of the same
 * size, and as it was before when we go, whatever makes us go.
 */
#include <sys/ioctl.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "cli.h"

static struct termios		 saved;
static volatile sig_atomic_t	 is_raw;
static int			 tty_master = -1;

/* Those that end a process and are not read from the signalfd. */
static const int	 deadly[] = { SIGQUIT, SIGILL, SIGTRAP, SIGABRT,
			    SIGBUS, SIGFPE, SIGSEGV, SIGALRM, SIGUSR1,
			    SIGUSR2, SIGXCPU, SIGXFSZ, SIGSYS };

int
tty_size(uint16_t *rows, uint16_t *cols)
{
	struct winsize	 ws;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &ws) == -1)
		return (-1);
	*rows = ws.ws_row;
	*cols = ws.ws_col;
	return (0);
}

void
tty_restore(void)
{
	int	 saved_errno = errno;

	if (is_raw) {
		is_raw = 0;
		tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	}
	errno = saved_errno;
}

/* Runs once (SA_RESETHAND), then the signal does what it always did. */
static void
on_deadly(int signo)
{
	tty_restore();
	raise(signo);
}

static int
make_raw(void)
{
	struct termios	 raw = saved;

	cfmakeraw(&raw);
	/* set first: a signal in between must find something to restore */
	is_raw = 1;
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == -1) {
		is_raw = 0;
		return (-1);
	}
	return (0);
}

int
tty_raw(int master)
{
	struct sigaction	 sa = { .sa_handler = on_deadly,
				    .sa_flags = (int)SA_RESETHAND };
	size_t			 i;

	if (tcgetattr(STDIN_FILENO, &saved) == -1)
		return (-1);
	tty_master = master;
	if (atexit(tty_restore) != 0) {
		errno = ENOMEM;
		return (-1);
	}
	for (i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		sigaction(deadly[i], &sa, NULL);
	tty_resize();
	return (make_raw());
}

void
tty_resize(void)
{
	struct winsize	 ws;

	if (tty_master != -1 && ioctl(STDIN_FILENO, TIOCGWINSZ, &ws) == 0)
		(void)ioctl(tty_master, TIOCSWINSZ, &ws);
}

void
tty_stop(void)
{
	tty_restore();
	raise(SIGSTOP);
}

void
tty_continue(void)
{
	if (tty_master == -1)
		return;
	if (!is_raw && tcgetattr(STDIN_FILENO, &saved) == -1)
		return;
	(void)make_raw();
	tty_resize();
}
