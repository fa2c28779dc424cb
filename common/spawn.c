/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Making a process: the only clone of the broker.  The child stays our own
 * code until the exec: it opens what must be opened in its own mount
 * namespace, waits for its id map, becomes id 0 of its user namespace.
 */
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/openat2.h>
#include <linux/sched.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "spawn.h"

#ifndef MFD_EXEC
#define MFD_EXEC		0x10U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC		0x20
#endif

int
spawn_helper(const char *name)
{
	char	 path[PATH_MAX];
	char	*slash;
	ssize_t	 n;

	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n == -1)
		return (-1);
	path[n] = '\0';
	if ((slash = strrchr(path, '/')) == NULL) {
		errno = ENOENT;
		return (-1);
	}
	*slash = '\0';
	/* an installed program takes its helpers from one place only */
	if (strcmp(path, BERTH_BINDIR) == 0 || strcmp(path, BERTH_SBINDIR) == 0)
		n = snprintf(path, sizeof(path), "%s/%s", BERTH_LIBEXECDIR,
		    name);
	else {
		*slash = '/';
		n = snprintf(slash + 1, sizeof(path) - (size_t)(slash + 1 -
		    path), "%s", name);
	}
	if (n < 0 || strlen(path) >= sizeof(path) - 1) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	return (open(path, O_PATH | O_CLOEXEC));
}

