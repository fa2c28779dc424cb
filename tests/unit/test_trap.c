/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The filters that kill, installed and provoked in a child each; what a
 * debug build says instead; and a self-test that finds nothing confined.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "../../common/fence.h"
#include "../../common/log.h"
#include "../../common/sandbox.h"
#include "../../common/selftest.h"
#include "../../common/trap.h"
#include "conf.bpf.h"
#include "engine.bpf.h"
#include "fetch.bpf.h"
#include "http.bpf.h"
#include "init.bpf.h"
#include "unpack.bpf.h"

static const struct filter {
	const char			*name;
	const struct sock_filter	*prog;
	const size_t			*len;
	int				 loop;	/* libevent's */
} filters[] = {
	{ "conf", conf_filter, &conf_filter_len, 0 },
	{ "engine", engine_filter, &engine_filter_len, 1 },
	{ "fetch", fetch_filter, &fetch_filter_len, 1 },
	{ "http", http_filter, &http_filter_len, 1 },
	{ "init", init_filter, &init_filter_len, 0 },
	{ "unpack", unpack_filter, &unpack_filter_len, 0 },
};

/* What no helper may do once it is locked in. */
static const struct denied {
	long	 nr;
	long	 a, b;
} denied[] = {
	{ SYS_execve, 0, 0 },
	{ SYS_execveat, -1, 0 },
	{ SYS_mount, 0, 0 },
	{ SYS_umount2, 0, 0 },
	{ SYS_pivot_root, 0, 0 },
	{ SYS_chroot, 0, 0 },
	{ SYS_setns, -1, 0 },
	{ SYS_unshare, 0, 0 },
	{ SYS_ptrace, 0, 0 },
	{ SYS_process_vm_readv, 1, 0 },
	{ SYS_setresuid, 0, 0 },
	{ SYS_setgroups, 0, 0 },
	{ SYS_capset, 0, 0 },
	{ SYS_prctl, PR_GET_DUMPABLE, 0 },
	{ SYS_seccomp, 0, 0 },
	{ SYS_bpf, 0, 0 },
	{ SYS_perf_event_open, 0, 0 },
	{ SYS_userfaultfd, 0, 0 },
	{ SYS_io_uring_setup, 1, 0 },
	{ SYS_keyctl, 0, 0 },
	{ SYS_add_key, 0, 0 },
	{ SYS_clone, SIGCHLD, 0 },
	{ SYS_fsopen, 0, 0 },
	{ SYS_open_tree, -1, 0 },
	{ SYS_move_mount, -1, 0 },
	{ SYS_open_by_handle_at, -1, 0 },
	{ SYS_init_module, 0, 0 },
	{ SYS_kexec_load, 0, 0 },
	{ SYS_reboot, 0, 0 },
	{ SYS_pidfd_open, 1, 0 },
	{ SYS_pidfd_getfd, -1, 0 },
	{ SYS_landlock_restrict_self, -1, 0 },
	{ SYS_bind, -1, 0 },
	{ SYS_listen, -1, 0 },
	{ SYS_personality, 0, 0 },
	{ SYS_settimeofday, 0, 0 },
	{ SYS_memfd_secret, 0, 0 },
	{ SYS_mmap, 0, 4096 },		/* for a library, see behind() */
	{ SYS_mprotect, 0, 4096 },
	{ 5000, 0, 0 },			/* no call at all */
};

