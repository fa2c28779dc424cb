/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The probe's system calls: what led out of containers before, and what no
 * app needs.  Arguments are such that a call which is let through does no
 * harm, as each runs in a child and the kernel says EFAULT or EINVAL.
 */
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "probe.h"

#define HIGH		(1ULL << 32)	/* what a 32-bit look does not see */
#define TMP(s)		((long)(intptr_t)"/tmp/probe-" s)
#define PTR(s)		((long)(intptr_t)(s))

struct call {
	const char	*name;
	long		 nr, args[5];
};

/* No argument matters: the call itself is refused. */
#define CALL(name)	{ #name, SYS_ ## name, { 0 } }
#define CALLN(name, nr)	{ name, nr, { 0 } }

static const struct call refused[] = {
	CALL(acct), CALL(add_key), CALL(bpf), CALL(chroot),
	CALL(clock_adjtime), CALL(clock_settime), CALL(delete_module),
	CALL(fanotify_init), CALL(fanotify_mark), CALL(finit_module),
	CALL(fsconfig), CALL(fsmount), CALL(fsopen), CALL(fspick),
	CALL(get_mempolicy), CALL(init_module), CALL(io_uring_enter),
	CALL(io_uring_register), CALL(io_uring_setup), CALL(kcmp),
	CALL(kexec_file_load), CALL(kexec_load), CALL(keyctl),
	CALL(mbind), CALL(migrate_pages), CALL(mount), CALL(mount_setattr),
	CALL(move_mount), CALL(move_pages), CALL(name_to_handle_at),
	CALL(nfsservctl), CALL(open_by_handle_at), CALL(open_tree),
	CALL(perf_event_open), CALL(pidfd_getfd), CALL(pivot_root),
	CALL(process_madvise), CALL(process_vm_readv),
	CALL(process_vm_writev), CALL(ptrace), CALL(quotactl),
	CALL(quotactl_fd), CALL(reboot), CALL(remap_file_pages),
	CALL(request_key), CALL(set_mempolicy), CALL(setdomainname),
	CALL(sethostname), CALL(setns), CALL(settimeofday), CALL(swapoff),
	CALL(swapon), CALL(syslog), CALL(umount2), CALL(unshare),
	CALL(userfaultfd), CALL(vmsplice), CALL(lookup_dcookie),
	CALL(vhangup),
	CALLN("set_mempolicy_home_node", 450), CALLN("statmount", 457),
	CALLN("listmount", 458), CALLN("open_tree_attr", 467),
#ifdef __x86_64__
	CALL(_sysctl), CALL(create_module), CALL(get_kernel_syms),
	CALL(ioperm), CALL(iopl), CALL(modify_ldt), CALL(query_module),
	CALL(sysfs), CALL(uselib), CALL(ustat),
#endif
	{ "unshare-user", SYS_unshare, { CLONE_NEWUSER } },
	{ "unshare-mount", SYS_unshare, { CLONE_NEWNS } },
	{ "unshare-net", SYS_unshare, { CLONE_NEWNET } },
	{ "unshare-pid", SYS_unshare, { CLONE_NEWPID } },
	{ "unshare-ipc", SYS_unshare, { CLONE_NEWIPC } },
	{ "unshare-uts", SYS_unshare, { CLONE_NEWUTS } },
	{ "unshare-cgroup", SYS_unshare, { CLONE_NEWCGROUP } },
	{ "unshare-files", SYS_unshare, { CLONE_FILES } },
	{ "clone-user", SYS_clone, { CLONE_NEWUSER | SIGCHLD } },
	{ "clone-mount", SYS_clone, { CLONE_NEWNS | SIGCHLD } },
	{ "clone-net", SYS_clone, { CLONE_NEWNET | SIGCHLD } },
	{ "clone-pid", SYS_clone, { CLONE_NEWPID | SIGCHLD } },
	{ "clone-ipc", SYS_clone, { CLONE_NEWIPC | SIGCHLD } },
	{ "clone-uts", SYS_clone, { CLONE_NEWUTS | SIGCHLD } },
	{ "clone-cgroup", SYS_clone, { CLONE_NEWCGROUP | SIGCHLD } },
	{ "mount-tmpfs", SYS_mount, { PTR("none"), PTR("/tmp"),
	    PTR("tmpfs") } },
	{ "mount-proc", SYS_mount, { PTR("none"), PTR("/tmp"), PTR("proc") } },
	{ "umount-proc", SYS_umount2, { PTR("/proc"), 2 } },
	{ "umount-dev", SYS_umount2, { PTR("/dev"), 2 } },
	{ "umount-root", SYS_umount2, { PTR("/"), 2 } },
	{ "setns-own-user", SYS_setns, { 0, CLONE_NEWUSER } },
	{ "ptrace-traceme", SYS_ptrace, { PTRACE_TRACEME } },
	{ "ptrace-seize-pid1", SYS_ptrace, { PTRACE_SEIZE, 1 } },
	{ "keyctl-session", SYS_keyctl, { 0, -3 } },
	{ "keyctl-join", SYS_keyctl, { 1 } },
	{ "bpf-prog-load", SYS_bpf, { 5 } },
	{ "personality-noaslr", SYS_personality, { 0x0040000 } },
	{ "personality-readexec", SYS_personality, { 0x0400000 } },
	{ "personality-mmap0", SYS_personality, { 0x0100000 } },
	{ "personality-bsd", SYS_personality, { 6 } },
	{ "personality-high", SYS_personality,
	    { (long)(HIGH | 0x0040000) } },
	{ "tiocsti", SYS_ioctl, { 0, TIOCSTI, PTR("x") } },
	{ "tiocsti-high", SYS_ioctl, { 0, (long)(HIGH | TIOCSTI),
	    PTR("x") } },
	{ "tiocsti-sign", SYS_ioctl, { 0,
	    (long)(0xffffffff00000000ULL | TIOCSTI), PTR("x") } },
	{ "tioclinux", SYS_ioctl, { 0, TIOCLINUX, PTR("\2") } },
	{ "tioclinux-high", SYS_ioctl, { 0, (long)(HIGH | TIOCLINUX),
	    PTR("\2") } },
};

