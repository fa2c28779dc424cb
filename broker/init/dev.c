/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The container's /dev: a directory of our tmpfs, six nodes of the host
 * bound by descriptor (a user namespace makes none), its own terminals,
 * shared memory and message queues.  berth-init.
 */
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <linux/mount.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "init.h"

#define NODES		6
#define QUIET		(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)

static const struct {
	const char	*host, *name;
	unsigned int	 minor, major;
} nodes[NODES] = {
	{ "/dev/null",	  "null",    3, 1 },
	{ "/dev/zero",	  "zero",    5, 1 },
	{ "/dev/full",	  "full",    7, 1 },
	{ "/dev/random",  "random",  8, 1 },
	{ "/dev/urandom", "urandom", 9, 1 },
	{ "/dev/tty",	  "tty",     0, 5 },
};
static int		 trees[NODES];

static const struct {
	const char	*target, *name;
} links[] = {
	{ "pts/ptmx",		"ptmx" },
	{ "/proc/self/fd",	"fd" },
	{ "/proc/self/fd/0",	"stdin" },
	{ "/proc/self/fd/1",	"stdout" },
	{ "/proc/self/fd/2",	"stderr" },
};

static const struct mnt_opt	 pts_options[] = {
	{ "mode", "620" },
	{ "ptmxmode", "666" },
	{ "gid", "5" },			/* tty, as everywhere */
	{ "max", "1024" },
	{ NULL, NULL }
};
static const struct mnt_opt	 shm_options[] = {
	{ "mode", "1777" },
	{ "size", "64m" },
	{ NULL, NULL }
};
static const struct {
	const char		*name, *type;
	uint64_t		 attr;
	const struct mnt_opt	*options;
} mounts[] = {
	{ "pts",    "devpts", QUIET, pts_options },
	{ "shm",    "tmpfs",  QUIET | MOUNT_ATTR_NODEV, shm_options },
	{ "mqueue", "mqueue", QUIET | MOUNT_ATTR_NODEV, NULL },
};

/* The host's nodes, each looked at before it is trusted. */
int
dev_nodes(struct init *in)
{
	struct stat	 st;
	size_t		 i;

	for (i = 0; i < NODES; i++) {
		trees[i] = mnt_clone(AT_FDCWD, nodes[i].host);
		if (trees[i] == -1 || fstat(trees[i], &st) == -1)
			return (failed(STATUS_BERTH, "the host's",
			    nodes[i].host, NULL));
		if (!S_ISCHR(st.st_mode) || st.st_rdev !=
		    makedev(nodes[i].major, nodes[i].minor))
			return (failed(STATUS_BERTH, "the host's",
			    nodes[i].host, "is not the device of this name"));
	}
	in->null = trees[0];
	return (0);
}

static int
attach_nodes(int dev)
{
	size_t	 i;

	for (i = 0; i < NODES; i++)
		/* the host's flags came along; ours go on top */
		if (mknodat(dev, nodes[i].name, S_IFREG | 0666, 0) == -1 ||
		    mnt_attr(trees[i], MOUNT_ATTR_NOSUID) == -1 ||
		    mnt_move(trees[i], dev, nodes[i].name) == -1)
			return (failed(STATUS_BERTH, NULL, nodes[i].host,
			    NULL));
	return (0);
}

static int
attach_mounts(int dev)
{
	size_t	 i;
	int	 mnt;

	for (i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mnt = mnt_new(mounts[i].type, mounts[i].attr,
		    mounts[i].options);
		if (mnt == -1 || mkdirat(dev, mounts[i].name, 0755) == -1 ||
		    mnt_move(mnt, dev, mounts[i].name) == -1)
			return (failed(STATUS_BERTH, "mount of /dev's",
			    mounts[i].name, NULL));
		close(mnt);
	}
	return (0);
}

int
dev_attach(struct init *in)
{
	size_t	 i;

	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlinkat(links[i].target, in->dev, links[i].name) == -1)
			return (failed(STATUS_BERTH, "/dev's", links[i].name,
			    NULL));
	if (attach_nodes(in->dev) == -1)
		return (-1);
	return (attach_mounts(in->dev));
}
