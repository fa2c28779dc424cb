/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* berth check: what works without namespaces, tried in a child. */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../common/fence.h"
#include "probe.h"

#ifndef MFD_EXEC
#define MFD_EXEC	0x10U
#endif

#define CGROUP		"/sys/fs/cgroup"

/*
 * Id 0 alone is not enough: in a pod it may be without a capability.  The
 * last two are for berthd's start alone; see berthd(8).
 */
int
probe_root(unsigned long arg, char *detail)
{
	struct __user_cap_header_struct	 hdr;
	struct __user_cap_data_struct	 d[2];
	const uint32_t			 need = 1U << CAP_SETUID |
					    1U << CAP_SETGID |
					    1U << CAP_DAC_OVERRIDE |
					    1U << CAP_SETPCAP |
					    1U << CAP_CHOWN;

	(void)arg;
	memset(&hdr, 0, sizeof(hdr));
	hdr.version = _LINUX_CAPABILITY_VERSION_3;
	if (syscall(SYS_capget, &hdr, d) == -1)
		return (errno);
	if (geteuid() == 0 && (d[0].effective & need) == need)
		return (0);
	snprintf(detail, PROBE_DETAIL, "user %u", (unsigned int)geteuid());
	return (EPERM);
}

int
probe_openat2(unsigned long arg, char *detail)
{
	struct open_how	 how;

	(void)arg;
	(void)detail;
	memset(&how, 0, sizeof(how));
	how.flags = O_PATH | O_CLOEXEC;
	how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
	return (syscall(SYS_openat2, AT_FDCWD, "..", &how, sizeof(how)) ==
	    -1 ? errno : 0);
}

/* Born with a descriptor, signalled through it, waited for. */
int
probe_pidfd(unsigned long arg, char *detail)
{
	struct clone_args	 ca;
	pid_t			 pid;
	int			 fd = -1, status;

	(void)arg;
	(void)detail;
	memset(&ca, 0, sizeof(ca));
	ca.flags = CLONE_PIDFD;
	ca.pidfd = (uintptr_t)&fd;
	ca.exit_signal = SIGCHLD;
	if ((pid = (pid_t)syscall(SYS_clone3, &ca, sizeof(ca))) == -1)
		return (errno);
	if (pid == 0)
		for (;;)
			pause();
	if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == -1) {
		status = errno;
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return (status);
	}
	return (waitpid(pid, &status, 0) == -1 ? errno : 0);
}

int
probe_close_range(unsigned long arg, char *detail)
{
	(void)arg;
	(void)detail;
	return (syscall(SYS_close_range, 100, ~0U, 0) == -1 ? errno : 0);
}

/* A copy of a program that nobody can write to, but that runs. */
int
probe_memfd(unsigned long arg, char *detail)
{
	int	 fd;

	(void)arg;
	(void)detail;
	fd = memfd_create("probe", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (fd == -1 && errno == EINVAL)
		fd = memfd_create("probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1 || fchmod(fd, 0111) == -1 || fcntl(fd, F_ADD_SEALS,
	    F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == -1)
		return (errno);
	return (0);
}

/* A filter that kills, and a child that it has to kill. */
int
probe_seccomp(unsigned long arg, char *detail)
{
	struct sock_filter	 filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog	 prog = { 4, filter };
	pid_t			 pid;
	int			 status;

	(void)arg;
	(void)detail;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == -1)
		return (errno);
	if ((pid = fork()) == 0) {
		(void)syscall(SYS_getppid);
		_exit(0);
	}
	if (pid == -1 || waitpid(pid, &status, 0) == -1)
		return (errno);
	return (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? 0 :
	    EOPNOTSUPP);
}

int
probe_landlock(unsigned long arg, char *detail)
{
	int	 abi;

	(void)arg;
	if ((abi = fence_abi()) == 0)
		return (EOPNOTSUPP);
	snprintf(detail, PROBE_DETAIL, "version %d of its interface", abi);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    fence_raise(NULL, 0, 0) == -1)
		return (errno);
	if (open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) != -1)
		return (EOPNOTSUPP);
	return (errno == EACCES ? 0 : errno);
}

static int
is_fs(const char *path, unsigned long magic)
{
	struct statfs	 st;

	return (statfs(path, &st) == 0 && (unsigned long)st.f_type == magic);
}

/* 0, or an errno. */
static int
put(const char *dir, const char *file, const char *value)
{
	char	 path[192];
	int	 fd, error = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1)
		return (errno);
	if (write(fd, value, strlen(value)) == -1)
		error = errno;
	close(fd);
	return (error);
}

/* A group with a limit and a process in it; removed again. */
static int
try_group(const char *root, const char *file, const char *limit)
{
	static const struct timespec	 pause = { 0, 2000000 };
	char				 dir[128];
	pid_t				 pid;
	int				 error, tries;

	snprintf(dir, sizeof(dir), "%s/berth-check-%d", root, (int)getpid());
	if (mkdir(dir, 0755) == -1)
		return (errno);
	error = put(dir, file, limit);
	if (error == 0 && (pid = fork()) == 0)
		_exit(put(dir, "cgroup.procs", "0"));
	else if (error == 0) {
		if (pid == -1 || waitpid(pid, &tries, 0) == -1)
			error = errno;
		else
			error = WIFEXITED(tries) ? WEXITSTATUS(tries) : EIO;
	}
	/* its last process may still be on its way out */
	for (tries = 0; rmdir(dir) == -1 && errno == EBUSY && tries < 50;
	    tries++)
		nanosleep(&pause, NULL);
	return (error);
}

static const struct {
	const char	*name, *v1, *limit1, *v2, *limit2;
} controllers[] = {
	{ "memory", "memory.limit_in_bytes", "67108864", "memory.max",
	    "67108864" },
	{ "cpu", "cpu.cfs_quota_us", "50000", "cpu.max", "50000 100000" },
	{ "pids", "pids.max", "16", "pids.max", "16" },
};

/* As a run would, the controller is given to groups below; then not. */
static int
try_v2(const char *root, size_t which)
{
	const char	*name = controllers[which].name, *limit, *file;
	char		 path[96], before[256], word[16];
	ssize_t		 n = -1;
	int		 fd, error, had;

	file = controllers[which].v2;
	limit = controllers[which].limit2;
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", root);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) != -1) {
		n = read(fd, before, sizeof(before) - 1);
		close(fd);
	}
	before[n > 0 ? n : 0] = '\0';
	had = strstr(before, name) != NULL;
	snprintf(word, sizeof(word), "+%s", name);
	if (!had)
		(void)put(root, "cgroup.subtree_control", word);
	error = try_group(root, file, limit);
	*word = '-';
	if (!had)
		(void)put(root, "cgroup.subtree_control", word);
	return (error);
}

int
probe_cgroup(unsigned long which, char *detail)
{
	char		 root[64];

	snprintf(root, sizeof(root), CGROUP "/%s", controllers[which].name);
	if (is_fs(root, CGROUP_SUPER_MAGIC)) {
		snprintf(detail, PROBE_DETAIL, "cgroup v1");
		return (try_group(root, controllers[which].v1,
		    controllers[which].limit1));
	}
	snprintf(root, sizeof(root), is_fs(CGROUP, CGROUP2_SUPER_MAGIC) ?
	    CGROUP : CGROUP "/unified");
	if (!is_fs(root, CGROUP2_SUPER_MAGIC)) {
		snprintf(detail, PROBE_DETAIL, "no cgroup file system");
		return (ENOENT);
	}
	snprintf(detail, PROBE_DETAIL, "cgroup v2");
	return (try_v2(root, which));
}
