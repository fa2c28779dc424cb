/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What a container does not see of /proc and /sys, and what it sees
 * read-only.  Directories are covered by one shared empty directory of ours,
 * files by our own null device: never by a name of the image.  berth-init.
 */
#include <sys/stat.h>

#include <linux/mount.h>
#include <linux/openat2.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "init.h"

#define PLAIN	(RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV)

static const char *const	 masked_proc[] = {
	"acpi",			/* hardware, some of it writable */
	"asound",		/* hardware */
	"config.gz",		/* which hardening this kernel lacks */
	"interrupts",		/* keystroke timing */
	"kallsyms",		/* addresses for exploits */
	"kcore",		/* the machine's memory */
	"keys",			/* other containers' key names */
	"kpagecgroup",		/* the state of foreign pages */
	"kpagecount",
	"kpageflags",
	"latency_stats",	/* what others wait for */
	"pressure",		/* the same */
	"sched_debug",		/* every task of the host */
	"scsi",			/* removes devices on a write */
	"slabinfo",		/* heap layout for exploits */
	"timer_list",		/* timers of the host's tasks */
	"timer_stats",
	"vmallocinfo",		/* addresses for exploits */
};
static const char *const	 masked_sys[] = {
	"devices/virtual/powercap",	/* power as a side channel */
	"firmware",		/* EFI variables */
	"fs/bpf",		/* pinned programs of the host */
	"fs/pstore",		/* the host's crash logs */
	"fs/selinux",		/* policy of the host */
	"hypervisor",		/* what the host runs on */
	"kernel/debug",		/* debugfs, writable knobs */
	"kernel/security",	/* policy of the host */
	"kernel/tracing",	/* traces of the whole host */
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

/* What this kernel does not have needs no mask. */
static int
mask(struct init *in, int mnt, const char *path)
{
	struct stat	 st;
	int		 fd, cover, rv = -1;

	if ((fd = mnt_open(mnt, path, O_PATH | O_NOFOLLOW, PLAIN)) == -1)
		return (errno == ENOENT ? 0 : fail(STATUS_BERTH, "mask of",
		    path, NULL));
	if (fstat(fd, &st) == 0) {
		cover = S_ISDIR(st.st_mode) ? mnt_clone(in->empty, "") :
		    mnt_clone(in->null, "");
		if (cover != -1 && (!S_ISDIR(st.st_mode) ||
		    mnt_attr(cover, MOUNT_ATTR_RDONLY) == 0))
			rv = mnt_move(cover, fd, "");
		if (cover != -1)
			close(cover);
	}
	if (rv == -1)
		fail(STATUS_BERTH, "mask of", path, NULL);
	close(fd);
	return (rv);
}

static int
readonly(int mnt, const char *path)
{
	int	 fd, copy, rv = -1;

	if ((fd = mnt_open(mnt, path, O_PATH | O_NOFOLLOW, PLAIN)) == -1)
		return (errno == ENOENT ? 0 : fail(STATUS_BERTH,
		    "read-only", path, NULL));
	if ((copy = mnt_clone(fd, "")) != -1) {
		if (mnt_attr(copy, MOUNT_ATTR_RDONLY) == 0)
			rv = mnt_move(copy, fd, "");
		close(copy);
	}
	if (rv == -1)
		fail(STATUS_BERTH, "read-only", path, NULL);
	close(fd);
	return (rv);
}

/* cpuN/thermal_throttle: activity of the neighbours; on bare metal only. */
static int
mask_cpus(struct init *in)
{
	char	 path[64];
	struct dirent *de;
	DIR	*dir;
	int	 fd, rv = 0;

	fd = mnt_open(in->sys, CPUS "/cpu0/thermal_throttle", O_PATH, PLAIN);
	if (fd == -1)
		return (0);
	close(fd);
	fd = mnt_open(in->sys, CPUS, O_RDONLY | O_DIRECTORY, PLAIN);
	if (fd == -1 || (dir = fdopendir(fd)) == NULL)
		return (fail(STATUS_BERTH, NULL, "/sys/" CPUS, NULL));
	while (rv == 0 && (de = readdir(dir)) != NULL) {
		if (strncmp(de->d_name, "cpu", 3) != 0 ||
		    de->d_name[3] < '0' || de->d_name[3] > '9' ||
		    strlen(de->d_name) > 16)
			continue;
		strcpy(path, CPUS "/");
		strcat(path, de->d_name);
		strcat(path, "/thermal_throttle");
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
