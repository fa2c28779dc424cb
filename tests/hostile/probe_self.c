/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What the probe is itself: descriptors, capabilities, limits, mounts,
 * cgroups, and what executing a setuid or capable file gives it.
 */
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/capability.h>
#include <linux/securebits.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

#define BIT(cap)	(1ULL << (cap))
#define ROOT_CAPS	(BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | \
			BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_KILL) | \
			BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SETGID) | \
			BIT(CAP_SETUID))

static unsigned long long
allowed_caps(void)
{
	return (getuid() == 0 ? ROOT_CAPS : 0);
}

static void
check_stdio(int fd)
{
	char	 path[32], link[PATH_MAX] = "", name[32], *end;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(name, sizeof(name), "descriptor-%d", fd);
	if (readlink(path, link, sizeof(link) - 1) == -1) {
		judge_rv(name, "done", -1);
		return;
	}
	if ((end = strchr(link, ':')) != NULL)
		*end = '\0';
	if (strncmp(link, "/dev/pts/", 9) == 0)
		link[8] = '\0';
	judge(name, "pipe|/dev/null|/dev/pts", link);
}

/* 0, 1 and 2: no descriptor of the caller, the broker or berth-init. */
void
check_descriptors(void)
{
	struct rlimit	 rl;
	char		 name[32];
	int		 fd, n = 0;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 || rl.rlim_max > 1048576)
		rl.rlim_max = 1048576;
	for (fd = 3; fd < (int)rl.rlim_max; fd++)
		if (fcntl(fd, F_GETFD) != -1) {
			snprintf(name, sizeof(name), "descriptor-%d", fd);
			judge(name, "closed", "open");
			n++;
		}
	judge("descriptors-beyond-2", "none", n == 0 ? "none" : "some");
	for (fd = 0; fd < 3; fd++)
		check_stdio(fd);
}

/* The value of a line of /proc/self/status, "" if there is none. */
static const char *
status(const char *key)
{
	static char	 line[512];
	size_t		 n = strlen(key);
	FILE		*f;

	if ((f = fopen("/proc/self/status", "re")) == NULL)
		return ("");
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, key, n) == 0 && line[n] == ':') {
			fclose(f);
			line[strcspn(line, "\n")] = '\0';
			return (line + n + 1 + strspn(line + n + 1, "\t "));
		}
	fclose(f);
	return ("");
}

static void
check_caps(void)
{
	static const char *const sets[] = {
		"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
	};
	struct __user_cap_header_struct hdr = {
		_LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];
	const long args[5] = { (long)(intptr_t)&hdr, (long)(intptr_t)data };
	char	 want[32], name[32];
	size_t	 i;
	int	 cap;

	for (i = 0; i < NELEM(sets); i++) {
		snprintf(want, sizeof(want), "%016llx", i == 0 || i == 4 ?
		    0ULL : allowed_caps());
		judge(sets[i], want, status(sets[i]));
	}
	for (cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (allowed_caps() & BIT(cap))
			continue;
		memset(data, 0, sizeof(data));
		data[cap / 32].permitted = data[cap / 32].effective =
		    1U << cap % 32;
		snprintf(name, sizeof(name), "capset-%d", cap);
		judge(name, "EPERM", try_call(SYS_capset, args));
	}
	judge_rv("ambient-raise", "EPERM", prctl(PR_CAP_AMBIENT,
	    PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0));
	judge_rv("securebits", "EPERM", prctl(PR_SET_SECUREBITS,
	    SECBIT_KEEP_CAPS_LOCKED, 0, 0, 0));
	judge_rv("nnp-off", "EINVAL", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
	judge_rv("prctl-mm", "EPERM", prctl(PR_SET_MM, PR_SET_MM_START_BRK,
	    0, 0, 0));
}

static void
check_ids(void)
{
	gid_t	 zero = 0;

	/* beyond the map there is nobody to become */
	judge_rv("setuid-70000", "EINVAL", syscall(SYS_setuid, 70000));
	judge_rv("setgid-70000", "EINVAL", syscall(SYS_setgid, 70000));
	judge_rv("setuid-nobody", "EINVAL", syscall(SYS_setuid, -1));
	if (getuid() == 0)
		return;
	judge_rv("setuid-0", "EPERM", syscall(SYS_setuid, 0));
	judge_rv("setgid-0", "EPERM", syscall(SYS_setgid, 0));
	judge_rv("setresuid-0", "EPERM", syscall(SYS_setresuid, 0, 0, 0));
	judge_rv("setgroups-0", "EPERM", syscall(SYS_setgroups, 1, &zero));
	judge_rv("kill-pid1", "EPERM", kill(1, SIGKILL));
}

static void
check_cgroup(void)
{
	char	 line[512], *path;
	FILE	*f;
	int	 outside = 0;

	if ((f = fopen("/proc/self/cgroup", "re")) == NULL) {
		judge_rv("cgroup-view", "root", -1);
		return;
	}
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		path = strchr(line, ':');
		path = path == NULL ? NULL : strchr(path + 1, ':');
		if (path == NULL || strcmp(path + 1, "/") != 0)
			outside++;
	}
	fclose(f);
	judge("cgroup-view", "root", outside == 0 ? "root" : "outside");
}

