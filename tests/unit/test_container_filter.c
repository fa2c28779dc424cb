/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What common/seccomp-gen.c made of broker/init/container.seccomp: the
 * decisions that keep an app in, asked of the program itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "container.bpf.h"

#if defined(__x86_64__)
#define NATIVE		AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE		AUDIT_ARCH_AARCH64
#endif
#define FOREIGN		AUDIT_ARCH_I386
#define REFUSE(e)	(SECCOMP_RET_ERRNO | (uint32_t)(e))

/* Runs the program as the kernel would. */
static uint32_t
decide(const struct seccomp_data *sd)
{
	const struct sock_filter *f = container_filter;
	uint32_t	 acc = 0;
	size_t		 pc, steps;

	for (pc = steps = 0; steps < container_filter_len; pc++, steps++) {
		assert_true(pc < container_filter_len);
		switch (f[pc].code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(f[pc].k + 4 <= sizeof(*sd));
			memcpy(&acc, (const char *)sd + f[pc].k, 4);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			acc &= f[pc].k;
			break;
		case BPF_JMP | BPF_JA:
			pc += f[pc].k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += acc == f[pc].k ? f[pc].jt : f[pc].jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += acc >= f[pc].k ? f[pc].jt : f[pc].jf;
			break;
		case BPF_RET | BPF_K:
			return (f[pc].k);
		default:
			fail_msg("instruction %zu: code %x", pc, f[pc].code);
		}
	}
	fail_msg("no end");
	return (0);
}

static uint32_t
ask(long nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	struct seccomp_data	 sd;

	memset(&sd, 0, sizeof(sd));
	sd.nr = (int)nr;
	sd.arch = NATIVE;
	sd.args[0] = a0;
	sd.args[1] = a1;
	sd.args[2] = a2;
	return (decide(&sd));
}

static void
test_everyday_calls(void **state)
{
	static const long	 nrs[] = { SYS_read, SYS_write, SYS_openat,
		SYS_close, SYS_mmap, SYS_execve, SYS_exit_group, SYS_futex,
		SYS_newfstatat, SYS_statx, SYS_getrandom, SYS_rseq,
		SYS_setresuid, SYS_capset, SYS_prctl, SYS_epoll_pwait2,
		SYS_faccessat2, SYS_close_range, SYS_openat2, 452, 454, 462 };
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(nrs) / sizeof(nrs[0]); i++)
		if (ask(nrs[i], 0, 0, 0) != SECCOMP_RET_ALLOW)
			fail_msg("call %ld", nrs[i]);
}

static void
test_refused_calls(void **state)
{
	static const long	 nrs[] = { SYS_mount, SYS_umount2,
		SYS_pivot_root, SYS_chroot, SYS_unshare, SYS_setns, SYS_ptrace,
		SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp,
		SYS_name_to_handle_at, SYS_open_by_handle_at, SYS_bpf,
		SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup,
		SYS_io_uring_enter, SYS_io_uring_register, SYS_keyctl,
		SYS_add_key, SYS_request_key, SYS_init_module,
		SYS_finit_module, SYS_delete_module, SYS_kexec_load,
		SYS_reboot, SYS_swapon, SYS_syslog, SYS_settimeofday,
		SYS_clock_settime, SYS_fsopen, SYS_fsmount, SYS_fsconfig,
		SYS_open_tree, SYS_move_mount, SYS_mount_setattr,
		SYS_pidfd_getfd, SYS_fanotify_init, SYS_vmsplice,
		SYS_remap_file_pages, SYS_sethostname, SYS_acct,
		SYS_quotactl, SYS_move_pages };
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(nrs) / sizeof(nrs[0]); i++)
		if (ask(nrs[i], 0, 0, 0) != REFUSE(EPERM))
			fail_msg("call %ld", nrs[i]);
}

static void
test_unknown_calls(void **state)
{
	long	 nr;

	(void)state;
	for (nr = 480; nr < 0x40000000L; nr = nr * 3 / 2)
		assert_int_equal(ask(nr, 0, 0, 0), REFUSE(ENOSYS));
	assert_int_equal(ask(-1, 0, 0, 0), REFUSE(ENOSYS));
	assert_int_equal(ask(SYS_clone3, 0, 0, 0), REFUSE(ENOSYS));
	assert_int_equal(ask(SYS_memfd_secret, 0, 0, 0), REFUSE(ENOSYS));
	assert_int_equal(ask(SYS_io_setup, 0, 0, 0), REFUSE(ENOSYS));
}