/* What berth's filter does not know at all. */
static const struct call unknown[] = {
	CALL(clone3), CALL(io_setup), CALL(io_destroy), CALL(io_submit),
	CALL(io_getevents), CALL(io_cancel), CALL(io_pgetevents),
	CALLN("memfd_secret", 447), CALLN("lsm_get_self_attr", 459),
	CALLN("call-500", 500), CALLN("call-999", 999),
	CALLN("call-100000", 100000),
#ifdef __x86_64__
	CALL(afs_syscall), CALL(getpmsg), CALL(putpmsg), CALL(security),
	CALL(tuxcall), CALL(vserver),
#endif
};

static const struct {
	const char	*name;
	unsigned int	 type, major, minor;
} nodes[] = {
	{ "mem", S_IFCHR, 1, 1 }, { "null", S_IFCHR, 1, 3 },
	{ "port", S_IFCHR, 1, 4 }, { "kmsg", S_IFCHR, 1, 11 },
	{ "tty0", S_IFCHR, 4, 0 }, { "console", S_IFCHR, 5, 1 },
	{ "tun", S_IFCHR, 10, 200 }, { "fuse", S_IFCHR, 10, 229 },
	{ "kvm", S_IFCHR, 10, 232 }, { "whiteout", S_IFCHR, 0, 0 },
	{ "sda", S_IFBLK, 8, 0 }, { "loop0", S_IFBLK, 7, 0 },
	{ "vda", S_IFBLK, 253, 0 },
};

static void
check_nodes(void)
{
	long	 args[5] = { AT_FDCWD, TMP("node") };
#ifdef __x86_64__
	long	 old[5] = { TMP("node") };
#endif
	char	 name[32];
	size_t	 i;

	for (i = 0; i < NELEM(nodes); i++) {
		args[2] = (long)(nodes[i].type | 0666);
		args[3] = (long)makedev(nodes[i].major, nodes[i].minor);
		snprintf(name, sizeof(name), "mknodat-%s", nodes[i].name);
		judge(name, "EPERM", try_call(SYS_mknodat, args));
#ifdef __x86_64__
		snprintf(name, sizeof(name), "mknod-%s", nodes[i].name);
		old[1] = args[2];
		old[2] = args[3];
		judge(name, "EPERM", try_call(SYS_mknod, old));
#endif
	}
}

#ifdef __x86_64__
/* Another ABI's numbers would mean other calls than the filter thinks. */
static const char *
try_i386(void)
{
	pid_t	 pid;
	int	 status, rv;

	if ((pid = fork()) == 0) {
		__asm__ volatile ("int $0x80" : "=a" (rv) : "a" (20));
		_exit(rv == -ENOSYS ? ENOSYS : 0);
	}
	if (pid == -1 || waitpid(pid, &status, 0) == -1)
		return ("?");
	if (WIFSIGNALED(status))
		return (WTERMSIG(status) == SIGSYS ? "SIGSYS" : "killed");
	return (WEXITSTATUS(status) == 0 ? "done" : "ENOSYS");
}

