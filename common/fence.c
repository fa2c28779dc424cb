/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Landlock by raw calls; every helper.  Each version of the interface knows
 * more to refuse: what this kernel does not know is not asked of it.
 */
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fence.h"

#define ABI_REFER	2	/* links and renames across directories */
#define ABI_TRUNCATE	3
#define ABI_NET		4
#define ABI_IOCTL	5
#define ABI_SCOPE	6

#define FS_FIRST	((1ULL << 13) - 1)	/* all of version 1 */
#define FS_IOCTL_DEV	(1ULL << 15)
#define NET_BIND	1ULL
#define NET_CONNECT	2ULL
#define SCOPE_UNIX	1ULL	/* abstract sockets of others */
#define SCOPE_SIGNAL	2ULL

/* The kernel's struct landlock_ruleset_attr as of version 6. */
struct ruleset {
	uint64_t	 fs, net, scope;
};

int
fence_abi(void)
{
	long	 abi;

	abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	return (abi < 0 ? 0 : (int)abi);
}

/* All that may be refused; returns how much of it the kernel reads. */
static size_t
ruleset_fill(struct ruleset *r, int abi, unsigned int flags)
{
	r->fs = FS_FIRST;
	if (abi >= ABI_REFER)
		r->fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= ABI_TRUNCATE)
		r->fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (abi >= ABI_IOCTL)
		r->fs |= FS_IOCTL_DEV;
	r->net = NET_BIND | ((flags & FENCE_CONNECT) != 0 ? 0 : NET_CONNECT);
	r->scope = SCOPE_UNIX | ((flags & FENCE_SIGNAL) != 0 ? 0 :
	    SCOPE_SIGNAL);
	if (abi < ABI_NET)
		return (sizeof(r->fs));
	return (abi < ABI_SCOPE ? 2 * sizeof(r->fs) : sizeof(*r));
}

static int
path_add(int ruleset, const struct fence_path *p, uint64_t handled)
{
	struct landlock_path_beneath_attr	 attr;
	int					 fd = p->fd, r, saved_errno;

	if (p->path != NULL &&
	    (fd = open(p->path, O_PATH | O_CLOEXEC)) == -1)
		return (errno == ENOENT ? 0 : -1);
	memset(&attr, 0, sizeof(attr));
	attr.allowed_access = p->rights & handled;
	attr.parent_fd = fd;
	r = (int)syscall(SYS_landlock_add_rule, ruleset,
	    LANDLOCK_RULE_PATH_BENEATH, &attr, 0);
	if (p->path != NULL) {
		saved_errno = errno;
		close(fd);
		errno = saved_errno;
	}
	return (r);
}

int
fence_raise(const struct fence_path *paths, size_t n, unsigned int flags)
{
	struct ruleset	 r;
	size_t		 i, size;
	int		 abi, fd, saved_errno;

	if ((abi = fence_abi()) == 0)
		return (0);
	/* version 1 refuses every link across directories, asked or not */
	for (i = 0; i < n; i++)
		if (abi < ABI_REFER &&
		    (paths[i].rights & LANDLOCK_ACCESS_FS_REFER) != 0)
			return (0);
	size = ruleset_fill(&r, abi, flags);
	if ((fd = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0)) ==
	    -1)
		return (-1);
	for (i = 0; i < n; i++)
		if (path_add(fd, &paths[i], r.fs) == -1)
			goto fail;
	if (syscall(SYS_landlock_restrict_self, fd, 0) == -1)
		goto fail;
	close(fd);
	return (0);
 fail:
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return (-1);
}
