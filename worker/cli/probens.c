/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * berth check: what works inside new namespaces, tried there as a helper or
 * berth-init would.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/mount.h>
#include <linux/sched.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../common/limits.h"
#include "probe.h"

#define PLACE	"/dev"		/* every host has it; it is covered up */

/* All of them as berth-engine has them, the containers' as they are. */
static int
write_map(pid_t pid, const char *file, unsigned long count)
{
	char	 path[64], map[96];
	ssize_t	 n;
	int	 fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	if (count == 1)
		snprintf(map, sizeof(map), "0 %u 1", IDRANGE_BASE);
	else
		snprintf(map, sizeof(map), "0 %u 1\n%u %u %lu",
		    IDRANGE_BASE + WORKERID_ENGINE, IDRANGE_BASE,
		    IDRANGE_BASE, count);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1)
		return (-1);
	n = write(fd, map, strlen(map));
	close(fd);
	return (n == -1 ? -1 : 0);
}

/* Waits for its ids, becomes id 0, and does it. */
static void __attribute__((noreturn))
inside(int go, int (*fn)(void))
{
	char	 c;

	if (read(go, &c, 1) != 1)
		_exit(ECANCELED);
	if (setgroups(0, NULL) == -1 || setresgid(0, 0, 0) == -1 ||
	    setresuid(0, 0, 0) == -1)
		_exit(errno);
	_exit(fn == NULL ? 0 : fn());
}

/* fn as id 0 of new namespaces; 0, or its errno, or that of getting there. */
static int
in_namespaces(unsigned long ns, unsigned long ids, int (*fn)(void))
{
	struct clone_args	 ca;
	pid_t			 pid;
	int			 go[2], status, error = 0;

	if (pipe2(go, O_CLOEXEC) == -1)
		return (errno);
	memset(&ca, 0, sizeof(ca));
	ca.flags = CLONE_NEWUSER | ns;
	ca.exit_signal = SIGCHLD;
	if ((pid = (pid_t)syscall(SYS_clone3, &ca, sizeof(ca))) == -1)
		return (errno);
	if (pid == 0) {
		close(go[1]);
		inside(go[0], fn);
	}
	if (write_map(pid, "uid_map", ids) == -1 ||
	    write_map(pid, "gid_map", ids) == -1 ||
	    write(go[1], "", 1) != 1)
		error = errno;
	close(go[1]);		/* without its byte it ends */
	if (waitpid(pid, &status, 0) == -1)
		return (errno);
	if (error != 0)
		return (error);
	return (WIFEXITED(status) ? WEXITSTATUS(status) : EINTR);
}

int
probe_ids(unsigned long ids, char *detail)
{
	if (ids > 1)
		snprintf(detail, PROBE_DETAIL, "%u and the %u behind it",
		    IDRANGE_BASE, WORKERID_ENGINE);
	return (in_namespaces(0, ids, NULL));
}

int
probe_namespaces(unsigned long ns, char *detail)
{
	(void)detail;
	return (in_namespaces(ns, 1, NULL));
}

/* A new file system upon PLACE; 0, or an errno. */
static int
cover(const char *type, const char *key, const char *value)
{
	int	 fs, mnt;

	if ((fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC)) == -1)
		return (errno);
	if (key != NULL && syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key,
	    value, 0) == -1)
		return (errno);
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) ==
	    -1 || (mnt = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
	    MOUNT_ATTR_NOSUID)) == -1 || syscall(SYS_move_mount, mnt, "",
	    AT_FDCWD, PLACE, MOVE_MOUNT_F_EMPTY_PATH) == -1)
		return (errno);
	return (0);
}

/* All that a root is made with: detached, cloned, locked, turned round. */
static int
try_mounts(void)
{
	struct mount_attr	 attr;
	int			 tree, error;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return (errno);
	if ((error = cover("tmpfs", "size", "64k")) != 0)
		return (error);
	memset(&attr, 0, sizeof(attr));
	attr.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC;
	if ((tree = (int)syscall(SYS_open_tree, AT_FDCWD, PLACE,
	    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)) == -1 ||
	    syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr,
	    sizeof(attr)) == -1)
		return (errno);
	if (syscall(SYS_move_mount, tree, "", AT_FDCWD, PLACE,
	    MOVE_MOUNT_F_EMPTY_PATH) == -1 || chdir(PLACE) == -1 ||
	    syscall(SYS_pivot_root, ".", ".") == -1 ||
	    umount2(".", MNT_DETACH) == -1)
		return (errno);
	return (access("/etc", F_OK) == -1 ? 0 : EEXIST);
}

int
probe_mounts(unsigned long arg, char *detail)
{
	(void)arg;
	(void)detail;
	return (in_namespaces(CLONE_NEWNS, 1, try_mounts));
}

/* Two layers and a place to write, on a tmpfs. */
static int
make_layers(void)
{
	static const char *const dirs[] = { "a", "b", "upper", "work" };
	size_t	 i;
	int	 error;

	if ((error = cover("tmpfs", NULL, NULL)) != 0)
		return (error);
	if (chdir(PLACE) == -1)
		return (errno);
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdir(dirs[i], 0755) == -1)
			return (errno);
	return (0);
}

/* What is removed above must be gone, and be a whiteout of ours. */
static int
try_overlay(void)
{
	struct stat	 st;
	int		 error;

	if ((error = make_layers()) != 0)
		return (error);
	if (mkdir("a/dir", 0755) == -1 || mkdir("view", 0755) == -1)
		return (errno);
	if (mount("overlay", "view", "overlay", 0, "userxattr,lowerdir=a:b,"
	    "upperdir=upper,workdir=work") == -1)
		return (errno);
	if (rmdir("view/dir") == -1 || stat("upper/dir", &st) == -1)
		return (errno);
	return (S_ISCHR(st.st_mode) && st.st_rdev == 0 ? 0 : EIO);
}

int
probe_overlay(unsigned long arg, char *detail)
{
	(void)arg;
	(void)detail;
	return (in_namespaces(CLONE_NEWNS, 1, try_overlay));
}

static int
try_lowerdirs(void)
{
	int	 fs, error;

	if ((error = make_layers()) != 0)
		return (error);
	if ((fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC)) == -1 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "userxattr", NULL,
	    0) == -1 || syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING,
	    "lowerdir+", PLACE "/a", 0) == -1)
		return (errno);
	return (0);
}

int
probe_lowerdirs(unsigned long arg, char *detail)
{
	(void)arg;
	(void)detail;
	return (in_namespaces(CLONE_NEWNS, 1, try_lowerdirs));
}

static int
try_proc(void)
{
	return (cover("proc", NULL, NULL));
}

static int
try_sysfs(void)
{
	return (cover("sysfs", NULL, NULL));
}

static int
try_devpts(void)
{
	return (cover("devpts", "ptmxmode", "0666"));
}

/* Masked paths of the host's own /proc make a new one too revealing. */
int
probe_proc(unsigned long arg, char *detail)
{
	(void)arg;
	(void)detail;
	return (in_namespaces(CLONE_NEWNS | CLONE_NEWPID, 1, try_proc));
}

int
probe_sysfs(unsigned long arg, char *detail)
{
	(void)arg;
	(void)detail;
	return (in_namespaces(CLONE_NEWNS | CLONE_NEWNET, 1, try_sysfs));
}

int
probe_devpts(unsigned long arg, char *detail)
{
	(void)arg;
	(void)detail;
	return (in_namespaces(CLONE_NEWNS, 1, try_devpts));
}
