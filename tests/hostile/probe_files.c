/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The probe's files: paths that are masked, paths that are read-only, other
 * processes' files beneath /proc, and what /dev holds.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

#define NULL_DEVICE	makedev(1, 3)
#define MEM(minor)	(1U << 8 | (minor))	/* as makedev(1, minor) */

static const char *const	 hidden[] = {
	"/proc/acpi", "/proc/asound", "/proc/config.gz", "/proc/interrupts",
	"/proc/kallsyms", "/proc/kcore", "/proc/keys", "/proc/kpagecgroup",
	"/proc/kpagecount", "/proc/kpageflags", "/proc/latency_stats",
	"/proc/pressure", "/proc/sched_debug", "/proc/scsi",
	"/proc/slabinfo", "/proc/timer_list", "/proc/timer_stats",
	"/proc/vmallocinfo", "/sys/devices/virtual/powercap",
	"/sys/firmware", "/sys/fs/bpf", "/sys/fs/pstore", "/sys/fs/selinux",
	"/sys/hypervisor", "/sys/kernel/debug", "/sys/kernel/security",
	"/sys/kernel/tracing",
};

static const char *const	 readonly[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
	"/proc/sysrq-trigger", "/sys",
};

/* Knobs of the whole machine; each a way out or a way to stop it. */
static const char *const	 knobs[] = {
	"/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern",
	"/proc/sys/kernel/core_pipe_limit", "/proc/sys/kernel/modprobe",
	"/proc/sys/kernel/poweroff_cmd", "/proc/sys/kernel/hotplug",
	"/proc/sys/kernel/sysrq", "/proc/sys/kernel/panic",
	"/proc/sys/kernel/panic_on_oops", "/proc/sys/kernel/hostname",
	"/proc/sys/kernel/domainname", "/proc/sys/kernel/kptr_restrict",
	"/proc/sys/kernel/dmesg_restrict", "/proc/sys/kernel/printk",
	"/proc/sys/kernel/randomize_va_space", "/proc/sys/kernel/pid_max",
	"/proc/sys/kernel/ns_last_pid", "/proc/sys/kernel/shmmax",
	"/proc/sys/kernel/shm_rmid_forced", "/proc/sys/kernel/msgmax",
	"/proc/sys/kernel/perf_event_paranoid",
	"/proc/sys/kernel/unprivileged_bpf_disabled",
	"/proc/sys/kernel/yama/ptrace_scope",
	"/proc/sys/kernel/modules_disabled", "/proc/sys/vm/swappiness",
	"/proc/sys/vm/overcommit_memory", "/proc/sys/vm/drop_caches",
	"/proc/sys/vm/mmap_min_addr", "/proc/sys/fs/suid_dumpable",
	"/proc/sys/fs/protected_hardlinks", "/proc/sys/fs/file-max",
	"/proc/sys/fs/binfmt_misc/register",
	"/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/ip_default_ttl",
	"/proc/sys/net/core/somaxconn", "/proc/sys/user/max_user_namespaces",
	"/proc/irq/default_smp_affinity", "/proc/mtrr",
	"/sys/kernel/uevent_helper", "/sys/kernel/profiling",
	"/sys/kernel/kexec_crash_size", "/sys/kernel/mm/ksm/run",
	"/sys/kernel/mm/transparent_hugepage/enabled", "/sys/power/state",
	"/sys/power/wake_lock", "/sys/devices/system/cpu/cpu0/online",
	"/sys/module/kernel/parameters/initcall_debug",
	"/sys/bus/pci/rescan", "/sys/class/net/lo/mtu",
};

/* What a mask looks like, or what is wrong with it. */
static const char *
mask_state(const char *path)
{
	struct stat	 st;
	struct dirent	*de;
	DIR		*dir;
	int		 n = 0;

	if (lstat(path, &st) == -1)
		return (outcome(-1));
	if (S_ISCHR(st.st_mode))
		return (st.st_rdev == NULL_DEVICE ? "null" : "device");
	if (!S_ISDIR(st.st_mode))
		return ("visible");
	if ((dir = opendir(path)) == NULL)
		return (outcome(-1));
	while ((de = readdir(dir)) != NULL)
		n++;
	closedir(dir);
	return (n == 2 ? "empty" : "visible");
}

