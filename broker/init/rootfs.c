/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The container's root, built inside its namespaces by berth-init: the
 * overlay of the layers is laid over the host's root, filled with mounts and
 * made the root; the host's is then detached.
 *
 * The order matters: the kernel grants a new /proc and /sys only while the
 * host's are still visible, and older kernels attach nothing to a mount that
 * is not attached itself.
 */
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "../../common/sandbox.h"
#include "init.h"

#define NOTHING		(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | \
			    MOUNT_ATTR_NOEXEC)

static const struct mnt_opt	 base_options[] = {
	{ "size", "1m" },	/* three small files; /dev's own nodes */
	{ "nr_inodes", "128" },
	{ "mode", "755" },
	{ NULL, NULL }
};
static const struct mnt_opt	 empty_options[] = {
	{ "size", "4k" },
	{ "nr_inodes", "1" },
	{ "mode", "755" },
	{ NULL, NULL }
};

/* What has to be made while the host's mounts are in sight. */
static int
make_mounts(struct init *in)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return (failed(STATUS_BERTH, NULL, "mounts", NULL));
	if ((in->proc = mnt_new("proc", NOTHING, NULL)) == -1)
		return (failed(STATUS_BERTH, NULL, "mount of /proc", NULL));
	/* the host's network would show its devices there */
	if ((in->start.flags & RUN_NETHOST) != 0)
		in->sys = mnt_new("tmpfs", NOTHING | MOUNT_ATTR_RDONLY,
		    empty_options);
	else
		in->sys = mnt_new("sysfs", NOTHING | MOUNT_ATTR_RDONLY, NULL);
	if (in->sys == -1)
		return (failed(STATUS_BERTH, NULL, "mount of /sys", NULL));
	return (dev_nodes(in));
}

static int
make_overlay(struct init *in)
{
	int	 lowers[LAYERS_MAX];
	size_t	 i;

	for (i = 0; i < in->start.nlayers; i++)
		lowers[i] = INIT_FD_LAYERS + (int)i;
	if (upper_root(in) == -1)
		return (failed(STATUS_BERTH, NULL, "attributes of the root",
		    NULL));
	in->root = sandbox_overlay(INIT_FD_UPPER, INIT_FD_WORK, lowers,
	    in->start.nlayers);
	if (in->root == -1)
		return (failed(STATUS_BERTH, NULL, "overlay of the layers",
		    NULL));
	if (mnt_move(in->root, AT_FDCWD, "/") == -1)
		return (failed(STATUS_BERTH, NULL, "root directory", NULL));
	return (0);
}

/*
 * A top directory that we mount upon: made when missing, but a link there
 * would lead the mount elsewhere and is refused.
 */
static int
target(struct init *in, const char *name)
{
	int	 fd;

	fd = mnt_mkdir(in->root, name + 1, RESOLVE_NO_SYMLINKS |
	    RESOLVE_NO_XDEV);
	if (fd == -1 && (errno == ENOTDIR || errno == ELOOP))
		return (failed(STATUS_BERTH, NULL, name,
		    "must be a directory"));
	if (fd == -1)
		return (failed(STATUS_BERTH, NULL, name, NULL));
	return (fd);
}

static int
attach(struct init *in, int mnt, const char *name)
{
	int	 fd, rv;

	if ((fd = target(in, name)) == -1)
		return (-1);
	if ((rv = mnt_move(mnt, fd, "")) == -1)
		failed(STATUS_BERTH, NULL, name, NULL);
	close(fd);
	return (rv);
}

/*
 * A tmpfs of ours, which has to be attached for parts of it to be.  It lies
 * at /dev, where its own dev/ then covers it: nobody inside reaches the rest
 * by name, and nothing needs to be unmounted later.
 */