/* A file system in memory; older kernels know no flag for "executable". */
static int
memfd_new(const char *name)
{
	int	 fd;

	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (fd == -1 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return (fd);
}

/*
 * Executed, but not read: so the kernel holds the process to be the host's,
 * and its files beneath /proc are not even the container's root's.
 */
static int
memfd_seal(int fd)
{
	const int	 seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
			    F_SEAL_WRITE;

	if (fchmod(fd, 0111) == -1)
		return (-1);
	if (fcntl(fd, F_ADD_SEALS, seals | F_SEAL_EXEC) == 0)
		return (0);
	return (errno == EINVAL ? fcntl(fd, F_ADD_SEALS, seals) : -1);
}

int
spawn_seal(int exe, const char *name)
{
	char		 path[32];
	struct stat	 st;
	off_t		 off = 0;
	int		 from, to, saved_errno;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", exe);
	if ((from = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return (-1);
	if ((to = memfd_new(name)) == -1 || fstat(from, &st) == -1)
		goto fail;
	while (off < st.st_size)
		if (sendfile(to, from, &off, (size_t)(st.st_size - off)) <= 0)
			goto fail;
	if (memfd_seal(to) == -1)
		goto fail;
	close(from);
	/* what is open for writing cannot be executed */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", to);
	from = open(path, O_PATH | O_CLOEXEC);
	saved_errno = errno;
	close(to);
	errno = saved_errno;
	return (from);
 fail:
	saved_errno = errno;
	close(from);
	if (to != -1)
		close(to);
	errno = saved_errno;
	return (-1);
}

/* Child: an error ends it; the engine sees its channel close. */
static void __attribute__((noreturn))
child_fail(const char *name, const char *what)
{
	log_warn("%s: %s", name, what);
	_exit(125);
}

/*
 * Whoever names the path may have put a link anywhere along it: one that is
 * followed would lead out of what is his.
 */
static int
child_open(const char *path)
{
	struct open_how	 how;

	memset(&how, 0, sizeof(how));
	how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
	how.resolve = RESOLVE_NO_SYMLINKS;
	return ((int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how)));
}

/* Child: sources first to numbers out of the way, then into their places. */
static void
child_fds(const struct spawn *sp, int *exe)
{
	int	 high[SPAWN_FDS_MAX];
	int	 fd, from = 3 + (int)sp->nfds;
	unsigned int i;

	for (i = 0; i < sp->nfds; i++) {
		fd = sp->fds[i].fd;
		if (fd == -1 && (fd = child_open(sp->fds[i].path)) == -1)
			child_fail(sp->name, sp->fds[i].path);
		if ((high[i] = fcntl(fd, F_DUPFD_CLOEXEC, from)) == -1)
			child_fail(sp->name, "dup");
	}
	if ((*exe = fcntl(sp->exe, F_DUPFD_CLOEXEC, from + 1)) == -1)
		child_fail(sp->name, "dup");
	for (i = 0; i < sp->nfds; i++)
		if (dup2(high[i], 3 + (int)i) == -1)
			child_fail(sp->name, "dup2");
	if ((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1 ||
	    dup2(fd, 0) == -1 || dup2(fd, 1) == -1)
		child_fail(sp->name, "/dev/null");
	/*
	 * All else goes now, not at the exec: as long as we hold the
	 * broker's ends of channels, its death closes none of them.
	 */
	if (dup3(*exe, from, O_CLOEXEC) == -1 ||
	    syscall(SYS_close_range, from + 1, ~0U, 0) == -1)
		child_fail(sp->name, "close_range");
	*exe = from;
}

/* The kernel's own struct: handler, flags, restorer, mask. */
struct disposition {
	unsigned long	 handler, rest[3];
};

/*
 * Which signals we ignore, asked once: whatever the process that started us
 * had, and what we do ourselves before the first child.
 */
static uint64_t
signals_ignored(void)
{
	static uint64_t		 ignored;
	static int		 known;
	struct disposition	 d;
	int			 i;

	/* by the raw call: libc keeps 32 and 33 from us, ignored or not */
	for (i = 1; !known && i < NSIG; i++)
		if (syscall(SYS_rt_sigaction, i, NULL, &d, NSIG / 8) == 0 &&
		    d.handler == (unsigned long)SIG_IGN)
			ignored |= 1ULL << (i - 1);
	known = 1;
	return (ignored);
}

/* Handlers went with the clone; what is ignored would stay so for ever. */
static void
child_signals(void)
{
	const struct disposition dfl = { 0, { 0, 0, 0 } };
	const uint64_t		 ignored = signals_ignored();
	int			 i;

	for (i = 1; i < NSIG; i++)
		if ((ignored & 1ULL << (i - 1)) != 0)
			(void)syscall(SYS_rt_sigaction, i, &dfl, NULL,
			    NSIG / 8);
}

/*
 * Dies with the broker.  One that died before the kernel had heard of it
 * sends no signal, but the other end of the channel has gone with it by then;
 * or a moment later, which ends who reads there.
 */
static int
child_follow(void)
{
	struct pollfd	 pfd = { .fd = SPAWN_FD_CHAN };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1 ||
	    poll(&pfd, 1, 0) == -1)
		return (-1);
	if ((pfd.revents & POLLHUP) != 0)
		_exit(125);
	return (0);
}

static void __attribute__((noreturn))
child(const struct spawn *sp, int go)
{
	char	*const argv[] = { (char *)(uintptr_t)sp->name, NULL };
	char	*const envp[] = { NULL };
	char	 c;
	int	 exe;

	/*
	 * Our own mount namespace already, our own ids not yet: root's
	 * directories can be entered as their owner, and a path opened here
	 * belongs to this namespace, as an overlay demands of its layers.
	 */
	if (read(go, &c, 1) != 1)
		_exit(125);
	child_fds(sp, &exe);
	child_signals();
	if (setsid() == -1)
		child_fail(sp->name, "setsid");
	if (sp->idcount != 0 && (setgroups(0, NULL) == -1 ||
	    setresgid(0, 0, 0) == -1 || setresuid(0, 0, 0) == -1))
		child_fail(sp->name, "set ids");
	/* behind the change of ids, which clears it */
	if (child_follow() == -1)
		child_fail(sp->name, "follow the broker");
	umask(022);
	syscall(SYS_execveat, exe, "", argv, envp, AT_EMPTY_PATH);
	child_fail(sp->name, "exec");
}

static int
write_proc(pid_t pid, const char *file, const char *text)
{
	char	 path[64];
	int	 fd, saved_errno;
	ssize_t	 n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1)
		return (-1);
	n = write(fd, text, strlen(text));
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return (n == -1 ? -1 : 0);
}

static int
write_maps(const struct spawn *sp, pid_t pid)
{
	char	 map[128];
	int	 n;

	if (sp->idcount == 0)
		return (0);
	n = snprintf(map, sizeof(map), "0 %u %u", sp->idbase, sp->idcount);
	if (sp->samecount != 0)
		snprintf(map + n, sizeof(map) - (size_t)n, "\n%u %u %u",
		    sp->samebase, sp->samebase, sp->samecount);
	if (write_proc(pid, "uid_map", map) == -1)
		return (-1);
	return (write_proc(pid, "gid_map", map));
}

/* All joins in one burst: the first waits for a grace period, others not. */
static int
join_cgroups(const struct spawn *sp, pid_t pid)
{
	char	 text[16];
	size_t	 i;
	int	 fd;
	ssize_t	 n;

	snprintf(text, sizeof(text), "%d", (int)pid);
	for (i = 0; sp->cgroups != NULL && sp->cgroups[i] != NULL; i++) {
		fd = open(sp->cgroups[i], O_WRONLY | O_CLOEXEC);
		if (fd == -1)
			return (-1);
		n = write(fd, text, strlen(text));
		close(fd);
		if (n == -1)
			return (-1);
	}
	return (0);
}

/*
 * Whose files the child may open until it has its own ids: a clone has our
 * file system ids, and no say over the directories of anybody else.
 */
static int
become(uint32_t owner)
{
	(void)setfsgid(owner);
	(void)setfsuid(owner);
	/* on many hosts either makes us dumpable, for root's eyes */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	/* neither says whether it has; nor does -1, which is nobody's */
	if ((uint32_t)setfsgid(UINT32_MAX) == owner &&
	    (uint32_t)setfsuid(UINT32_MAX) == owner)
		return (0);
	errno = EPERM;
	return (-1);
}

pid_t
spawn(const struct spawn *sp, int *pidfd)
{
	struct clone_args ca;
	pid_t		 pid;
	int		 go[2], saved_errno;

	*pidfd = -1;
	if (pipe2(go, O_CLOEXEC) == -1)
		return (-1);
	(void)signals_ignored();	/* for all children, not in each */
	memset(&ca, 0, sizeof(ca));
	ca.flags = sp->ns | CLONE_NEWUSER | CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
	ca.pidfd = (uintptr_t)pidfd;
	ca.exit_signal = SIGCHLD;
	if (sp->cgroupfd != -1) {
		ca.flags |= CLONE_INTO_CGROUP;
		ca.cgroup = (unsigned int)sp->cgroupfd;
	}
	if (sp->owner != 0 && become(sp->owner) == -1)
		pid = -1;
	else
		pid = sp->idcount == 0 ? fork() :
		    (pid_t)syscall(SYS_clone3, &ca, sizeof(ca));
	if (pid == 0) {
		close(go[1]);
		child(sp, go[0]);
	}
	saved_errno = errno;
	if (sp->owner != 0 && become(0) == -1)
		fatal("file system ids");
	close(go[0]);
	if (pid == -1) {
		close(go[1]);
		errno = saved_errno;
		return (-1);
	}
	if (write_maps(sp, pid) == -1 || join_cgroups(sp, pid) == -1)
		goto fail;
	if (sp->born != NULL)
		sp->born(sp->arg, pid);
	if (write(go[1], "", 1) != 1)
		goto fail;
	close(go[1]);
	return (pid);
 fail:
	saved_errno = errno;
	close(go[1]);	/* its read ends with nothing: it exits */
	(void)waitpid(pid, NULL, 0);
	if (*pidfd != -1)
		close(*pidfd);
	*pidfd = -1;
	errno = saved_errno;
	return (-1);
}
