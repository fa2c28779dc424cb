/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The second fence of a helper: Landlock, where the kernel has it.  The
 * first are its namespaces, its lost capabilities and its seccomp filter;
 * this one holds when a path still leads out of an empty root.
 */
#ifndef COMMON_FENCE_H
#define COMMON_FENCE_H

#include <linux/landlock.h>

#include <stddef.h>
#include <stdint.h>

/* Since Linux 6.2; older headers do not name it. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE	(1ULL << 14)
#endif

/* What is still allowed at and beneath a path. */
struct fence_path {
	const char	*path;		/* or NULL: fd */
	int		 fd;
	uint64_t	 rights;	/* LANDLOCK_ACCESS_FS_* */
};

#define FENCE_CONNECT	1U	/* TCP connections may be made */
#define FENCE_SIGNAL	2U	/* processes outside may be signalled */

/* The kernel's version of the interface, asked by a call; 0: it has none. */
int	 fence_abi(void);

/*
 * From here on every access to files is refused but to these, no TCP port is
 * bound, nothing is connected to and no process outside is signalled, as far
 * as the kernel knows how.  A path that does not exist is left out.  Needs
 * no_new_privs.  0, also when the kernel has no Landlock, or -1 with errno.
 */
int	 fence_raise(const struct fence_path *, size_t n, unsigned int flags);

#endif