static int
attach_base(struct init *in)
{
	int	 fd, rv = -1;

	if ((fd = target(in, "/dev")) == -1)
		return (-1);
	in->base = mnt_new("tmpfs", NOTHING, base_options);
	if (in->base != -1 && mnt_move(in->base, fd, "") == 0 &&
	    mkdirat(in->base, "empty", 0555) == 0 &&
	    mkdirat(in->base, "dev", 0755) == 0 &&
	    (in->empty = mnt_clone(in->base, "empty")) != -1 &&
	    mnt_attr(in->empty, MOUNT_ATTR_RDONLY) == 0 &&
	    mnt_move(in->empty, in->base, "empty") == 0 &&
	    (in->dev = mnt_clone(in->base, "dev")) != -1)
		rv = mnt_move(in->dev, fd, "");
	if (rv == -1)
		failed(STATUS_BERTH, NULL, "/dev", NULL);
	close(fd);
	return (rv);
}

/* A new network namespace has a loopback that is down. */
static int
net_up(void)
{
	struct ifreq	 ifr;
	int		 fd, rv;

	if ((fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return (failed(STATUS_BERTH, NULL, "loopback", NULL));
	memset(&ifr, 0, sizeof(ifr));
	memcpy(ifr.ifr_name, "lo", 3);
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	if ((rv = ioctl(fd, SIOCSIFFLAGS, &ifr)) == -1)
		failed(STATUS_BERTH, NULL, "loopback", NULL);
	close(fd);
	return (rv);
}

/* As Docker does: a working directory that the image lacks is made. */
static int
make_workdir(struct init *in)
{
	int	 fd;

	if (strcmp(in->conf.workdir, "/") == 0)
		return (0);
	if ((fd = mnt_mkdir(in->root, in->conf.workdir, 0)) == -1)
		return (failed(STATUS_BERTH, "working directory",
		    in->conf.workdir, NULL));
	close(fd);
	return (0);
}

int
rootfs_build(struct init *in)
{
	if (in->start.cgroup_ns && unshare(CLONE_NEWCGROUP) == -1)
		return (failed(STATUS_BERTH, NULL, "cgroup namespace", NULL));
	if (*in->start.hostname != '\0' && sethostname(in->start.hostname,
	    strlen(in->start.hostname)) == -1)
		return (failed(STATUS_BERTH, "hostname", in->start.hostname,
		    NULL));
	if (make_mounts(in) == -1 || make_overlay(in) == -1)
		return (-1);
	if ((in->start.flags & RUN_NETHOST) == 0 && net_up() == -1)
		return (-1);
	/* before anything covers a part of the image */
	if (etc_user(in) == -1 || etc_volumes(in) == -1)
		return (-1);
	if (attach(in, in->proc, "/proc") == -1 ||
	    attach(in, in->sys, "/sys") == -1 ||
	    attach_base(in) == -1 || dev_attach(in) == -1)
		return (-1);
	if ((in->start.insecure & INSECURE_PATHS) == 0 &&
	    mask_attach(in) == -1)
		return (-1);
	if (etc_attach(in) == -1 || make_workdir(in) == -1)
		return (-1);
	if ((in->start.flags & RUN_READONLY) != 0 &&
	    mnt_attr(in->root, MOUNT_ATTR_RDONLY) == -1)
		return (failed(STATUS_BERTH, NULL, "read-only root", NULL));
	return (0);
}

/* Is what we stand on now what was built, and nothing above it? */
static int
verify(void)
{
	struct statfs	 fs;
	struct stat	 st, above;

	/* a mount stacked upon the root would be found by ".." */
	if (stat("/", &st) == -1 || stat("/..", &above) == -1 ||
	    st.st_dev != above.st_dev || st.st_ino != above.st_ino)
		return (failed(STATUS_BERTH, NULL, "/..",
		    "leads out of the container"));
	if (statfs("/proc", &fs) == -1 || fs.f_type != PROC_SUPER_MAGIC)
		return (failed(STATUS_BERTH, NULL, "/proc", "is not procfs"));
	if (stat("/dev/null", &st) == -1 || !S_ISCHR(st.st_mode) ||
	    st.st_rdev != makedev(1, 3))
		return (failed(STATUS_BERTH, NULL, "/dev/null",
		    "is not the null device"));
	return (0);
}

int
rootfs_enter(struct init *in)
{
	if (fchdir(in->root) == -1 ||
	    syscall(SYS_pivot_root, ".", ".") == -1 ||
	    umount2(".", MNT_DETACH) == -1 || chdir("/") == -1)
		return (failed(STATUS_BERTH, NULL, "pivot to the new root",
		    NULL));
	return (verify());
}