/* The status of a child that does this behind the filter. */
static int
behind(const struct filter *f, const struct denied *d)
{
	int	 status;
	pid_t	 pid;

	assert_true((pid = fork()) != -1);
	if (pid == 0) {
		if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
		    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
		    sandbox_seccomp(f->prog, *f->len) == -1)
			_exit(99);
		if (d != NULL)
			syscall(d->nr, d->a, d->b, PROT_EXEC, 0, 0, 0);
		syscall(SYS_exit_group, 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return (status);
}

static void
needs_filter(void)
{
	if (!SANDBOX_SANITIZED)
		return;
	print_message("skip: a sanitizer's build has no filter\n");
	skip();
}

static void
test_denied(void **state)
{
	size_t	 i, k;
	int	 status;

	(void)state;
	needs_filter();
	for (i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		assert_int_equal(behind(&filters[i], NULL), 0);
		for (k = 0; k < sizeof(denied) / sizeof(denied[0]); k++) {
			status = behind(&filters[i], &denied[k]);
			if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
				fail_msg("%s: system call %ld: status %#x",
				    filters[i].name, denied[k].nr, status);
		}
	}
}

/* libevent's, where the vdso cannot read the host's clock source. */
static void
test_clocks(void **state)
{
	static const struct denied	 clocks[] = {
		{ SYS_clock_gettime, CLOCK_MONOTONIC, 0 },
		{ SYS_gettimeofday, 0, 0 },
#ifdef SYS_time
		{ SYS_time, 0, 0 },
#endif
	};
	size_t				 i, k;

	(void)state;
	needs_filter();
	for (i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		for (k = 0; filters[i].loop &&
		    k < sizeof(clocks) / sizeof(clocks[0]); k++)
			assert_int_equal(behind(&filters[i], &clocks[k]), 0);
}

/* What fn writes to standard error, and how it ends. */
static int
said(void (*fn)(void), char *text, size_t size)
{
	int	 p[2], status;
	ssize_t	 n;
	pid_t	 pid;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_true((pid = fork()) != -1);
	if (pid == 0) {
		dup2(p[1], STDERR_FILENO);
		fn();
		_exit(0);
	}
	close(p[1]);
	n = read(p[0], text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return (status);
}

static void
trapped(void)
{
	static const struct sock_filter	 trap[] = {
		{ 0x20, 0, 0, 0 },			/* the number */
		{ 0x15, 0, 1, SYS_socket },
		{ 0x06, 0, 0, SECCOMP_RET_TRAP },
		{ 0x06, 0, 0, SECCOMP_RET_ALLOW },
	};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (trap_install() == 0 && sandbox_seccomp(trap, 4) == 0)
		(void)socket(AF_UNIX, SOCK_STREAM, 0);
}

static void
test_trap(void **state)
{
	char	 text[256], want[256];
	int	 status;

	(void)state;
	needs_filter();
	status = said(trapped, text, sizeof(text));
	snprintf(want, sizeof(want), "test_trap: system call %d (socket) "
	    "refused\n", SYS_socket);
	assert_string_equal(text, want);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGSYS);
}

static void
unconfined(void)
{
	log_init("test", 0);
	selftest_confined(0, SELFTEST_FILES);
}

/* no_new_privs and nothing else. */
static void
half_confined(void)
{
	log_init("test", 0);
	if (sandbox_drop(0) == 0)
		selftest_confined(0, SELFTEST_FILES);
}

static void
no_filter(void)
{
	log_init("test", 0);
	selftest_filter();
}

static void
test_selftest(void **state)
{
	char	 text[256];
	int	 status;

	(void)state;
	needs_filter();
	status = said(unconfined, text, sizeof(text));
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	assert_non_null(strstr(text, "test: self-test: "));
	status = said(no_filter, text, sizeof(text));
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	assert_string_equal(text, "test: self-test: the system call filter "
	    "is not in force\n");
	if (geteuid() != 0) {
		print_message("skip: needs root: half confined\n");
		return;
	}
	status = said(half_confined, text, sizeof(text));
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	assert_string_equal(text, "test: self-test: open a file of the host: "
	    "not refused\n");
}

static void
fenced(void)
{
	static const struct fence_path	 paths[] = {
		{ "/etc/hosts", -1, LANDLOCK_ACCESS_FS_READ_FILE },
		{ "/nonexistent", -1, LANDLOCK_ACCESS_FS_READ_FILE },
	};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (fence_raise(paths, 2, 0) == -1)
		_exit(1);
	if (open("/etc/hosts", O_RDONLY) == -1)
		_exit(2);
	if (open("/etc/hosts", O_WRONLY) != -1)
		_exit(3);
	if (open("/etc/passwd", O_RDONLY) != -1)
		_exit(4);
	if (open("/", O_RDONLY | O_DIRECTORY) != -1)
		_exit(5);
}

static void
test_fence(void **state)
{
	char	 text[256];

	(void)state;
	if (fence_abi() == 0) {
		print_message("skip: no Landlock in this kernel\n");
		return;
	}
	assert_int_equal(said(fenced, text, sizeof(text)), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_denied),
		cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_trap),
		cmocka_unit_test(test_selftest),
		cmocka_unit_test(test_fence),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
