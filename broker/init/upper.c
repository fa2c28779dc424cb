/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The upper directory before the overlay is mounted; pid 1 of a container.
 * A merged directory has the attributes of its topmost instance, and the
 * root's topmost instance is our own empty upper directory: it takes after
 * the topmost layer that says anything of the root.
 */
#include <sys/stat.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "init.h"

#define OVERLAY	"user.overlay."

static int
copy_xattrs(int from, int to)
{
	char	*names, *value;
	ssize_t	 len, n, i;
	int	 r = -1;

	/* on the stack it would stay ours as long as the container runs */
	if ((names = malloc(2 * XATTR_BYTES_MAX)) == NULL)
		return (-1);
	value = names + XATTR_BYTES_MAX;
	if ((len = flistxattr(from, names, XATTR_BYTES_MAX)) == -1)
		goto out;
	for (i = 0; i < len; i += (ssize_t)strlen(names + i) + 1) {
		if (strncmp(names + i, OVERLAY, sizeof(OVERLAY) - 1) == 0)
			continue;
		n = fgetxattr(from, names + i, value, XATTR_BYTES_MAX);
		if (n == -1 || fsetxattr(to, names + i, value, (size_t)n, 0) ==
		    -1)
			goto out;
	}
	r = 0;
 out:
	free(names);
	return (r);
}

/* Owner first: a change of owner takes bits of the mode away. */
static int
copy_attributes(int from, int to)
{
	struct timespec	 ts[2];
	struct stat	 st;

	if (fstat(from, &st) == -1 || fchown(to, st.st_uid, st.st_gid) == -1 ||
	    fchmod(to, st.st_mode & 07777) == -1 || copy_xattrs(from, to) ==
	    -1)
		return (-1);
	ts[0].tv_nsec = UTIME_OMIT;
	ts[0].tv_sec = 0;
	ts[1] = st.st_mtim;
	return (futimens(to, ts));
}

int
upper_root(struct init *in)
{
	char	 path[32];
	uint32_t i;
	int	 from, to, r = -1;

	for (i = 0; i < in->start.nlayers; i++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d",
		    INIT_FD_LAYERS + (int)i);
		if (getxattr(path, LAYER_ROOT_XATTR, NULL, 0) >= 0)
			break;
	}
	if (i == in->start.nlayers)
		return (0);
	from = openat(INIT_FD_LAYERS + (int)i, ".", O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC);
	to = openat(INIT_FD_UPPER, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from != -1 && to != -1)
		r = copy_attributes(from, to);
	if (from != -1)
		close(from);
	if (to != -1)
		close(to);
	return (r);
}