/* Whether what covers path can be taken away or made writable. */
static void
check_cover(const char *path)
{
	char	 name[PATH_MAX];

	snprintf(name, sizeof(name), "umount:%s", path);
	judge_rv(name, "EPERM", umount2(path, MNT_DETACH));
	snprintf(name, sizeof(name), "remount:%s", path);
	judge_rv(name, "EPERM", mount(NULL, path, NULL,
	    MS_REMOUNT | MS_BIND, NULL));
}

void
check_hidden(void)
{
	struct stat	 st;
	char		 name[PATH_MAX], inside[PATH_MAX];
	size_t		 i;

	for (i = 0; i < NELEM(hidden); i++) {
		snprintf(name, sizeof(name), "masked:%s", hidden[i]);
		judge(name, "null|empty|ENOENT", mask_state(hidden[i]));
		if (lstat(hidden[i], &st) == -1)
			continue;
		check_cover(hidden[i]);
		if (!S_ISDIR(st.st_mode))
			continue;
		snprintf(name, sizeof(name), "write:%s", hidden[i]);
		snprintf(inside, sizeof(inside), "%s/probe", hidden[i]);
		judge_rv(name, "EROFS", mkdir(inside, 0755));
	}
}

static void
check_write(const char *path)
{
	char	 name[PATH_MAX];
	int	 fd;

	snprintf(name, sizeof(name), "write:%s", path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	judge_rv(name, "EROFS|EACCES|EPERM|ENOENT", fd);
	if (fd != -1)
		close(fd);
}

void
check_readonly(void)
{
	struct statvfs	 fs;
	char		 name[PATH_MAX];
	size_t		 i;

	for (i = 0; i < NELEM(readonly); i++) {
		snprintf(name, sizeof(name), "readonly:%s", readonly[i]);
		judge(name, "yes|ENOENT", statvfs(readonly[i], &fs) == -1 ?
		    outcome(-1) : fs.f_flag & ST_RDONLY ? "yes" : "no");
		if (access(readonly[i], F_OK) == 0)
			check_cover(readonly[i]);
	}
	for (i = 0; i < NELEM(knobs); i++)
		check_write(knobs[i]);
}

static void
check_open(const char *path, int flags, const char *want)
{
	char	 name[PATH_MAX];
	int	 fd;

	snprintf(name, sizeof(name), "open:%s", path);
	fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	judge_rv(name, want, fd);
	if (fd != -1)
		close(fd);
}

static void
check_pid1(void)
{
	static const char *const files[] = {
		"exe", "mem", "root", "root/etc", "cwd", "fd", "fd/3",
		"fdinfo", "fdinfo/3", "environ", "maps", "smaps", "auxv",
		"syscall", "stack", "pagemap", "personality", "io", "map_files",
		"task/1/mem", "task/1/root", "task/1/cwd", "ns/user",
		"ns/mnt",
	};
	char	 path[64], link[PATH_MAX];
	size_t	 i;

	for (i = 0; i < NELEM(files); i++) {
		snprintf(path, sizeof(path), "/proc/1/%s", files[i]);
		check_open(path, O_RDONLY, "EACCES|EPERM");
	}
	check_open("/proc/1/mem", O_RDWR, "EACCES|EPERM");
	check_open("/proc/1/exe", O_WRONLY, "EACCES|EPERM");
	check_open("/proc/1/oom_score_adj", O_WRONLY, "EACCES|EPERM");
	check_open("/proc/1/uid_map", O_WRONLY, "EACCES|EPERM|EROFS");
	judge_rv("readlink:/proc/1/exe", "EACCES|EPERM",
	    readlink("/proc/1/exe", link, sizeof(link)));
	judge_rv("readlink:/proc/1/root", "EACCES|EPERM",
	    readlink("/proc/1/root", link, sizeof(link)));
	judge_rv("readlink:/proc/1/ns/net", "EACCES|EPERM",
	    readlink("/proc/1/ns/net", link, sizeof(link)));
}

/* Our own program is the image's file, not one of the host. */
static void
check_exe(void)
{
	struct stat	 exe, root;
	char		 link[PATH_MAX] = "";

	judge("exe-name", "/probe", readlink("/proc/self/exe", link,
	    sizeof(link) - 1) == -1 ? outcome(-1) : link);
	judge("exe-device", "the-root's", stat("/proc/self/exe", &exe) == 0 &&
	    stat("/", &root) == 0 && exe.st_dev == root.st_dev ?
	    "the-root's" : "another");
	check_open("/proc/self/exe", O_WRONLY, "ETXTBSY|EACCES");
}

static void
write_own(const char *path, const char *text, const char *want)
{
	char	 name[PATH_MAX];
	int	 fd, rv = -1;

	snprintf(name, sizeof(name), "write:%s", path);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) != -1) {
		rv = (int)write(fd, text, strlen(text));
		if (rv == -1)
			judge_rv(name, want, -1);
		close(fd);
	}
	if (fd == -1 || rv != -1)
		judge_rv(name, want, rv);
}

