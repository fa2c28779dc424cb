/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What is given away for ever, by helpers and the broker alike:
 * capabilities, new privileges, and the calls that a filter refuses.
 */
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sandbox.h"
#include "trap.h"

int
sandbox_drop(uint64_t keep)
{
	struct __user_cap_header_struct	 hdr;
	struct __user_cap_data_struct	 data[2];
	unsigned long			 cap;

	for (cap = 0; cap < 64; cap++) {
		if ((keep & (1ULL << cap)) != 0 ||
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL)
			break;		/* behind the kernel's last one */
		return (-1);
	}
	/* an exec would give id 0 everything back, were it not for these */
	if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
	    SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
	    SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
	    SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED, 0, 0, 0) == -1)
		return (-1);
	memset(&hdr, 0, sizeof(hdr));
	memset(data, 0, sizeof(data));
	hdr.version = _LINUX_CAPABILITY_VERSION_3;
	data[0].effective = data[0].permitted = (uint32_t)keep;
	data[1].effective = data[1].permitted = (uint32_t)(keep >> 32);
	if (syscall(SYS_capset, &hdr, data) == -1)
		return (-1);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return (-1);
	return (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

int
sandbox_seccomp(const struct sock_filter *filter, size_t n)
{
	struct sock_fprog	 prog;

	if (SANDBOX_SANITIZED)
		return (0);
#ifdef BERTH_DEBUG
	if (trap_install() == -1)
		return (-1);
#endif
	prog.len = (unsigned short)n;
	prog.filter = (struct sock_filter *)(uintptr_t)filter;
	return ((int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog));
}
