/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The broker gives away what it does not need: it runs with privilege, but
 * not with all of it.
 */
#include <linux/capability.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../common/log.h"
#include "../common/sandbox.h"
#include "broker.bpf.h"
#include "broker.h"

#define CAP(x)		(1ULL << CAP_##x)

/*
 * What is left.  Not among them: SYS_ADMIN, as each mount happens in a
 * helper's user namespace; KILL, as the owner of a namespace may signal all
 * in it; CHOWN, as the store is given away by now; NET_BIND_SERVICE, as the
 * listener is open; SYS_PTRACE, SYS_CHROOT, MKNOD, FOWNER and the rest, as
 * nothing asks for them.
 */
#define CAPS_KEPT	(CAP(SETUID) |	/* to write a helper's uid_map, and \
					 * to look up paths as the engine */ \
			    CAP(SETGID) | /* and its gid_map */ \
			    CAP(DAC_OVERRIDE)) /* others' store and cgroups */

/* True when the host's switch at path has this value. */
static int
host_says(const char *path, char value)
{
	char	 c;
	ssize_t	 n;
	int	 fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return (0);
	n = read(fd, &c, 1);
	close(fd);
	return (n == 1 && c == value);
}

/*
 * Some hosts let nobody else make a user namespace: Debian by a switch,
 * Ubuntu by AppArmor.
 */
static uint64_t
caps_of_host(void)
{
	if (host_says("/proc/sys/kernel/unprivileged_userns_clone", '0') ||
	    host_says("/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
	    '1'))
		return (CAP(SYS_ADMIN));
	return (0);
}

void
confine(void)
{
	if (sandbox_drop(CAPS_KEPT | caps_of_host()) == -1)
		fatal("capabilities");
	if (sandbox_seccomp(broker_filter, broker_filter_len) == -1)
		fatal("system call filter");
	/* what nothing and what the filter alone forbids: are both in force? */
	if (!SANDBOX_SANITIZED && (chroot("/") != -1 || errno != EPERM ||
	    syscall(SYS_get_mempolicy, 0, 0, 0, 0, 0) != -1 || errno != EPERM))
		fatalx("not confined");
}
