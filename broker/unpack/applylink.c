/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Hard links (in berth-unpack).  A link to a file of a lower layer makes
 * overlayfs copy the file up under that one name; the file's other names
 * would stay behind with the old inode.  They are found and linked again, so
 * that what was one file stays one.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply.h"

struct group {				/* one name of a file with several */
	dev_t		 dev;
	ino_t		 ino;
	char		*path;
};

void
link_free(struct apply *a)
{
	size_t	 i;

	for (i = 0; i < a->ngroups; i++)
		free(a->groups[i].path);
	free(a->groups);
	a->groups = NULL;
	a->ngroups = 0;
}

static int
group_add(struct apply *a, const struct stat *st, const char *path)
{
	struct group	*g;

	if ((a->ngroups & (a->ngroups - 1)) == 0) {
		g = reallocarray(a->groups, a->ngroups == 0 ? 1 :
		    a->ngroups * 2, sizeof(*g));
		if (g == NULL)
			return (-1);
		a->groups = g;
	}
	g = &a->groups[a->ngroups];
	g->dev = st->st_dev;
	g->ino = st->st_ino;
	if ((g->path = strdup(path)) == NULL)
		return (-1);
	a->ngroups++;
	return (0);
}

/* Notes every file with several names in the merged view. */
static int
group_scan(struct apply *a, int fd, const char *path)
{
	struct names	 l;
	struct stat	 st;
	char		*sub = NULL;
	size_t		 i;
	int		 subfd, bad = 0;

	if (names_read(fd, &l) == -1)
		return (-1);
	for (i = 0; i < l.n && !bad; i++, free(sub)) {
		sub = dir_path(path, l.v[i]);
		if (sub == NULL || fstatat(fd, l.v[i], &st,
		    AT_SYMLINK_NOFOLLOW) == -1) {
			bad = 1;
		} else if (S_ISDIR(st.st_mode)) {
			subfd = openat(fd, l.v[i], O_RDONLY | O_DIRECTORY |
			    O_NOFOLLOW | O_CLOEXEC);
			bad = subfd == -1 || group_scan(a, subfd, sub) == -1;
			if (subfd != -1)
				close(subfd);
		} else if (st.st_nlink > 1)
			bad = group_add(a, &st, sub) == -1;
	}
	names_free(&l);
	return (bad ? -1 : 0);
}

/* Splits a path at its last slash, in place; "" stands for the root. */
static char *
split(char *path, const char **parent)
{
	char	*slash = strrchr(path, '/');

	if (slash == NULL) {
		*parent = "";
		return (path);
	}
	*slash = '\0';
	*parent = path;
	return (slash + 1);
}

