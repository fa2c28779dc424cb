/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The one way in which the broker makes a process: clone3 into new
 * namespaces, id map, descriptors placed, exec of a helper that was opened
 * at start-up.
 */
#ifndef COMMON_SPAWN_H
#define COMMON_SPAWN_H

#include <sys/types.h>

#include <sched.h>
#include <stdint.h>

#include "limits.h"

/* Nothing of the host's; the user namespace comes by itself. */
#define SPAWN_NS_ALL	(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | \
			    CLONE_NEWUTS | CLONE_NEWNET)
#define SPAWN_FDS_MAX	(LAYERS_MAX + 16)
#define SPAWN_FD_CHAN	3

/* Either a descriptor (copied) or a path that the child opens O_PATH. */
struct spawn_fd {
	int		 fd;		/* -1: open path */
	const char	*path;		/* relative to the broker's cwd */
};

struct spawn {
	int		 exe;		/* the helper, from spawn_helper() */
	const char	*name;		/* its argv[0] */
	uint64_t	 ns;		/* CLONE_NEW*; user is always new */
	uint32_t	 idbase;	/* host uid and gid of id 0 inside */
	uint32_t	 idcount;	/* 0: no namespaces, our own ids */
	uint32_t	 samebase;	/* ids that are the same inside, */
	uint32_t	 samecount;	/* or 0 */
	uint32_t	 owner;		/* as whom it opens paths; 0: as us */
	int		 cgroupfd;	/* v2: born in this one; else -1 */
	const char	*const *cgroups; /* v1: cgroup.procs files to join, or
					 * NULL; ends with NULL */
	/* Called once its pid is known, before it runs; or NULL. */
	void		(*born)(void *arg, pid_t);
	void		*arg;
	/* The first is the helper's channel, whose other end we keep. */
	unsigned int	 nfds;
	struct spawn_fd	 fds[SPAWN_FDS_MAX];	/* become 3, 4, 5, ... */
};

/*
 * Opens helper name in the directory of the running program or, when that is
 * an installed one, in the compiled-in libexec directory.  The caller
 * closes; -1 with errno.
 */
int	 spawn_helper(const char *name);

/*
 * A sealed copy in memory of a helper from spawn_helper(): what runs beside
 * an app must be no file of the host, as the app reaches it through
 * /proc/self/exe when it is a script that names that as its interpreter.
 * The caller closes; -1 with errno.
 */
int	 spawn_seal(int exe, const char *name);

/*
 * Starts it.  0, 1 and 2 are /dev/null but for 2, which is ours; the
 * environment is empty; it dies with us.  Returns the pid and its pidfd
 * (caller closes), or -1 with errno and nothing left behind.
 */
pid_t	 spawn(const struct spawn *, int *pidfd);	/* -1 with idcount 0 */

#endif
