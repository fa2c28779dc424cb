/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* What a confined helper tries against itself; each must be refused. */
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/capability.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "fence.h"
#include "log.h"
#include "sandbox.h"
#include "selftest.h"

static int
try_open(const char *path, int flags)
{
	int	 fd;

	if ((fd = open(path, flags | O_CLOEXEC)) != -1)
		close(fd);
	return (fd);
}

static int
try_host(void)
{
	return (try_open("/etc/passwd", O_RDONLY));
}

static int
try_proc(void)
{
	return (try_open("/proc/self/status", O_RDONLY));
}

static int
try_root(void)
{
	return (fence_abi() == 0 ? -1 : try_open("/", O_RDONLY | O_DIRECTORY));
}

static int
try_mount(void)
{
	return (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

static int
try_chroot(void)
{
	return (chroot("/"));
}

static int
try_unshare(void)
{
	return (unshare(CLONE_NEWNS));
}

static int
try_sethostname(void)
{
	return (sethostname("berth", 5));
}

/* Raw: libc would tell threads that there are none of. */
static int
try_setresuid(void)
{
	return ((int)syscall(SYS_setresuid, 1, 1, 1));
}

static int
try_setgroups(void)
{
	return ((int)syscall(SYS_setgroups, 0, NULL));
}

/* The parent is of another namespace: it has no number here. */
static int
try_parent(void)
{
	return (getppid() == 0 ? -1 : 0);
}

static int
try_signal(void)
{
	return (kill(-1, 0));
}

static int
try_fork(void)
{
	pid_t	 pid;

	if ((pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL,
	    NULL)) == 0)
		_exit(0);
	return (pid == -1 ? -1 : 0);
}

static const struct {
	const char	*name;
	int		(*try)(void);	/* -1: refused */
	unsigned int	 flag;		/* 0: for everybody */
} tests[] = {
	{ "open a file of the host",	try_host,	SELFTEST_FILES },
	{ "open a file of /proc",	try_proc,	SELFTEST_FILES },
	{ "open the root directory",	try_root,	SELFTEST_ROOT },
	{ "mount",			try_mount,	0 },
	{ "chroot",			try_chroot,	0 },
	{ "unshare",			try_unshare,	0 },
	{ "set the host name",		try_sethostname, 0 },
	{ "become another user",	try_setresuid,	0 },
	{ "drop groups",		try_setgroups,	0 },
	{ "see the parent",		try_parent,	0 },
	{ "signal others",		try_signal,	SELFTEST_ALONE },
	{ "make a process",		try_fork,	SELFTEST_FORK },
};

/* What the kernel says that we have. */
static void
check_caps(uint64_t keep)
{
	struct __user_cap_header_struct	 hdr;
	struct __user_cap_data_struct	 d[2];

	memset(&hdr, 0, sizeof(hdr));
	hdr.version = _LINUX_CAPABILITY_VERSION_3;
	if (syscall(SYS_capget, &hdr, d) == -1)
		fatal("self-test: capabilities");
	if (((uint64_t)d[1].permitted << 32 | d[0].permitted) != keep ||
	    ((uint64_t)d[1].effective << 32 | d[0].effective) != keep ||
	    d[0].inheritable != 0 || d[1].inheritable != 0 ||
	    prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 0)
		fatalx("self-test: capabilities are left");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ||
	    prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		fatalx("self-test: no_new_privs or dumpable is wrong");
}

void
selftest_confined(uint64_t keep, unsigned int flags)
{
	size_t	 i;

	check_caps(keep);
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if ((tests[i].flag == 0 || (tests[i].flag & flags) != 0) &&
		    tests[i].try() != -1)
			fatalx("self-test: %s: not refused", tests[i].name);
}

void
selftest_filter(void)
{
	if (SANDBOX_SANITIZED)
		return;
	/* without a filter the kernel would say EINVAL */
	if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
		fatalx("self-test: the system call filter is not in force");
}
