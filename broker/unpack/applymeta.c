/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Owner, mode, attributes and times of what a layer makes (in
 * berth-unpack).
 */
#include <sys/stat.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "apply.h"

static int
starts(const char *s, const char *prefix)
{
	return (strncmp(s, prefix, strlen(prefix)) == 0);
}

/*
 * user.* are the image's own, but for overlayfs's; file capabilities hold
 * inside the user namespace only; ACLs are access bits.  An SELinux label is
 * the host's affair: it stays in the skeleton alone, as with Docker.  For
 * all others the kernel, or the host's policy, would be made to act upon an
 * image's word.
 */
const char *
xattr_rule(const char *name, int *skip)
{
	*skip = strcmp(name, "security.selinux") == 0;
	if (*skip || (starts(name, "user.") && !starts(name,
	    "user.overlay.")) || strcmp(name, "security.capability") == 0 ||
	    strcmp(name, "system.posix_acl_access") == 0 ||
	    strcmp(name, "system.posix_acl_default") == 0)
		return (NULL);
	return ("cannot be kept");
}

static enum applied
attribute_fail(struct apply *a, const struct tar_entry *e, const char *name,
    const char *why)
{
	char	 what[400], enc[300];

	snprintf(what, sizeof(what), "attribute %s: %s", log_encode(enc,
	    sizeof(enc), name, strlen(name)), why);
	return (apply_fail(a, e->path, what, 0));
}

static enum applied
set_xattrs(struct apply *a, const struct tar_entry *e, int fd)
{
	const struct tar_xattr	*x;
	const char		*why;
	size_t			 i;
	int			 skip;

	for (i = 0; i < e->nxattrs; i++) {
		x = &e->xattrs[i];
		if ((why = xattr_rule(x->name, &skip)) != NULL)
			return (attribute_fail(a, e, x->name, why));
		if (skip || (e->type == TAR_DIR &&
		    strcmp(x->name, "system.posix_acl_default") == 0))
			continue;
		if (fsetxattr(fd, x->name, x->value, x->len, 0) == -1)
			return (attribute_fail(a, e, x->name,
			    strerror(errno)));
	}
	return (APPLY_OK);
}

static enum applied
owner_fail(struct apply *a, const struct tar_entry *e)
{
	char	 what[64];

	/* an id that the map does not have is EINVAL */
	snprintf(what, sizeof(what), "owner %u:%u%s", e->uid, e->gid,
	    errno == EINVAL ? " outside the id range" : "");
	return (apply_fail(a, e->path, what, errno == EINVAL ? 0 : errno));
}

/*
 * Owner before mode: a change of owner takes setuid away, as does a write;
 * attributes last, since a capability would be taken away as well.
 */
enum applied
meta_set(struct apply *a, const struct tar_entry *e, int fd, int inherit)
{
	struct timespec	 ts[2];

	if ((e->uid | e->gid) != 0 || inherit)
		if (fchown(fd, e->uid, e->gid) == -1)
			return (owner_fail(a, e));
	if (inherit)
		fremovexattr(fd, "system.posix_acl_access");
	if (inherit && e->type == TAR_DIR)
		fremovexattr(fd, "system.posix_acl_default");
	if ((e->mode & 07000) != 0 || inherit)
		if (fchmod(fd, e->mode) == -1)
			return (apply_fail(a, e->path, "mode", errno));
	if (e->nxattrs > 0 && set_xattrs(a, e, fd) != APPLY_OK)
		return (APPLY_FAIL);
	if (e->type == TAR_DIR)		/* changes until the end */
		return (APPLY_OK);
	ts[0].tv_sec = ts[1].tv_sec = e->mtime;
	ts[0].tv_nsec = ts[1].tv_nsec = (long)e->nsec;
	if (futimens(fd, ts) == -1)
		return (apply_fail(a, e->path, "times", errno));
	return (APPLY_OK);
}

/* Removes what an entry could have set. */
static enum applied
clear_xattrs(struct apply *a, const struct tar_entry *e, int fd)
{
	char	*list, *p;
	ssize_t	 n;
	int	 skip, bad = 0;

	if ((n = flistxattr(fd, NULL, 0)) <= 0)
		return (n == 0 || errno == ENOTSUP ? APPLY_OK :
		    apply_fail(a, e->path, "attributes", errno));
	if ((list = malloc((size_t)n)) == NULL)
		return (apply_fail(a, e->path, "out of memory", 0));
	n = flistxattr(fd, list, (size_t)n);
	for (p = list; n > 0 && p < list + n; p += strlen(p) + 1)
		if (xattr_rule(p, &skip) == NULL && !skip &&
		    fremovexattr(fd, p) == -1 && errno != ENODATA)
			bad = errno;
	free(list);
	if (n == -1 || bad != 0)
		return (apply_fail(a, e->path, "attributes",
		    bad != 0 ? bad : errno));
	return (APPLY_OK);
}

enum applied
meta_renew(struct apply *a, const struct tar_entry *e, int fd)
{
	if (fchown(fd, e->uid, e->gid) == -1)
		return (owner_fail(a, e));
	if (fchmod(fd, e->mode) == -1)
		return (apply_fail(a, e->path, "mode", errno));
	if (clear_xattrs(a, e, fd) != APPLY_OK)
		return (APPLY_FAIL);
	return (set_xattrs(a, e, fd));
}

enum applied
meta_set_at(struct apply *a, const struct tar_entry *e, struct dir *dir,
    const char *base)
{
	struct timespec	 ts[2];
	int		 skip;

	if (((e->uid | e->gid) != 0 || dir->inherit) && fchownat(dir->fd, base,
	    e->uid, e->gid, AT_SYMLINK_NOFOLLOW) == -1)
		return (owner_fail(a, e));
	/* follows links, but this is none: we have just made it */
	if (e->type != TAR_SYMLINK && ((e->mode & 07000) != 0 ||
	    dir->inherit) && fchmodat(dir->fd, base, e->mode, 0) == -1)
		return (apply_fail(a, e->path, "mode", errno));
	if (e->nxattrs > 0 && (xattr_rule(e->xattrs[0].name, &skip) != NULL ||
	    !skip || e->nxattrs > 1))
		return (attribute_fail(a, e, e->xattrs[0].name,
		    "not on a file or directory"));
	ts[0].tv_sec = ts[1].tv_sec = e->mtime;
	ts[0].tv_nsec = ts[1].tv_nsec = (long)e->nsec;
	if (utimensat(dir->fd, base, ts, AT_SYMLINK_NOFOLLOW) == -1)
		return (apply_fail(a, e->path, "times", errno));
	return (APPLY_OK);
}