/* One more name of the old inode becomes a name of the new one. */
static enum applied
relink_one(struct apply *a, const struct group *g, int newfd,
    const char *newbase)
{
	struct stat	 st;
	struct dir	*dir;
	enum applied	 r = APPLY_OK;
	const char	*parent;
	char		*path, *base;

	if (fstatat(a->root, g->path, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    st.st_dev != g->dev || st.st_ino != g->ino)
		return (APPLY_OK);	/* replaced or removed meanwhile */
	if ((path = strdup(g->path)) == NULL)
		return (apply_fail(a, g->path, "out of memory", 0));
	base = split(path, &parent);
	if ((r = dir_open(a, parent, 0, &dir)) == APPLY_OK &&
	    (unlinkat(dir->fd, base, 0) == -1 ||
	    linkat(newfd, newbase, dir->fd, base, 0) == -1))
		r = apply_fail(a, g->path, "link", errno);
	free(path);
	return (r);
}

/* old is what the target was before it was linked as dir/base. */
static enum applied
relink(struct apply *a, const struct tar_entry *e, const struct stat *old,
    struct dir *dir, const char *base)
{
	struct stat	 st;
	enum applied	 r = APPLY_OK;
	size_t		 i;
	int		 fd;

	if (fstatat(dir->fd, base, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return (apply_fail(a, e->path, "stat", errno));
	if (st.st_ino == old->st_ino && st.st_dev == old->st_dev)
		return (APPLY_OK);	/* was in the upper layer already */
	/* opening other directories may close this one */
	if ((fd = dup(dir->fd)) == -1)
		return (apply_fail(a, e->path, "dup", errno));
	for (i = 0; i < a->ngroups && r == APPLY_OK; i++)
		if (a->groups[i].dev == old->st_dev &&
		    a->groups[i].ino == old->st_ino)
			r = relink_one(a, &a->groups[i], fd, base);
	close(fd);
	return (r);
}

static enum applied
target_missing(struct apply *a, const struct tar_entry *e)
{
	if (!(a->flags & (LAYER_MERGED | LAYER_BOTTOM)))
		return (APPLY_LOWER);
	return (apply_fail(a, e->path, "target of a hard link is missing",
	    0));
}

/* Finds the target; its directory is the caller's to close. */
static enum applied
target_open(struct apply *a, const struct tar_entry *e, char *link,
    const char **base, int *fd, struct stat *st)
{
	struct dir	*dir;
	enum applied	 r;
	const char	*parent;

	*base = split(link, &parent);
	if ((r = dir_open(a, parent, 0, &dir)) != APPLY_OK)
		return (r == APPLY_FAIL && (errno == ENOENT ||
		    errno == ENOTDIR) ? target_missing(a, e) : r);
	if (fstatat(dir->fd, *base, st, AT_SYMLINK_NOFOLLOW) == -1)
		return (errno == ENOENT ? target_missing(a, e) :
		    apply_fail(a, e->path, "stat", errno));
	if (is_whiteout(st))
		return (target_missing(a, e));
	if (S_ISDIR(st->st_mode))
		return (apply_fail(a, e->path, "hard link to a directory", 0));
	if ((*fd = dup(dir->fd)) == -1)
		return (apply_fail(a, e->path, "dup", errno));
	return (APPLY_OK);
}

static enum applied
link_at(struct apply *a, const struct tar_entry *e, int fd, const char *from,
    struct dir *dir, const char *base, const struct stat *old)
{
	struct stat	 st;
	enum applied	 r;
	int		 hid;

	if (fstatat(dir->fd, base, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		/* another name of it, or itself: nothing to be done */
		if (st.st_dev == old->st_dev && st.st_ino == old->st_ino)
			return (APPLY_OK);
		if ((r = rm_replace(a, e, dir, base, &hid)) != APPLY_OK)
			return (r);
		dir = a->last;
	}
	if ((a->flags & LAYER_MERGED) && old->st_nlink > 1 && !a->grouped) {
		a->grouped = 1;
		if (group_scan(a, a->root, "") == -1)
			return (apply_fail(a, e->path,
			    "look for other names", errno));
	}
	if (linkat(fd, from, dir->fd, base, 0) == -1)
		return (errno == ENOENT ? target_missing(a, e) :
		    apply_fail(a, e->path, "link", errno));
	if ((a->flags & LAYER_MERGED) && old->st_nlink > 1)
		return (relink(a, e, old, dir, base));
	return (APPLY_OK);
}

enum applied
link_make(struct apply *a, const struct tar_entry *e, struct dir *dir,
    const char *base)
{
	struct stat	 old;
	enum applied	 r;
	const char	*from, *name = dir->name;
	char		*link, *parent;
	int		 fd = -1;

	link = strdup(e->link);
	parent = strdup(name);
	if (link == NULL || parent == NULL)
		r = apply_fail(a, e->path, "out of memory", 0);
	else if ((r = target_open(a, e, link, &from, &fd, &old)) == APPLY_OK &&
	    (r = dir_open(a, parent, 0, &dir)) == APPLY_OK)
		r = link_at(a, e, fd, from, dir, base, &old);
	if (fd != -1)
		close(fd);
	free(link);
	free(parent);
	return (r);
}
