/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Mounts by descriptor: made detached, attached to a place that was opened
 * once, so that no name of the image is ever looked up twice.  berth-init.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/mount.h>
#include <linux/openat2.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "init.h"

#define OPEN_TRIES	10000	/* a ms or two, while all else renames */

static int
configure(int fs, unsigned int cmd, const char *key, const char *value)
{
	return ((int)syscall(SYS_fsconfig, fs, cmd, key, value, 0));
}

int
mnt_new(const char *type, uint64_t attr, const struct mnt_opt *opt)
{
	int	 fs, mnt = -1, saved_errno;

	if ((fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC)) == -1)
		return (-1);
	/* the name that /proc/mounts shows as the source */
	if (configure(fs, FSCONFIG_SET_STRING, "source", type) == -1)
		goto out;
	for (; opt != NULL && opt->key != NULL; opt++)
		if (configure(fs, FSCONFIG_SET_STRING, opt->key,
		    opt->value) == -1)
			goto out;
	if (configure(fs, FSCONFIG_CMD_CREATE, NULL, NULL) == 0)
		mnt = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attr);
 out:
	saved_errno = errno;
	close(fs);
	errno = saved_errno;
	return (mnt);
}

int
mnt_clone(int fd, const char *path)
{
	return ((int)syscall(SYS_open_tree, fd, path, AT_EMPTY_PATH |
	    AT_SYMLINK_NOFOLLOW | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
}

int
mnt_attr(int mnt, uint64_t set)
{
	struct mount_attr	 attr;

	memset(&attr, 0, sizeof(attr));
	attr.attr_set = set;
	return ((int)syscall(SYS_mount_setattr, mnt, "", AT_EMPTY_PATH, &attr,
	    sizeof(attr)));
}

int
mnt_move(int mnt, int fd, const char *path)
{
	return ((int)syscall(SYS_move_mount, mnt, "", fd, path,
	    MOVE_MOUNT_F_EMPTY_PATH |
	    (*path == '\0' ? MOVE_MOUNT_T_EMPTY_PATH : 0)));
}

int
mnt_open(int root, const char *path, int flags, uint64_t resolve)
{
	struct open_how	 how;
	int		 fd = -1, i;

	memset(&how, 0, sizeof(how));
	how.flags = (uint64_t)(unsigned int)flags | O_CLOEXEC;
	if ((flags & O_CREAT) != 0)
		how.mode = 0644;
	how.resolve = resolve | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
	/*
	 * A ".." that is passed while anything on the host is renamed or
	 * mounted cannot be judged: EAGAIN says to ask again.
	 */
	for (i = 0; i < OPEN_TRIES; i++) {
		fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
		if (fd != -1 || errno != EAGAIN)
			break;
	}
	return (fd);
}

/* The directory at path[0..len), made in parent when there is none. */
static int
mkdir_step(int root, int parent, char *path, size_t start, size_t len,
    uint64_t resolve)
{
	char	 end = path[len];
	int	 fd;

	path[len] = '\0';
	fd = mnt_open(root, path, O_PATH | O_DIRECTORY, resolve);
	if (fd == -1 && errno == ENOENT &&
	    mkdirat(parent, path + start, 0755) == 0)
		fd = mnt_open(root, path, O_PATH | O_DIRECTORY, resolve);
	path[len] = end;
	return (fd);
}

int
mnt_mkdir(int root, const char *path, uint64_t resolve)
{
	char	 buf[PATH_MAXLEN + 1];
	size_t	 start = 0, len;
	int	 fd, parent = root, saved_errno;

	fd = mnt_open(root, path, O_PATH | O_DIRECTORY, resolve);
	if (fd != -1 || errno != ENOENT)
		return (fd);
	if (strlen(path) > PATH_MAXLEN) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	memcpy(buf, path, strlen(path) + 1);
	for (;;) {
		start += strspn(buf + start, "/");
		len = strcspn(buf + start, "/");
		if (len == 0)
			return (parent);
		fd = mkdir_step(root, parent, buf, start, start + len,
		    resolve);
		saved_errno = errno;
		if (parent != root)
			close(parent);
		errno = saved_errno;
		if (fd == -1)
			return (-1);
		parent = fd;
		start += len;
	}
}