/* Another's socket beneath an abstract name would be everybody's. */
static void
check_unix(void)
{
	char	 line[512];
	FILE	*f;
	int	 n = 0;

	if ((f = fopen("/proc/net/unix", "re")) == NULL) {
		judge_rv("unix-sockets", "none", -1);
		return;
	}
	while (fgets(line, sizeof(line), f) != NULL)
		n += strchr(line, '@') != NULL;
	fclose(f);
	judge("unix-sockets", "none", n == 0 ? "none" : "some");
}

void
check_status(void)
{
	check_caps();
	judge("NoNewPrivs", "1", status("NoNewPrivs"));
	judge("Seccomp", "2", status("Seccomp"));
	judge("TracerPid", "0", status("TracerPid"));
	judge("umask", "0022", status("Umask"));
	check_ids();
	check_cgroup();
	check_unix();
}

static const struct {
	const char	*name;
	__rlimit_resource_t what;
	rlim_t		 max;
} limits[] = {
	{ "limit-core", RLIMIT_CORE, 0 },
	{ "limit-nofile", RLIMIT_NOFILE, 65536 },
	{ "limit-memlock", RLIMIT_MEMLOCK, 64 * 1024 },
	{ "limit-msgqueue", RLIMIT_MSGQUEUE, 819200 },
	{ "limit-rtprio", RLIMIT_RTPRIO, 0 },
	{ "limit-nice", RLIMIT_NICE, 0 },
	{ "limit-rttime", RLIMIT_RTTIME, RLIM_INFINITY },
};

void
check_limits(void)
{
	struct sched_param	 sp = { .sched_priority = 1 };
	struct rlimit		 rl;
	char			 name[32];
	size_t			 i;

	for (i = 0; i < NELEM(limits); i++) {
		if (getrlimit(limits[i].what, &rl) == -1)
			continue;
		judge(limits[i].name, "within", rl.rlim_max <= limits[i].max ?
		    "within" : "beyond");
		if (rl.rlim_max == RLIM_INFINITY)
			continue;
		rl.rlim_max++;
		snprintf(name, sizeof(name), "raise-%s", limits[i].name);
		judge_rv(name, "EPERM", setrlimit(limits[i].what, &rl));
	}
	judge_rv("sched-fifo", "EPERM", sched_setscheduler(0, SCHED_FIFO,
	    &sp));
	judge_rv("nice", "EACCES|EPERM", setpriority(PRIO_PROCESS, 0, -5));
	judge_rv("ioprio-rt", "EPERM", syscall(SYS_ioprio_set, 1, 0,
	    1 << 13));
	judge_rv("mmap-zero-page", "EPERM|EACCES|EINVAL",
	    mmap(NULL, 4096, PROT_READ, MAP_FIXED | MAP_ANONYMOUS |
	    MAP_PRIVATE, -1, 0) == MAP_FAILED ? -1 : 0);
}

