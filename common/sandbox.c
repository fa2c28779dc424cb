/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * A helper shuts itself in; every helper.  The order matters: mounts while
 * we have the capability, then capabilities, then the filter (drop.c).
 */
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include <linux/mount.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sandbox.h"

#define FLAGS_RO	(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | \
			    MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static int
close_keep_errno(int fd)
{
	int	 saved_errno = errno;

	if (fd != -1)
		close(fd);
	errno = saved_errno;
	return (-1);
}

static int
set_attr(int fd, uint64_t set)
{
	struct mount_attr	 attr;

	memset(&attr, 0, sizeof(attr));
	attr.attr_set = set;
	return ((int)syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr,
	    sizeof(attr)));
}

static int
configure(int fs, unsigned int cmd, const char *key, const char *value)
{
	return ((int)syscall(SYS_fsconfig, fs, cmd, key, value, 0));
}

static int
move_to(int fd, const char *target)
{
	return ((int)syscall(SYS_move_mount, fd, "", AT_FDCWD, target,
	    MOVE_MOUNT_F_EMPTY_PATH));
}

/*
 * Attaches the mount over "/" and makes it the root.  The old root is
 * stacked upon the new one by the kernel and then detached: no directory in
 * the new root is needed for it.
 */
static int
enter(int mnt, int attach)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return (-1);
	if (attach && move_to(mnt, "/") == -1)
		return (-1);
	if (fchdir(mnt) == -1 || syscall(SYS_pivot_root, ".", ".") == -1 ||
	    umount2(".", MNT_DETACH) == -1)
		return (-1);
	return (chdir("/"));
}

static int
tmpfs_new(void)
{
	int	 fs, mnt = -1;

	if ((fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)) == -1)
		return (-1);
	if (configure(fs, FSCONFIG_SET_STRING, "size", "64k") == 0 &&
	    configure(fs, FSCONFIG_SET_STRING, "mode", "755") == 0 &&
	    configure(fs, FSCONFIG_CMD_CREATE, NULL, NULL) == 0)
		mnt = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
		    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	close_keep_errno(fs);
	return (mnt);
}

/* Makes the directories above path and an empty file there. */
static int
make_target(int root, const char *path)
{
	char	 part[256];
	size_t	 i;
	int	 fd;

	for (i = 1; i < sizeof(part) && path[i] != '\0'; i++) {
		if (path[i] != '/')
			continue;
		memcpy(part, path + 1, i - 1);
		part[i - 1] = '\0';
		if (mkdirat(root, part, 0755) == -1 && errno != EEXIST)
			return (-1);
	}
	if ((fd = openat(root, path + 1, O_WRONLY | O_CREAT | O_CLOEXEC,
	    0444)) == -1)
		return (-1);
	close(fd);
	return (0);
}

/* A file that the host does not have is left out. */
static int
bind_file(int root, int tree, const char *path)
{
	if (make_target(root, path) == -1 || set_attr(tree, FLAGS_RO) == -1)
		return (-1);
	return ((int)syscall(SYS_move_mount, tree, "", root, path + 1,
	    MOVE_MOUNT_F_EMPTY_PATH));
}

int
sandbox_root_empty(const struct sandbox_file *files, size_t n)
{
	int	 trees[SANDBOX_FILES_MAX], root;
	size_t	 i;

	if (n > SANDBOX_FILES_MAX) {
		errno = E2BIG;
		return (-1);
	}
	/* before our mount hides the host's files */
	for (i = 0; i < n; i++)
		trees[i] = (int)syscall(SYS_open_tree, AT_FDCWD,
		    files[i].path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if ((root = tmpfs_new()) == -1)
		return (-1);
	/* attached first: older kernels mount nothing on a detached mount */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    move_to(root, "/") == -1)
		return (close_keep_errno(root));
	for (i = 0; i < n; i++) {
		if (trees[i] == -1)
			continue;
		if (bind_file(root, trees[i], files[i].path) == -1)
			return (close_keep_errno(root));
		close(trees[i]);
	}
	if (set_attr(root, MOUNT_ATTR_RDONLY) == -1 || enter(root, 0) == -1)
		return (close_keep_errno(root));
	close(root);
	return (0);
}

int
sandbox_root_dir(int dirfd)
{
	int	 tree;

	if ((tree = (int)syscall(SYS_open_tree, dirfd, "", AT_EMPTY_PATH |
	    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)) == -1)
		return (-1);
	if (set_attr(tree, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV) == -1 ||
	    enter(tree, 1) == -1)
		return (close_keep_errno(tree));
	close(tree);
	return (0);
}

static char *
fd_path(char *buf, size_t size, int fd)
{
	snprintf(buf, size, "/proc/self/fd/%d", fd);
	return (buf);
}

