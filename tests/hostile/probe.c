/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Runs every check of the probe and tells what came of each: see probe.h. */
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

static unsigned int	 checks, bad;

/* Is got one of the words of want? */
static int
among(const char *want, const char *got)
{
	size_t	 n, len = strlen(got);

	for (;; want += n + 1) {
		n = strcspn(want, "|");
		if (n == len && strncmp(want, got, n) == 0)
			return (1);
		if (want[n] == '\0')
			return (0);
	}
}

void
judge(const char *name, const char *want, const char *got)
{
	int	 ok = among(want, got);

	checks++;
	bad += !ok;
	printf("%s %s %s %s\n", name, want, got, ok ? "ok" : "BAD");
}

const char *
outcome(long rv)
{
	const char	*name;

	if (rv != -1)
		return ("done");
	name = strerrorname_np(errno);
	return (name == NULL ? "E?" : name);
}

void
judge_rv(const char *name, const char *want, long rv)
{
	judge(name, want, outcome(rv));
}

const char *
try_call(long nr, const long args[5])
{
	static char	 killed[16];
	pid_t		 pid;
	int		 status;

	if ((pid = fork()) == 0) {
		errno = 0;
		if (syscall(nr, args[0], args[1], args[2], args[3],
		    args[4]) == -1)
			_exit(errno);
		_exit(0);
	}
	if (pid == -1 || waitpid(pid, &status, 0) == -1)
		return (outcome(-1));
	if (WIFSIGNALED(status)) {
		snprintf(killed, sizeof(killed), "SIG%s",
		    sigabbrev_np(WTERMSIG(status)));
		return (killed);
	}
	errno = WEXITSTATUS(status);
	return (outcome(errno == 0 ? 0 : -1));
}

int
main(int argc, char *argv[])
{
	if (argc == 2 && strcmp(argv[1], "gained") == 0)
		return (gained());
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	check_descriptors();	/* before anything of ours opens one */
	check_status();
	check_limits();
	check_mounts();
	check_hidden();
	check_readonly();
	check_others();
	check_dev();
	check_sockets();
	check_calls();
	check_gain();
	printf("checks %u bad %u\n", checks, bad);
	return (0);
}