static void
test_foreign_abis(void **state)
{
	struct seccomp_data	 sd;
	int			 nr;

	(void)state;
	memset(&sd, 0, sizeof(sd));
	sd.arch = FOREIGN;
	for (nr = 0; nr < 500; nr++) {
		sd.nr = nr;
		assert_int_equal(decide(&sd), SECCOMP_RET_KILL_PROCESS);
	}
#ifdef __x86_64__
	for (nr = 0; nr < 600; nr++)	/* x32 */
		assert_int_equal(ask(0x40000000L | nr, 0, 0, 0),
		    SECCOMP_RET_KILL_PROCESS);
#endif
}

static void
test_clone(void **state)
{
	static const uint64_t	 ns[] = { CLONE_NEWNS, CLONE_NEWUSER,
		CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS,
		CLONE_NEWCGROUP };
	size_t			 i;

	(void)state;
	assert_int_equal(ask(SYS_clone, 17, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(SYS_clone, 0x3d0f00, 0, 0), SECCOMP_RET_ALLOW);
	for (i = 0; i < sizeof(ns) / sizeof(ns[0]); i++)
		assert_int_equal(ask(SYS_clone, 17 | ns[i], 0, 0),
		    REFUSE(EPERM));
}

static void
test_sockets(void **state)
{
	uint64_t	 family;
	uint32_t	 want;

	(void)state;
	for (family = 0; family < 64; family++) {
		want = family == AF_UNIX || family == AF_INET ||
		    family == AF_INET6 || family == AF_NETLINK ?
		    SECCOMP_RET_ALLOW : REFUSE(EAFNOSUPPORT);
		assert_int_equal(ask(SYS_socket, family, 1, 0), want);
		/* the kernel looks at 32 bits, so does the filter */
		assert_int_equal(ask(SYS_socket, 1ULL << 32 | family, 1, 0),
		    want);
		assert_int_equal(ask(SYS_socketpair, family, 1, 0),
		    family == AF_UNIX ? SECCOMP_RET_ALLOW :
		    REFUSE(EAFNOSUPPORT));
	}
	assert_int_equal(ask(SYS_socket, AF_NETLINK, 3, 9),	/* audit */
	    REFUSE(EAFNOSUPPORT));
	assert_int_equal(ask(SYS_socket, AF_NETLINK, 3, 12),	/* nftables */
	    REFUSE(EAFNOSUPPORT));
}

static void
test_arguments(void **state)
{
	(void)state;
	assert_int_equal(ask(SYS_ioctl, 0, TIOCGWINSZ, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(SYS_ioctl, 0, TIOCSTI, 0), REFUSE(EPERM));
	assert_int_equal(ask(SYS_ioctl, 0, 1ULL << 32 | TIOCSTI, 0),
	    REFUSE(EPERM));
	assert_int_equal(ask(SYS_ioctl, 0, ~0ULL << 32 | TIOCLINUX, 0),
	    REFUSE(EPERM));
	assert_int_equal(ask(SYS_mknodat, 0, 0, S_IFIFO | 0644),
	    SECCOMP_RET_ALLOW);
	assert_int_equal(ask(SYS_mknodat, 0, 0, S_IFBLK | 0644),
	    REFUSE(EPERM));
	assert_int_equal(ask(SYS_mknodat, 0, 0, S_IFCHR), REFUSE(EPERM));
	assert_int_equal(ask(SYS_personality, 0, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(SYS_personality, 8, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(SYS_personality, 0xffffffff, 0, 0),
	    SECCOMP_RET_ALLOW);
	assert_int_equal(ask(SYS_personality, 0x0040000, 0, 0),
	    REFUSE(EPERM));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everyday_calls),
		cmocka_unit_test(test_refused_calls),
		cmocka_unit_test(test_unknown_calls),
		cmocka_unit_test(test_foreign_abis),
		cmocka_unit_test(test_clone),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_arguments),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