static void
check_abis(void)
{
	static const long	 none[5];

	judge("x32-getpid", "SIGSYS",
	    try_call(0x40000000 | SYS_getpid, none));
	judge("x32-mount", "SIGSYS", try_call(0x40000000 | SYS_mount, none));
	judge("x32-ptrace", "SIGSYS", try_call(0x40000000 | 521, none));
	judge("i386-getpid", "SIGSYS", try_i386());
}
#endif

void
check_calls(void)
{
	size_t	 i;

	for (i = 0; i < NELEM(refused); i++)
		judge(refused[i].name, "EPERM", try_call(refused[i].nr,
		    refused[i].args));
	for (i = 0; i < NELEM(unknown); i++)
		judge(unknown[i].name, "ENOSYS", try_call(unknown[i].nr,
		    unknown[i].args));
	check_nodes();
#ifdef __x86_64__
	check_abis();
#endif
}

static void
one_socket(const char *name, const char *want, long domain, long type,
    long protocol)
{
	long	 args[5] = { domain, type, protocol };

	judge(name, want, try_call(SYS_socket, args));
}

static void
check_options(void)
{
	static const struct {
		const char	*name;
		int		 level, option, value;
	} options[] = {
		{ "so-mark", SOL_SOCKET, SO_MARK, 1 },
		{ "so-priority", SOL_SOCKET, SO_PRIORITY, 7 },
		{ "so-rcvbufforce", SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20 },
		{ "so-sndbufforce", SOL_SOCKET, SO_SNDBUFFORCE, 1 << 20 },
		{ "so-debug", SOL_SOCKET, SO_DEBUG, 1 },
		{ "ip-transparent", IPPROTO_IP, IP_TRANSPARENT, 1 },
	};
	size_t	 i;
	int	 fd = socket(AF_INET, SOCK_DGRAM, 0);

	for (i = 0; i < NELEM(options); i++)
		judge_rv(options[i].name, "EPERM|EACCES", setsockopt(fd,
		    options[i].level, options[i].option, &options[i].value,
		    sizeof(options[i].value)));
	close(fd);
}

void
check_sockets(void)
{
	char	 name[32];
	long	 i;

	for (i = 0; i < 48; i++) {
		snprintf(name, sizeof(name), "socket-family-%ld", i);
		one_socket(name, i == AF_UNIX || i == AF_INET ||
		    i == AF_INET6 || i == AF_NETLINK ? "done" :
		    "EAFNOSUPPORT", i, SOCK_DGRAM, 0);
	}
	for (i = 1; i < 23; i++) {
		snprintf(name, sizeof(name), "netlink-protocol-%ld", i);
		one_socket(name, "EAFNOSUPPORT", AF_NETLINK, SOCK_RAW, i);
	}
	one_socket("socket-alg-high", "EAFNOSUPPORT",
	    (long)(HIGH | AF_ALG), SOCK_SEQPACKET, 0);
	one_socket("socket-alg-seqpacket", "EAFNOSUPPORT", AF_ALG,
	    SOCK_SEQPACKET, 0);
	one_socket("socket-vsock-stream", "EAFNOSUPPORT", AF_VSOCK,
	    SOCK_STREAM, 0);
	one_socket("socket-packet-raw", "EAFNOSUPPORT", AF_PACKET, SOCK_RAW,
	    0x300);
	one_socket("socket-raw", "EPERM", AF_INET, SOCK_RAW, IPPROTO_ICMP);
	one_socket("socket-raw-raw", "EPERM", AF_INET, SOCK_RAW, IPPROTO_RAW);
	one_socket("socket-raw-6", "EPERM", AF_INET6, SOCK_RAW,
	    IPPROTO_ICMPV6);
	/* the kernel turns this one into AF_PACKET, behind the filter */
	one_socket("socket-inet-packet", "EPERM|EAFNOSUPPORT", AF_INET,
	    SOCK_PACKET, 0x300);
	for (i = 2; i < 46; i += 4) {
		long	 args[5] = { i, SOCK_STREAM, 0, 0 };

		snprintf(name, sizeof(name), "socketpair-family-%ld", i);
		judge(name, "EAFNOSUPPORT", try_call(SYS_socketpair, args));
	}
	check_options();
}
