/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Runs inside a container, from an image of test_confine.py, and tries what
 * must not work.  One line per try: its name and the errno, or "done".
 */
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
told(const char *name, long rv)
{
	printf("%s %s\n", name, rv == -1 ? strerrorname_np(errno) : "done");
}

static const struct {
	const char	*name;
	long		 nr, a, b, c;
} calls[] = {
	{ "unshare-user", SYS_unshare, CLONE_NEWUSER, 0, 0 },
	{ "unshare-mount", SYS_unshare, CLONE_NEWNS, 0, 0 },
	{ "clone-user", SYS_clone, CLONE_NEWUSER | 17, 0, 0 },
	{ "clone3", SYS_clone3, 0, 0, 0 },
	{ "setns", SYS_setns, 0, 0, 0 },
	{ "mount", SYS_mount, 0, 0, 0 },
	{ "umount", SYS_umount2, 0, 0, 0 },
	{ "pivot_root", SYS_pivot_root, 0, 0, 0 },
	{ "chroot", SYS_chroot, 0, 0, 0 },
	{ "fsopen", SYS_fsopen, 0, 0, 0 },
	{ "open_tree", SYS_open_tree, -100, 0, 0 },
	{ "mount_setattr", SYS_mount_setattr, -100, 0, 0 },
	{ "io_uring", SYS_io_uring_setup, 1, 0, 0 },
	{ "bpf", SYS_bpf, 0, 0, 0 },
	{ "perf", SYS_perf_event_open, 0, 0, 0 },
	{ "userfaultfd", SYS_userfaultfd, 0, 0, 0 },
	{ "keyctl", SYS_keyctl, 0, 0, 0 },
	{ "add_key", SYS_add_key, 0, 0, 0 },
	{ "ptrace", SYS_ptrace, 16, 1, 0 },
	{ "process_vm_readv", SYS_process_vm_readv, 1, 0, 0 },
	{ "handle", SYS_open_by_handle_at, -100, 0, 0 },
	{ "kexec", SYS_kexec_load, 0, 0, 0 },
	{ "module", SYS_init_module, 0, 0, 0 },
	{ "reboot", SYS_reboot, 0, 0, 0 },
	{ "syslog", SYS_syslog, 3, 0, 0 },
	{ "settime", SYS_clock_settime, 0, 0, 0 },
	{ "personality", SYS_personality, 0x0040000, 0, 0 },
	{ "tiocsti", SYS_ioctl, 0, TIOCSTI, 0 },
	{ "tiocsti-high", SYS_ioctl, 0, (long)(1ULL << 32 | TIOCSTI), 0 },
	{ "mknod-char", SYS_mknodat, -100, (long)"/tmp/c", S_IFCHR | 0666 },
	{ "mknod-block", SYS_mknodat, -100, (long)"/tmp/b", S_IFBLK | 0666 },
	{ "new-call", 999, 0, 0, 0 },
};

int
main(void)
{
	char		 name[32];
	struct rlimit	 rl;
	size_t		 i;
	int		 fd, family;

	for (fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			printf("fd-%d open\n", fd);
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		told(calls[i].name, syscall(calls[i].nr, calls[i].a,
		    calls[i].b, calls[i].c, 0, 0));
	for (family = 0; family < 46; family++) {
		snprintf(name, sizeof(name), "socket-%d", family);
		fd = socket(family, SOCK_DGRAM, 0);
		told(name, fd);
		if (fd != -1)
			close(fd);
	}
	told("raw", socket(AF_INET, SOCK_RAW, 1));
	told("audit", socket(AF_NETLINK, SOCK_RAW, 9));
	told("pid1-exe", open("/proc/1/exe", O_RDONLY));
	told("pid1-mem", open("/proc/1/mem", O_RDONLY));
	told("pid1-environ", open("/proc/1/environ", O_RDONLY));
	told("pid1-root", open("/proc/1/root", O_RDONLY));
	told("pid1-fd", open("/proc/1/fd/3", O_RDONLY));
	getrlimit(RLIMIT_CORE, &rl);
	printf("core %llu\n", (unsigned long long)rl.rlim_max);
	printf("umask %o\n", umask(0));
	return (0);
}