/* What berth mounts, where, and the root each mount shows. */
static const struct {
	const char	*point, *type, *root;
} mounts[] = {
	{ "/", "overlay", "/" }, { "/proc", "proc", "/" },
	{ "/sys", "sysfs", "/" }, { "/dev", "tmpfs", "/" },
	{ "/dev", "tmpfs", "/dev" }, { "/dev/pts", "devpts", "/" },
	{ "/dev/shm", "tmpfs", "/" }, { "/dev/mqueue", "mqueue", "/" },
	{ "/dev/null", "devtmpfs", "/null" },
	{ "/dev/zero", "devtmpfs", "/zero" },
	{ "/dev/full", "devtmpfs", "/full" },
	{ "/dev/random", "devtmpfs", "/random" },
	{ "/dev/urandom", "devtmpfs", "/urandom" },
	{ "/dev/tty", "devtmpfs", "/tty" },
	{ "/dev/console", "devpts", "*" },
	{ "/etc/hosts", "tmpfs", "/hosts" },
	{ "/etc/hostname", "tmpfs", "/hostname" },
	{ "/etc/resolv.conf", "tmpfs", "/resolv.conf" },
	{ "/proc/bus", "proc", "/bus" }, { "/proc/fs", "proc", "/fs" },
	{ "/proc/irq", "proc", "/irq" }, { "/proc/sys", "proc", "/sys" },
	{ "/proc/sysrq-trigger", "proc", "/sysrq-trigger" },
	{ "/proc/*", "tmpfs", "/empty" }, { "/sys/*", "tmpfs", "/empty" },
	{ "/proc/*", "devtmpfs", "/null" }, { "/sys/*", "devtmpfs", "/null" },
	{ "/dev/*", "tmpfs", "/empty" },
};

static int
matches(const char *pattern, const char *s)
{
	size_t	 n = strcspn(pattern, "*");

	return (pattern[n] == '*' ? strncmp(pattern, s, n) == 0 :
	    strcmp(pattern, s) == 0);
}

static const char *
mount_state(const char *point, const char *root, const char *type,
    const char *options, const char *shared)
{
	size_t	 i;

	if (*shared != '-')
		return ("propagates");
	if (strstr(options, "nosuid") == NULL)
		return ("suid");
	if (strcmp(type, "devtmpfs") != 0 && strcmp(type, "devpts") != 0 &&
	    strstr(options, "nodev") == NULL)
		return ("devices");
	for (i = 0; i < NELEM(mounts); i++)
		if (matches(mounts[i].point, point) &&
		    matches(mounts[i].root, root) &&
		    strcmp(mounts[i].type, type) == 0)
			return ("ours");
	return ("unexpected");
}

/* No mount of the host but the nodes that are bound by design. */
void
check_mounts(void)
{
	char	 line[4096], root[1024], point[1024], options[512], opt[64],
		 type[64], name[1100], *dash;
	FILE	*f;

	if ((f = fopen("/proc/self/mountinfo", "re")) == NULL) {
		judge_rv("mountinfo", "done", -1);
		return;
	}
	while (fgets(line, sizeof(line), f) != NULL) {
		dash = strstr(line, " - ");
		if (dash == NULL || sscanf(line, "%*d %*d %*s %1023s %1023s "
		    "%511s %63s", root, point, options, opt) != 4 ||
		    sscanf(dash + 3, "%63s", type) != 1) {
			judge("mountinfo-line", "read", "unread");
			continue;
		}
		snprintf(name, sizeof(name), "mount:%s", point);
		judge(name, "ours", mount_state(point, root, type, options,
		    opt));
	}
	fclose(f);
}

/* Run by execve() of a setuid or capable copy: 0, or what was gained. */
int
gained(void)
{
	unsigned long long caps = strtoull(status("CapPrm"), NULL, 16);

	if (getuid() != geteuid() || getgid() != getegid())
		return (1);
	return ((caps & ~allowed_caps()) != 0 ? 2 : 0);
}

static const char *
gain_of(const char *path)
{
	char	 word[] = "gained";
	char	*const argv[] = { word, word, NULL };
	char	*const envp[] = { NULL };
	pid_t	 pid;
	int	 st;

	if ((pid = fork()) == 0) {
		execve(path, argv, envp);
		_exit(100);
	}
	if (pid == -1 || waitpid(pid, &st, 0) == -1 || !WIFEXITED(st))
		return ("?");
	return (WEXITSTATUS(st) == 0 ? "nothing" : WEXITSTATUS(st) == 1 ?
	    "ids" : WEXITSTATUS(st) == 2 ? "capabilities" : "no-exec");
}

void
check_gain(void)
{
	judge("exec-setuid", "nothing", gain_of("/probe-setuid"));
	judge("exec-setgid", "nothing", gain_of("/probe-setgid"));
	judge("exec-capable", "nothing|no-exec", gain_of("/probe-capable"));
}
