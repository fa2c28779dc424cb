/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What a container does not see of /proc and /sys, and what it sees
 * read-only.  Directories are covered by one shared empty directory of ours,
 * files by our own null device: never by a name of the image.  berth-init.
 *
 * Names are looked up beneath mounts that we made and that nobody else can
 * reach yet, so plain lookups are safe; a start does thirty of them.  What
 * is opened here is closed with all the rest before the app runs.
 */
#include <linux/mount.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "init.h"

/* A name that ends with "/" is a directory. */
static const char *const	 masked_proc[] = {
	"acpi/",			/* hardware, some of it writable */
	"asound/",		/* hardware */
	"config.gz",		/* which hardening this kernel lacks */
	"interrupts",		/* keystroke timing */
	"kallsyms",		/* addresses for exploits */
	"kcore",		/* the machine's memory */
	"keys",			/* other containers' key names */
	"kpagecgroup",		/* the state of foreign pages */
	"kpagecount",
	"kpageflags",
	"latency_stats",	/* what others wait for */
	"pressure/",		/* the same */
	"sched_debug",		/* every task of the host */
	"scsi/",			/* removes devices on a write */
	"slabinfo",		/* heap layout for exploits */
	"timer_list",		/* timers of the host's tasks */
	"timer_stats",
	"vmallocinfo",		/* addresses for exploits */
};
static const char *const	 masked_sys[] = {
	"devices/virtual/powercap/",	/* power as a side channel */
	"firmware/",		/* EFI variables */
	"fs/bpf/",		/* pinned programs of the host */
	"fs/pstore/",		/* the host's crash logs */
	"fs/selinux/",		/* policy of the host */
	"hypervisor/",		/* what the host runs on */
	"kernel/debug/",		/* debugfs, writable knobs */
	"kernel/security/",	/* policy of the host */
	"kernel/tracing/",	/* traces of the whole host */
};
static const char *const	 readonly_proc[] = {
	"bus",			/* device registers */
	"fs",			/* knobs of file systems */
	"irq",			/* interrupt routing */
	"sys",			/* sysctls, core_pattern among them */
	"sysrq-trigger",	/* reboots the machine */
};

#define CPUS		"devices/system/cpu"
#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))

/*
 * Covers path; what this kernel does not have needs no cover, and the one
 * made for it serves the next.
 */
static int
mask(struct init *in, int mnt, const char *path)
{
	static int	 covers[2] = { -1, -1 };
	int		 dir = path[strlen(path) - 1] == '/';

	if (covers[dir] == -1 && (covers[dir] = mnt_clone(dir ? in->empty :
	    in->null, "")) == -1)
		return (failed(STATUS_BERTH, "mask of", path, NULL));
	if (mnt_move(covers[dir], mnt, path) == 0)
		covers[dir] = -1;
	else if (errno != ENOENT)
		return (failed(STATUS_BERTH, "mask of", path, NULL));
	return (0);
}

static int
readonly(int mnt, const char *path)
{
	int	 copy;

	if ((copy = mnt_clone(mnt, path)) == -1 && errno == ENOENT)
		return (0);
	if (copy == -1 || mnt_attr(copy, MOUNT_ATTR_RDONLY) == -1 ||
	    mnt_move(copy, mnt, path) == -1)
		return (failed(STATUS_BERTH, "read-only", path, NULL));
	return (0);
}

/* cpuN/thermal_throttle: activity of the neighbours; on bare metal only. */
static int
mask_cpus(struct init *in)
{
	char	 path[64];
	struct dirent *de;
	DIR	*dir;
	int	 fd, rv = 0;

	if (faccessat(in->sys, CPUS "/cpu0/thermal_throttle", F_OK, 0) == -1)
		return (0);
	fd = openat(in->sys, CPUS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (dir = fdopendir(fd)) == NULL)
		return (failed(STATUS_BERTH, NULL, "/sys/" CPUS, NULL));
	while (rv == 0 && (de = readdir(dir)) != NULL) {
		if (strncmp(de->d_name, "cpu", 3) != 0 ||
		    de->d_name[3] < '0' || de->d_name[3] > '9' ||
		    strlen(de->d_name) > 16)
			continue;
		strcpy(path, CPUS "/");
		strcat(path, de->d_name);
		strcat(path, "/thermal_throttle/");
		rv = mask(in, in->sys, path);
	}
	closedir(dir);
	return (rv);
}

int
mask_attach(struct init *in)
{
	size_t	 i;

	for (i = 0; i < NELEM(masked_proc); i++)
		if (mask(in, in->proc, masked_proc[i]) == -1)
			return (-1);
	for (i = 0; i < NELEM(readonly_proc); i++)
		if (readonly(in->proc, readonly_proc[i]) == -1)
			return (-1);
	if ((in->start.flags & RUN_NETHOST) != 0)
		return (0);	/* /sys is an empty directory then */
	for (i = 0; i < NELEM(masked_sys); i++)
		if (mask(in, in->sys, masked_sys[i]) == -1)
			return (-1);
	return (mask_cpus(in));
}
