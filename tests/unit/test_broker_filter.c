/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Filters are inherited: what the broker's refuses, no helper and no app can
 * have.  Whatever one of their filters lets through, the broker's does; and
 * what is nobody's business it refuses.
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
#include <sys/socket.h>
#include <sys/syscall.h>

#include "broker.bpf.h"
#include "conf.bpf.h"
#include "container.bpf.h"
#include "engine.bpf.h"
#include "fetch.bpf.h"
#include "http.bpf.h"
#include "init.bpf.h"
#include "unpack.bpf.h"

#if defined(__x86_64__)
#define NATIVE		AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE		AUDIT_ARCH_AARCH64
#endif
#define CALLS		1024	/* the kernel has about 470 */
#define REFUSE(e)	(SECCOMP_RET_ERRNO | (uint32_t)(e))
#define LEN(f)		(sizeof(f) / sizeof((f)[0]))

static const struct filter {
	const char			*name;
	const struct sock_filter	*prog;
	size_t				 len;
} inner[] = {
	{ "conf", conf_filter, LEN(conf_filter) },
	{ "container", container_filter, LEN(container_filter) },
	{ "engine", engine_filter, LEN(engine_filter) },
	{ "fetch", fetch_filter, LEN(fetch_filter) },
	{ "http", http_filter, LEN(http_filter) },
	{ "init", init_filter, LEN(init_filter) },
	{ "unpack", unpack_filter, LEN(unpack_filter) },
}, outer = { "broker", broker_filter, LEN(broker_filter) };

/* Runs the program as the kernel would. */
static uint32_t
decide(const struct filter *f, const struct seccomp_data *sd)
{
	const struct sock_filter *p = f->prog;
	uint32_t	 acc = 0;
	size_t		 pc, steps;

	for (pc = steps = 0; steps < f->len; pc++, steps++) {
		assert_true(pc < f->len);
		switch (p[pc].code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(p[pc].k + 4 <= sizeof(*sd));
			memcpy(&acc, (const char *)sd + p[pc].k, 4);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			acc &= p[pc].k;
			break;
		case BPF_JMP | BPF_JA:
			pc += p[pc].k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += acc == p[pc].k ? p[pc].jt : p[pc].jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += acc >= p[pc].k ? p[pc].jt : p[pc].jf;
			break;
		case BPF_RET | BPF_K:
			return (p[pc].k);
		default:
			fail_msg("%s: instruction %zu: code %x", f->name, pc,
			    p[pc].code);
		}
	}
	fail_msg("%s: no end", f->name);
	return (0);
}

static uint32_t
ask(const struct filter *f, int nr, const uint64_t args[3])
{
	struct seccomp_data	 sd;

	memset(&sd, 0, sizeof(sd));
	sd.nr = nr;
	sd.arch = NATIVE;
	memcpy(sd.args, args, 3 * sizeof(args[0]));
	return (decide(f, &sd));
}

/* With arguments that rules look at: families, clone flags, modes. */
static void
test_inner_within_outer(void **state)
{
	static const uint64_t	 values[] = { 0, 1, 2, 3, 4, 8, 10, 15, 16, 17,
				    38, 40, 0x10900, 0x3d0f00, 0x5401, 0x541b,
				    0x5413, 0x6000, 0x8000, 0xffffffff };
	uint64_t		 args[3];
	size_t			 i, v;
	int			 nr;

	(void)state;
	for (i = 0; i < LEN(inner); i++)
		for (nr = 0; nr < CALLS; nr++)
			for (v = 0; v < LEN(values) * LEN(values); v++) {
				args[0] = values[v % LEN(values)];
				args[1] = args[0];
				args[2] = values[v / LEN(values)];
				if (ask(&inner[i], nr, args) ==
				    SECCOMP_RET_ALLOW &&
				    ask(&outer, nr, args) != SECCOMP_RET_ALLOW)
					fail_msg("system call %d (%llx, %llx, "
					    "%llx): %s's filter allows what "
					    "the broker's refuses", nr,
					    (unsigned long long)args[0],
					    (unsigned long long)args[1],
					    (unsigned long long)args[2],
					    inner[i].name);
			}
}

static void
test_refused(void **state)
{
	static const int	 machine[] = { SYS_bpf, SYS_perf_event_open,
				    SYS_userfaultfd, SYS_io_uring_setup,
				    SYS_open_by_handle_at, SYS_add_key,
				    SYS_init_module, SYS_finit_module,
				    SYS_delete_module, SYS_kexec_load,
				    SYS_kexec_file_load, SYS_reboot, SYS_swapon,
				    SYS_acct, SYS_syslog, SYS_settimeofday,
				    SYS_clock_settime, SYS_quotactl,
				    SYS_fanotify_init };
	uint64_t		 args[3] = { 0, 0, 0 };
	size_t			 i;
	int			 family;

	(void)state;
	for (i = 0; i < LEN(machine); i++)
		assert_int_equal(ask(&outer, machine[i], args), REFUSE(EPERM));
	/* what is too new is not there: nobody is killed for asking */
	for (i = 500; i < CALLS; i++)
		assert_int_equal(ask(&outer, (int)i, args), REFUSE(ENOSYS));
	for (family = 0; family < 64; family++) {
		args[0] = (uint64_t)family;
		assert_int_equal(ask(&outer, SYS_socket, args),
		    family == AF_UNIX || family == AF_INET ||
		    family == AF_INET6 || family == AF_NETLINK ?
		    SECCOMP_RET_ALLOW : REFUSE(EAFNOSUPPORT));
	}
	args[0] = 1;			/* KEYCTL_JOIN_SESSION_KEYRING */
	assert_int_equal(ask(&outer, SYS_keyctl, args), SECCOMP_RET_ALLOW);
	args[0] = 11;			/* KEYCTL_READ */
	assert_int_equal(ask(&outer, SYS_keyctl, args), REFUSE(EPERM));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_inner_within_outer),
		cmocka_unit_test(test_refused),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
