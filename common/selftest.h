/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * A helper that has shut itself in tries to get out before it reads the
 * first byte of a stranger.  What would kill it is tried by "make check".
 */
#ifndef COMMON_SELFTEST_H
#define COMMON_SELFTEST_H

#include <stdint.h>

#define SELFTEST_FILES	1U	/* no file of the host opens */
#define SELFTEST_ROOT	2U	/* the fence closes even the root directory */
#define SELFTEST_FORK	4U	/* no process can be made */
#define SELFTEST_ALONE	8U	/* there is nobody to signal */

/*
 * Behind the root, the capabilities (those of keep are left), the limits and
 * the fence, before the filter, which knows fewer calls.  Fatal, with one
 * line that names it, when something works that must not.
 */
void	 selftest_confined(uint64_t keep, unsigned int flags);
/* Behind the filter; it has to say ENOSYS to clone3. */
void	 selftest_filter(void);

#endif
