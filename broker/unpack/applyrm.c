/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What a layer removes or replaces (in berth-unpack).  Whiteouts hide what
 * lies beneath and never what their own layer makes, wherever they stand
 * (OCI image-spec layer.md, "Whiteouts").
 */
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply.h"

#define WH_OPAQUE	".wh..wh..opq"
#define WH_META		".wh..wh."
#define WH_PREFIXLEN	4

static enum applied	 remove_tree(struct apply *, const char *path, int fd,
			    const char *base);

int
is_whiteout(const struct stat *st)
{
	return (S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0));
}

void
names_free(struct names *l)
{
	size_t	 i;

	for (i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	memset(l, 0, sizeof(*l));
}

static int
names_add(struct names *l, const char *name)
{
	char	**v;

	if ((l->n & (l->n - 1)) == 0) {
		v = reallocarray(l->v, l->n == 0 ? 1 : l->n * 2, sizeof(*v));
		if (v == NULL)
			return (-1);
		l->v = v;
	}
	if ((l->v[l->n] = strdup(name)) == NULL)
		return (-1);
	l->n++;
	return (0);
}

int
names_read(int dirfd, struct names *l)
{
	struct dirent	*de;
	DIR		*d;
	int		 fd, saved_errno;

	memset(l, 0, sizeof(*l));
	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return (-1);
	if ((d = fdopendir(fd)) == NULL) {
		close(fd);
		return (-1);
	}
	while (errno = 0, (de = readdir(d)) != NULL) {
		if (strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0)
			continue;
		if (names_add(l, de->d_name) == -1) {
			errno = ENOMEM;
			break;
		}
	}
	saved_errno = errno;
	closedir(d);
	if (saved_errno != 0)
		names_free(l);
	errno = saved_errno;
	return (saved_errno == 0 ? 0 : -1);
}

/*
 * The skeleton takes the bodies of this layer's files from fs/; one that
 * goes must be kept beside it.
 */
static enum applied
save_body(struct apply *a, const char *path, int fd, const char *base,
    const struct stat *st)
{
	uint64_t	 key = hash_inode(st->st_dev, st->st_ino), index;
	int		 file, bad;

	index = table_get(&a->bodies, key);
	if (index == TABLE_NONE)
		return (APPLY_OK);
	file = openat(fd, base, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (file == -1)
		return (apply_fail(a, path, "open", errno));
	if ((bad = skelw_save(a->skel, index, file)) == -1)
		apply_fail(a, path, "save", errno);
	close(file);
	/* the inode's number may be used again; other names are saved too */
	if (bad == 0 && table_set(&a->bodies, key, TABLE_NONE) == -1)
		return (apply_fail(a, path, "out of memory", 0));
	return (bad == -1 ? APPLY_FAIL : APPLY_OK);
}

/* Empties the directory fd; paths only for what may be saved or told. */
static enum applied
remove_inside(struct apply *a, const char *path, int fd)
{
	struct names	 l;
	enum applied	 r = APPLY_OK;
	char		*sub;
	size_t		 i;

	if (names_read(fd, &l) == -1)
		return (apply_fail(a, path, "read", errno));
	for (i = 0; i < l.n && r == APPLY_OK; i++) {
		if ((sub = dir_path(path, l.v[i])) == NULL)
			r = apply_fail(a, path, "out of memory", 0);
		else
			r = remove_tree(a, sub, fd, l.v[i]);
		free(sub);
	}
	names_free(&l);
	return (r);
}

static enum applied
remove_tree(struct apply *a, const char *path, int fd, const char *base)
{
	struct stat	 st;
	enum applied	 r;
	int		 sub;

	if (fstatat(fd, base, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return (apply_fail(a, path, "stat", errno));
	if (S_ISLNK(st.st_mode) || S_ISDIR(st.st_mode))
		dir_forget(a);
	if (S_ISREG(st.st_mode) && (r = save_body(a, path, fd, base, &st)) !=
	    APPLY_OK)
		return (r);
	if (!S_ISDIR(st.st_mode))
		return (unlinkat(fd, base, 0) == 0 ? APPLY_OK :
		    apply_fail(a, path, "remove", errno));
	sub = openat(fd, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	if (sub == -1)
		return (apply_fail(a, path, "open", errno));
	r = remove_inside(a, path, sub);
	close(sub);
	if (r == APPLY_OK && unlinkat(fd, base, AT_REMOVEDIR) == -1)
		r = apply_fail(a, path, "remove", errno);
	return (r);
}

enum applied
rm_replace(struct apply *a, const struct tar_entry *e, struct dir *dir,
    const char *base, int *hid)
{
	struct dir	 copy;
	enum applied	 r;

	/* removing a directory or link closes what the cache has */
	*hid = 1;
	copy = *dir;
	copy.fd = dup(dir->fd);
	copy.name = strdup(dir->name);
	copy.path = strdup(dir->path);
	if (copy.fd == -1 || copy.name == NULL || copy.path == NULL)
		r = apply_fail(a, e->path, "out of memory", 0);
	else
		r = remove_tree(a, e->path, copy.fd, base);
	if (r == APPLY_OK && a->last == NULL)
		r = dir_remember(a, copy.name, copy.path, copy.fd, &dir);
	else if (copy.fd != -1)
		close(copy.fd);
	free(copy.name);
	free(copy.path);
	return (r);
}

/* Merged: what lies beneath goes, what this layer made stays. */
static enum applied
hide_merged(struct apply *a, const char *path, int fd, const char *base)
{
	struct names	 l;
	struct stat	 st;
	enum applied	 r;
	char		*sub;
	size_t		 i;
	int		 subfd;

	if (base != NULL && fstatat(fd, base, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return (errno == ENOENT ? APPLY_OK :
		    apply_fail(a, path, "stat", errno));
	if (base != NULL && !dir_touched(a, path))
		return (remove_tree(a, path, fd, base));
	if (base != NULL && !S_ISDIR(st.st_mode))
		return (APPLY_OK);
	subfd = openat(fd, base == NULL ? "." : base,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (subfd == -1)
		return (apply_fail(a, path, "open", errno));
	if ((r = dir_keeptime(a, path, subfd)) == APPLY_OK &&
	    names_read(subfd, &l) == -1)
		r = apply_fail(a, path, "read", errno);
	if (r != APPLY_OK) {
		close(subfd);
		return (r);
	}
	for (i = 0; i < l.n && r == APPLY_OK; i++) {
		if ((sub = dir_path(path, l.v[i])) == NULL)
			r = apply_fail(a, path, "out of memory", 0);
		else
			r = hide_merged(a, sub, subfd, l.v[i]);
		free(sub);
	}
	names_free(&l);
	close(subfd);
	return (r);
}

static enum applied
opaque(struct apply *a, const struct tar_entry *e, int fd)
{
	if (fsetxattr(fd, XATTR_OPAQUE, "y", 1, 0) == -1)
		return (apply_fail(a, e->path, "attribute " XATTR_OPAQUE,
		    errno));
	return (APPLY_OK);
}

/* Raw: a node for overlayfs, unless this layer has something there. */
static enum applied
hide_raw(struct apply *a, const struct tar_entry *e, struct dir *dir,
    const char *base)
{
	struct stat	 st;
	enum applied	 r;
	int		 fd;

	if (fstatat(dir->fd, base, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno != ENOENT)
			return (apply_fail(a, e->path, "stat", errno));
		if (mknodat(dir->fd, base, S_IFCHR, makedev(0, 0)) == -1)
			return (apply_fail(a, e->path, "mknod", errno));
		/*
		 * Where a directory turns out not to be merged, overlayfs
		 * looks for whiteouts in it only with this mark.
		 */
		if (fsetxattr(dir->fd, XATTR_ORIGIN, "", 0, 0) == -1)
			return (apply_fail(a, e->path, "attribute "
			    XATTR_ORIGIN, errno));
		return (APPLY_OK);
	}
	if (!S_ISDIR(st.st_mode))
		return (APPLY_OK);
	fd = openat(dir->fd, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	if (fd == -1)
		return (apply_fail(a, e->path, "open", errno));
	r = opaque(a, e, fd);
	close(fd);
	return (r);
}

static enum applied
whiteout_at(struct apply *a, const struct tar_entry *e, struct dir *dir,
    const char *base)
{
	enum applied	 r;
	char		*path;
	int		 all = strcmp(base, WH_OPAQUE) == 0, fd;

	if (!(a->flags & LAYER_MERGED)) {
		if (!all)
			return (hide_raw(a, e, dir, base + WH_PREFIXLEN));
		/* overlayfs knows no opaque root */
		return (dir->path[0] == '\0' ? APPLY_LOWER :
		    opaque(a, e, dir->fd));
	}
	if ((fd = dup(dir->fd)) == -1)
		return (apply_fail(a, e->path, "dup", errno));
	path = all ? strdup(dir->path) : dir_path(dir->path,
	    base + WH_PREFIXLEN);
	if (path == NULL)
		r = apply_fail(a, e->path, "out of memory", 0);
	else
		r = hide_merged(a, path, fd, all ? NULL : base + WH_PREFIXLEN);
	free(path);
	close(fd);
	return (r);
}

enum applied
rm_whiteout(struct apply *a, const struct tar_entry *e, const char *parent,
    const char *base)
{
	const char	*hidden = base + WH_PREFIXLEN;
	struct why	 saved;
	struct dir	*dir;
	enum applied	 r;

	if (hidden[0] == '\0' || strcmp(hidden, ".") == 0 ||
	    strcmp(hidden, "..") == 0)
		return (apply_fail(a, e->path, "whiteout of no name", 0));
	/* aufs's own notes, as Docker leaves them out */
	if (strncmp(base, WH_META, strlen(WH_META)) == 0 &&
	    strcmp(base, WH_OPAQUE) != 0)
		return (APPLY_OK);
	if (e->type != TAR_FILE)
		return (apply_fail(a, e->path, "whiteout is no file", 0));
	if (a->flags & LAYER_BOTTOM) {
		a->skipped = 1;
		return (APPLY_OK);
	}
	saved = *a->why;
	if ((r = dir_open(a, parent, 0, &dir)) == APPLY_OK)
		return (whiteout_at(a, e, dir, base));
	/* merged: no parent, nothing to hide */
	if (r == APPLY_FAIL && (a->flags & LAYER_MERGED) &&
	    (errno == ENOENT || errno == ENOTDIR)) {
		*a->why = saved;
		return (APPLY_OK);
	}
	return (r);
}
