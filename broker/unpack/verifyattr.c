/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The attributes of a stored file, for the verify job of berth-unpack. */
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
#include "verify.h"

#define ACL_USER_OBJ	0x01
#define ACL_GROUP_OBJ	0x04
#define ACL_MASK	0x10
#define ACL_OTHER	0x20

int
verify_differs(struct verify *v, int layer, const struct mnode *n,
    const char *what)
{
	char	*path = model_path(n), enc[400];

	why_set(&v->why, "layer %s: %s: %s", v->diffids[layer],
	    path == NULL || *path == '\0' ? "/" : log_encode(enc,
	    sizeof(enc), path, strlen(path)), what);
	free(path);
	return (-1);
}

static int
differs(struct verify *v, const struct mnode *n, const char *fmt,
    unsigned long long is, unsigned long long want)
{
	char	 what[128];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(what, sizeof(what), fmt, is, want);
#pragma GCC diagnostic pop
	return (verify_differs(v, v->model.layer, n, what));
}

static mode_t
type_mode(enum tar_type t)
{
	switch (t) {
	case TAR_DIR:
		return (S_IFDIR);
	case TAR_SYMLINK:
		return (S_IFLNK);
	case TAR_FIFO:
		return (S_IFIFO);
	default:
		return (S_IFREG);
	}
}

static const struct tar_xattr *
xattr_of(const struct tar_entry *e, const char *name)
{
	size_t	 i;

	for (i = 0; e != NULL && i < e->nxattrs; i++)
		if (strcmp(e->xattrs[i].name, name) == 0)
			return (&e->xattrs[i]);
	return (NULL);
}

/* The permission bits that an access ACL brings with it (acl(5)). */
static uint32_t
acl_mode(const struct tar_xattr *x, uint32_t mode)
{
	uint32_t	 group = 0, mask = 8;
	uint16_t	 tag, perm;
	size_t		 at;

	mode &= ~0777U;
	for (at = 4; at + 8 <= x->len; at += 8) {
		memcpy(&tag, x->value + at, 2);
		memcpy(&perm, x->value + at + 2, 2);
		if (tag == ACL_USER_OBJ)
			mode |= (perm & 7U) << 6;
		else if (tag == ACL_GROUP_OBJ)
			group = perm & 7U;
		else if (tag == ACL_MASK)
			mask = perm & 7U;
		else if (tag == ACL_OTHER)
			mode |= perm & 7U;
	}
	return (mode | (mask == 8 ? group : mask) << 3);
}

static int
check_one_xattr(struct verify *v, const struct mnode *n, int fd,
    const struct tar_xattr *x)
{
	unsigned char	*value;
	char		 enc[300], what[400];
	ssize_t		 len;
	int		 same;

	if ((value = malloc(x->len + 1)) == NULL)
		return (verify_differs(v, v->model.layer, n,
		    "out of memory"));
	len = fgetxattr(fd, x->name, value, x->len + 1);
	same = len == (ssize_t)x->len && memcmp(value, x->value, x->len) == 0;
	/* three entries say no more than the mode: not kept as an ACL */
	if (len == -1 && errno == ENODATA && x->len == 4 + 3 * 8 &&
	    strcmp(x->name, "system.posix_acl_access") == 0)
		same = 1;
	free(value);
	if (same)
		return (0);
	snprintf(what, sizeof(what), "attribute %s differs", log_encode(enc,
	    sizeof(enc), x->name, strlen(x->name)));
	return (verify_differs(v, v->model.layer, n, what));
}

/*
 * What overlayfs obeys: it was we, or overlayfs when a layer was merged, who
 * made a directory opaque, for a reason that the tar shows.  Where a file
 * came from and that a directory holds such are notes of overlayfs's own;
 * a redirection or a file without contents is never ours.
 */
static int
overlay_ok(const struct verify *v, const struct mnode *n, const char *name)
{
	if (strcmp(name, XATTR_OPAQUE) == 0)
		return (n->parent != NULL && (n->opaque == v->model.layer ||
		    n->watched == v->model.layer));
	if (strcmp(name, XATTR_ROOT) == 0 ||
	    strcmp(name, "user.overlay.uuid") == 0)
		return (n->parent == NULL);
	return (strcmp(name, XATTR_ORIGIN) == 0 ||
	    strcmp(name, "user.overlay.impure") == 0);
}

