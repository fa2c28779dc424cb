/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * startfloor: the least that a confined start costs on this kernel.
 *
 *	startfloor [-ch] [-n TIMES] -l LOWER[:LOWER]... -w DIR PROGRAM [ARG]...
 *
 * clone3 into all namespaces, an overlay with fresh upper and work below
 * DIR, /proc and /dev, pivot_root, a ready filter of 64 rules, exec, wait,
 * and everything removed.  -c: also one v1 cgroup each for pids, memory and
 * cpu.  -h: the host's network.  No store, no record, no capabilities, no
 * output moved: what berth costs beyond it is what berth does beyond it.
 */
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NRULES	64
#define IDBASE	"1879048192"	/* where berth's ids begin */

static const char	*lower, *workdir;
static char		**program;
static uint64_t		 namespaces = CLONE_NEWUSER | CLONE_NEWPID |
			    CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC |
			    CLONE_NEWUTS | CLONE_NEWCGROUP;
static const char *const parts[] = { "upper", "work", "root" };
static const char *const groups[] = { "pids", "memory", "cpu" };

#if defined(__aarch64__)
#define ARCH	AUDIT_ARCH_AARCH64
#else
#define ARCH	AUDIT_ARCH_X86_64
#endif
#define NITEMS(a)	(sizeof(a) / sizeof((a)[0]))

static void
put(const char *path, const char *text)
{
	int	 fd;

	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1 ||
	    write(fd, text, strlen(text)) == -1)
		err(1, "%s", path);
	close(fd);
}

/* Denies NRULES numbers that no kernel has: the cost, not the protection. */
static void
filter(void)
{
	struct sock_filter	 f[NRULES + 6];
	struct sock_fprog	 prog;
	unsigned int		 i, n = 0;

	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	    offsetof(struct seccomp_data, arch));
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
	    ARCH, 0, NRULES + 3);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	    offsetof(struct seccomp_data, nr));
	for (i = 0; i < NRULES; i++)
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ |
		    BPF_K, 4000 + i, (uint8_t)(NRULES - i), 0);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
	    SECCOMP_RET_ALLOW);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
	    SECCOMP_RET_ERRNO | EPERM);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
	    SECCOMP_RET_KILL_PROCESS);
	prog.len = (unsigned short)n;
	prog.filter = f;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == -1)
		err(1, "seccomp");
}

/* proc while the host's is still there: afterwards the kernel refuses. */
static void
root(const char *dir)
{
	char	 opt[4096];

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    chdir(dir) == -1)
		err(1, "%s", dir);
	snprintf(opt, sizeof(opt),
	    "lowerdir=%s,upperdir=upper,workdir=work,userxattr", lower);
	if (mount("overlay", "root", "overlay", MS_NODEV | MS_NOSUID,
	    opt) == -1)
		err(1, "overlay %s", opt);
	if (chdir("root") == -1 ||
	    mount("proc", "proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV,
	    NULL) == -1 ||
	    mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755") == -1)
		err(1, "mount");
	if (syscall(SYS_pivot_root, ".", ".") == -1 ||
	    umount2(".", MNT_DETACH) == -1)
		err(1, "pivot_root");
}

static void
child(int gofd, const char *dir)
{
	static char	 path[] = "PATH=/usr/local/sbin:/usr/local/bin:"
			    "/usr/sbin:/usr/bin:/sbin:/bin";
	static char	*const environment[] = { path, NULL };
	char		 c;

	if (read(gofd, &c, 1) != 1)
		_exit(125);
	if (setgid(0) == -1 || setuid(0) == -1)
		err(1, "setuid");
	root(dir);
	if (sethostname("floor", 5) == -1)
		err(1, "sethostname");
	filter();
	/* who ends the floor ends what it runs */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	execve(program[0], program, environment);
	err(127, "%s", program[0]);
}

static void
group(unsigned int i, pid_t pid)
{
	char	 path[256], text[32];

	snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/startfloor-%d",
	    groups[i], (int)pid);
	if (mkdir(path, 0755) == -1)
		err(1, "%s", path);
	snprintf(path + strlen(path), sizeof(path) - strlen(path),
	    "/cgroup.procs");
	snprintf(text, sizeof(text), "%d", (int)pid);
	put(path, text);
}

static void
make_dirs(const char *dir)
{
	char	 path[512];
	size_t	 i;

	if (mkdir(dir, 0755) == -1)
		err(1, "%s", dir);
	for (i = 0; i < NITEMS(parts); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, parts[i]);
		if (mkdir(path, 0755) == -1 ||
		    chown(path, (uid_t)atoi(IDBASE), (gid_t)atoi(IDBASE)) ==
		    -1)
			err(1, "%s", path);
	}
}

/* What the app wrote is the caller's to remove: these write nothing. */
static void
remove_dirs(const char *dir)
{
	char	 path[512];
	size_t	 i;

	snprintf(path, sizeof(path), "%s/work/work", dir);
	(void)rmdir(path);
	for (i = 0; i < NITEMS(parts); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, parts[i]);
		(void)rmdir(path);
	}
	(void)rmdir(dir);
}

static int
start(int turn, int cgroups)
{
	struct clone_args	 a = { .flags = namespaces,
				    .exit_signal = SIGCHLD };
	char			 dir[256], path[256];
	int			 go[2], status;
	unsigned int		 i;
	pid_t			 pid;

	snprintf(dir, sizeof(dir), "%s/f%d-%d", workdir, (int)getpid(),
	    turn);
	make_dirs(dir);
	if (pipe2(go, O_CLOEXEC) == -1)
		err(1, "pipe");
	if ((pid = (pid_t)syscall(SYS_clone3, &a, sizeof(a))) == -1)
		err(1, "clone3");
	if (pid == 0) {
		close(go[1]);
		child(go[0], dir);
	}
	close(go[0]);
	snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
	put(path, "0 " IDBASE " 65536");
	snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)pid);
	put(path, "0 " IDBASE " 65536");
	for (i = 0; cgroups && i < NITEMS(groups); i++)
		group(i, pid);
	if (write(go[1], "x", 1) != 1)
		err(1, "write");
	close(go[1]);
	if (waitpid(pid, &status, 0) == -1)
		err(1, "wait");
	for (i = 0; cgroups && i < NITEMS(groups); i++) {
		snprintf(path, sizeof(path),
		    "/sys/fs/cgroup/%s/startfloor-%d", groups[i], (int)pid);
		(void)rmdir(path);
	}
	remove_dirs(dir);
	return (WIFEXITED(status) ? WEXITSTATUS(status) : 128);
}

int
main(int argc, char **argv)
{
	int	 c, i, n = 1, cgroups = 0, r = 0;

	while ((c = getopt(argc, argv, "+chl:n:w:")) != -1)
		switch (c) {
		case 'c':
			cgroups = 1;
			break;
		case 'h':
			namespaces &= ~(uint64_t)CLONE_NEWNET;
			break;
		case 'l':
			lower = optarg;
			break;
		case 'n':
			n = atoi(optarg);
			break;
		case 'w':
			workdir = optarg;
			break;
		default:
			errx(2, "usage: see the head of startfloor.c");
		}
	program = argv + optind;
	if (lower == NULL || workdir == NULL || *program == NULL)
		errx(2, "usage: see the head of startfloor.c");
	for (i = 0; i < n && r == 0; i++)
		r = start(i, cgroups);
	return (r);
}