void
check_others(void)
{
	static const char *const none[] = {
		"/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg",
		"/dev/fuse", "/dev/kvm", "/dev/net/tun", "/dev/loop0",
		"/dev/loop-control", "/dev/sda", "/dev/vda", "/dev/tty0",
		"/dev/console", "/dev/cpu/0/msr", "/dev/userfaultfd",
		"/dev/vhost-net", "/dev/input/event0", "/dev/dri/card0",
		"/dev/mapper/control", "/dev/rtc0", "/dev/hpet",
		"/dev/watchdog", "/dev/snapshot", "/dev/btrfs-control",
		"/dev/vsock", "/dev/ptp0", "/dev/hwrng",
	};
	struct stat	 root, above;
	size_t		 i;

	check_pid1();
	check_exe();
	for (i = 0; i < NELEM(none); i++)
		if (strcmp(none[i], "/dev/console") != 0 || !isatty(0))
			check_open(none[i], O_RDWR, "ENOENT");
	check_open("/proc/kmsg", O_RDONLY, "EPERM|EACCES");
	check_open("/sys/fs/cgroup/memory/release_agent", O_WRONLY, "ENOENT");
	check_open("/sys/fs/cgroup/release_agent", O_WRONLY, "ENOENT");
	judge_rv("mkdir:/sys/fs/cgroup", "EROFS|EPERM|EACCES|ENOENT",
	    mkdir("/sys/fs/cgroup/probe", 0755));
	write_own("/proc/self/uid_map", "0 0 1", "EPERM|EACCES");
	write_own("/proc/self/gid_map", "0 0 1", "EPERM|EACCES");
	write_own("/proc/self/setgroups", "deny", "EPERM|EACCES");
	write_own("/proc/self/oom_score_adj", "-1000", "EACCES|EPERM");
	judge("above-the-root", "the-root", stat("/", &root) == 0 &&
	    stat("/../../..", &above) == 0 && root.st_dev == above.st_dev &&
	    root.st_ino == above.st_ino ? "the-root" : "elsewhere");
}

static const struct {
	const char	*name;
	mode_t		 type;
	dev_t		 dev;
} dev[] = {
	{ "null", S_IFCHR, MEM(3) }, { "zero", S_IFCHR, MEM(5) },
	{ "full", S_IFCHR, MEM(7) },
	{ "random", S_IFCHR, MEM(8) },
	{ "urandom", S_IFCHR, MEM(9) },
	{ "tty", S_IFCHR, 5U << 8 }, { "ptmx", S_IFLNK, 0 },
	{ "fd", S_IFLNK, 0 }, { "stdin", S_IFLNK, 0 },
	{ "stdout", S_IFLNK, 0 }, { "stderr", S_IFLNK, 0 },
	{ "pts", S_IFDIR, 0 }, { "shm", S_IFDIR, 0 },
	{ "mqueue", S_IFDIR, 0 },
	{ "console", S_IFCHR, 0 },	/* with a terminal only */
};

static const char *
dev_state(const char *name)
{
	struct stat	 st;
	char		 path[PATH_MAX];
	size_t		 i;

	snprintf(path, sizeof(path), "/dev/%s", name);
	if (lstat(path, &st) == -1)
		return (outcome(-1));
	for (i = 0; i < NELEM(dev); i++)
		if (strcmp(dev[i].name, name) == 0)
			return ((st.st_mode & S_IFMT) == dev[i].type &&
			    (dev[i].dev == 0 || st.st_rdev == dev[i].dev) ?
			    "expected" : "another-kind");
	return ("unexpected");
}

void
check_dev(void)
{
	struct dirent	*de;
	char		 name[PATH_MAX];
	DIR		*dir;

	if ((dir = opendir("/dev")) == NULL) {
		judge_rv("dev", "done", -1);
		return;
	}
	while ((de = readdir(dir)) != NULL) {
		if (de->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "dev:%s", de->d_name);
		judge(name, "expected", dev_state(de->d_name));
	}
	closedir(dir);
}