/* None missing, none changed; none too many. */
static int
check_xattrs(struct verify *v, const struct mnode *n, int fd)
{
	const struct tar_entry	*e = n->inode->e;
	char			*list, *p, enc[300], what[400];
	ssize_t			 len;
	size_t			 i;
	int			 skip, r = 0;

	for (i = 0; e != NULL && i < e->nxattrs; i++)
		if (xattr_rule(e->xattrs[i].name, &skip) == NULL && !skip &&
		    check_one_xattr(v, n, fd, &e->xattrs[i]) == -1)
			return (-1);
	if ((len = flistxattr(fd, NULL, 0)) <= 0)
		return (0);
	if ((list = malloc((size_t)len)) == NULL)
		return (verify_differs(v, v->model.layer, n,
		    "out of memory"));
	len = flistxattr(fd, list, (size_t)len);
	for (p = list; r == 0 && len > 0 && p < list + len;
	    p += strlen(p) + 1) {
		if (strncmp(p, "user.overlay.", 13) == 0 ?
		    overlay_ok(v, n, p) : (xattr_rule(p, &skip) != NULL ||
		    skip || xattr_of(e, p) != NULL))
			continue;	/* what else there is, the host adds */
		snprintf(what, sizeof(what), "attribute %s is extra",
		    log_encode(enc, sizeof(enc), p, strlen(p)));
		r = verify_differs(v, v->model.layer, n, what);
	}
	free(list);
	return (r);
}

/* A directory that no entry names: made by us, with nothing of its own. */
static int
check_implicit(struct verify *v, const struct mnode *n,
    const struct stat *st)
{
	if (!S_ISDIR(st->st_mode))
		return (verify_differs(v, v->model.layer, n,
		    "is no directory"));
	/* group and setgid are its parent's to hand on */
	if ((st->st_mode & 07777 & ~(mode_t)S_ISGID) != 0755)
		return (differs(v, n, "mode is %04llo, expected %04llo",
		    st->st_mode & 07777, 0755));
	if (st->st_uid != 0)
		return (differs(v, n, "owner is %llu, expected %llu",
		    st->st_uid, 0));
	if (st->st_mtim.tv_sec != 0 || st->st_mtim.tv_nsec != 0)
		return (differs(v, n, "time is %llu, expected %llu",
		    (unsigned long long)st->st_mtim.tv_sec, 0));
	return (0);
}

static int
check_link(struct verify *v, const struct mnode *n, int dirfd,
    const char *name)
{
	char	 target[PATH_MAXLEN + 2];
	ssize_t	 len;

	len = readlinkat(dirfd, name, target, sizeof(target));
	if (len == -1 || (size_t)len != strlen(n->inode->e->link) ||
	    memcmp(target, n->inode->e->link, (size_t)len) != 0)
		return (verify_differs(v, v->model.layer, n,
		    "target of the link differs"));
	return (0);
}

static int
check_numbers(struct verify *v, const struct mnode *n, const struct stat *st)
{
	const struct tar_entry	*e = n->inode->e;
	const struct tar_xattr	*acl = xattr_of(e, "system.posix_acl_access");
	uint32_t		 mode = acl == NULL ? e->mode :
				    acl_mode(acl, e->mode);

	if (e->type != TAR_SYMLINK && (st->st_mode & 07777) != mode)
		return (differs(v, n, "mode is %04llo, expected %04llo",
		    st->st_mode & 07777, mode));
	if (st->st_uid != e->uid)
		return (differs(v, n, "owner is %llu, expected %llu",
		    st->st_uid, e->uid));
	if (st->st_gid != e->gid)
		return (differs(v, n, "group is %llu, expected %llu",
		    st->st_gid, e->gid));
	if (e->type == TAR_FILE && (uint64_t)st->st_size != e->size)
		return (differs(v, n, "size is %llu, expected %llu",
		    (unsigned long long)st->st_size, e->size));
	if (st->st_mtim.tv_sec != e->mtime)
		return (differs(v, n, "time is %lld, expected %lld",
		    (unsigned long long)st->st_mtim.tv_sec,
		    (unsigned long long)e->mtime));
	if (st->st_mtim.tv_nsec != (long)e->nsec)
		return (differs(v, n, "time has %llu ns, expected %llu",
		    (unsigned long long)st->st_mtim.tv_nsec, e->nsec));
	return (0);
}

int
verify_attributes(struct verify *v, const struct mnode *n, int dirfd,
    const char *name, int fd, const struct stat *st)
{
	const struct tar_entry	*e = n->inode->e;

	if (e == NULL && check_implicit(v, n, st) == -1)
		return (-1);
	if (e != NULL && (st->st_mode & S_IFMT) != type_mode(e->type))
		return (verify_differs(v, v->model.layer, n,
		    "is of another type"));
	if (e != NULL && check_numbers(v, n, st) == -1)
		return (-1);
	if (e != NULL && e->type == TAR_SYMLINK &&
	    check_link(v, n, dirfd, name) == -1)
		return (-1);
	return (fd == -1 ? 0 : check_xattrs(v, n, fd));
}