static int
overlay_config(int fs, int upper, int work, const int *lowers, size_t n)
{
	char	 path[32];
	size_t	 i;

	if (configure(fs, FSCONFIG_SET_FLAG, "userxattr", NULL) == -1)
		return (-1);
	for (i = 0; i < n; i++)
		if (configure(fs, FSCONFIG_SET_STRING, "lowerdir+",
		    fd_path(path, sizeof(path), lowers[i])) == -1)
			return (-1);
	/* volatile: else its end would sync all of the disk it lies on */
	if (upper != -1 &&
	    (configure(fs, FSCONFIG_SET_STRING, "upperdir",
	    fd_path(path, sizeof(path), upper)) == -1 ||
	    configure(fs, FSCONFIG_SET_STRING, "workdir",
	    fd_path(path, sizeof(path), work)) == -1 ||
	    configure(fs, FSCONFIG_SET_FLAG, "volatile", NULL) == -1))
		return (-1);
	return (configure(fs, FSCONFIG_CMD_CREATE, NULL, NULL));
}

/*
 * Asking would be no harm, but an older kernel logs each refusal: one line
 * a container.  A kernel that lies is asked.
 */
static int
knows_layers(void)
{
	struct utsname	 u;
	unsigned int	 major, minor;

	if (uname(&u) == -1 ||
	    sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return (1);
	return (major > 6 || (major == 6 && minor >= 7));
}

/* Kernels before 6.7 know no "lowerdir+": one option string, one page. */
static int
overlay_old(int upper, int work, const int *lowers, size_t n)
{
	char	 opt[4096];
	size_t	 i, off;

	off = (size_t)snprintf(opt, sizeof(opt), "userxattr,lowerdir=");
	for (i = 0; i < n && off < sizeof(opt) - 128; i++)
		off += (size_t)snprintf(opt + off, sizeof(opt) - off,
		    "%s/proc/self/fd/%d", i == 0 ? "" : ":", lowers[i]);
	if (i < n) {
		errno = E2BIG;
		return (-1);
	}
	if (upper != -1)
		snprintf(opt + off, sizeof(opt) - off, ",volatile,"
		    "upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d",
		    upper, work);
	if (mount("overlay", "/tmp", "overlay", MS_NOSUID | MS_NODEV, opt) ==
	    -1)
		return (-1);
	return ((int)syscall(SYS_open_tree, AT_FDCWD, "/tmp",
	    OPEN_TREE_CLOEXEC));
}

int
sandbox_overlay(int upper, int work, const int *lowers, size_t n)
{
	int	 fs, mnt = -1;

	/* an overlay of one directory alone is that directory */
	if (n == 0 || (upper == -1 && n == 1)) {
		mnt = (int)syscall(SYS_open_tree, n == 0 ? upper : lowers[0],
		    "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		if (mnt != -1 && set_attr(mnt, MOUNT_ATTR_NOSUID |
		    MOUNT_ATTR_NODEV) == -1)
			return (close_keep_errno(mnt));
		return (mnt);
	}
	if (!knows_layers())
		return (overlay_old(upper, work, lowers, n));
	if ((fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC)) == -1)
		return (-1);
	if (overlay_config(fs, upper, work, lowers, n) == 0)
		mnt = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
		    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	else if (errno == EINVAL) {
		close(fs);
		return (overlay_old(upper, work, lowers, n));
	}
	close_keep_errno(fs);
	return (mnt);
}

int
sandbox_root_overlay(int upper, int work, const int *lowers, size_t n)
{
	int	 mnt;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return (-1);
	if ((mnt = sandbox_overlay(upper, work, lowers, n)) == -1)
		return (-1);
	if (enter(mnt, 1) == -1)
		return (close_keep_errno(mnt));
	close(mnt);
	return (0);
}

static int
limit_one(__rlimit_resource_t what, uint64_t value)
{
	struct rlimit	 rl;

	if (value == UINT64_MAX)
		return (0);
	if (getrlimit(what, &rl) == -1)
		return (-1);
	if (rl.rlim_max != RLIM_INFINITY && rl.rlim_max < value)
		value = rl.rlim_max;
	rl.rlim_cur = rl.rlim_max = value;
	return (setrlimit(what, &rl));
}

int
sandbox_limit(const struct sandbox_limits *l)
{
	if (limit_one(RLIMIT_CORE, 0) == -1 ||
	    limit_one(RLIMIT_NOFILE, l->nofile) == -1 ||
	    limit_one(RLIMIT_NPROC, l->nproc) == -1 ||
	    limit_one(RLIMIT_FSIZE, l->fsize) == -1 ||
	    (!SANDBOX_SANITIZED && limit_one(RLIMIT_AS, l->as) == -1))
		return (-1);
	return (0);
}
