/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Directories of a layer that is being applied (in berth-unpack): parents
 * kept open, since a tar's entries stand together by directory; paths with
 * links in them brought into their plain form; times for the end.
 */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include <linux/openat2.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply.h"

#define LINKS_MAX	40	/* as the kernel has it */

char *
dir_path(const char *dir, const char *base)
{
	size_t	 n = strlen(dir), m = strlen(base);
	char	*p;

	if ((p = malloc(n + m + 2)) == NULL)
		return (NULL);
	memcpy(p, dir, n);
	if (n > 0)
		p[n++] = '/';
	memcpy(p + n, base, m + 1);
	return (p);
}

/* No link on the way; errno ELOOP when there is one. */
static int
open_plain(struct apply *a, const char *path, int flags)
{
	struct open_how	 how;

	memset(&how, 0, sizeof(how));
	how.flags = (uint64_t)(unsigned int)(flags | O_NOFOLLOW | O_CLOEXEC);
	how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS |
	    RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
	return ((int)syscall(SYS_openat2, a->root, *path == '\0' ? "." : path,
	    &how, sizeof(how)));
}

void
dir_forget(struct apply *a)
{
	size_t	 i;

	for (i = 0; i < DIRS_CACHED; i++) {
		if (a->dirs[i].fd == -1)
			continue;
		close(a->dirs[i].fd);
		free(a->dirs[i].name);
		free(a->dirs[i].path);
		a->dirs[i].fd = -1;
	}
	a->last = NULL;
}

static struct dir *
dir_find(struct apply *a, const char *name)
{
	uint64_t	 key;
	size_t		 i;

	if (a->last != NULL && strcmp(a->last->name, name) == 0)
		return (a->last);
	key = hash_path(name, strlen(name));
	for (i = 0; i < DIRS_CACHED; i++)
		if (a->dirs[i].fd != -1 && a->dirs[i].key == key &&
		    strcmp(a->dirs[i].name, name) == 0)
			return (&a->dirs[i]);
	return (NULL);
}

/* Will what is made in it get its group, or (beneath us) its ACL? */
static int
inherits(struct apply *a, int fd)
{
	struct stat	 st;

	if (fstat(fd, &st) == -1 || (st.st_mode & S_ISGID))
		return (1);
	return ((a->flags & LAYER_MERGED) &&
	    fgetxattr(fd, "system.posix_acl_default", NULL, 0) > 0);
}

enum applied
dir_remember(struct apply *a, const char *name, const char *path, int fd,
    struct dir **dir)
{
	struct dir	*d = &a->dirs[0];
	size_t		 i;

	for (i = 1; i < DIRS_CACHED && d->fd != -1; i++)
		if (a->dirs[i].fd == -1 || a->dirs[i].used < d->used)
			d = &a->dirs[i];
	if (d->fd != -1) {
		close(d->fd);
		free(d->name);
		free(d->path);
	}
	d->fd = fd;
	d->name = strdup(name);
	d->path = strdup(path);
	d->key = hash_path(name, strlen(name));
	d->used = ++a->clock;
	d->inherit = inherits(a, fd);
	if (d->name == NULL || d->path == NULL)
		return (apply_fail(a, name, "out of memory", 0));
	*dir = a->last = d;
	return (APPLY_OK);
}

/*
 * Follows links by hand below the root, as the kernel would with
 * RESOLVE_IN_ROOT, to learn the path without them.  What does not exist is
 * taken as it is spelt.  out has PATH_MAXLEN + 1 bytes.
 */
static int
path_plain(struct apply *a, const char *name, char *out)
{
	char		 todo[2 * PATH_MAXLEN + 2], rest[PATH_MAXLEN + 1];
	char		 target[PATH_MAXLEN + 1], *slash;
	size_t		 n, len = 0, links = 0;
	ssize_t		 t;

	if (strlen(name) > PATH_MAXLEN)
		goto toolong;
	strcpy(todo, name);
	out[0] = '\0';
	while (todo[0] != '\0') {
		n = strcspn(todo, "/");
		/* ".." at the root stays there */
		if (n == 2 && strncmp(todo, "..", 2) == 0) {
			slash = strrchr(out, '/');
			len = slash == NULL ? 0 : (size_t)(slash - out);
		} else if (n > 0 && !(n == 1 && todo[0] == '.')) {
			if (len + n + 2 > PATH_MAXLEN)
				goto toolong;
			if (len > 0)
				out[len++] = '/';
			memcpy(out + len, todo, n);
			len += n;
		}
		out[len] = '\0';
		if (strlen(todo + n) > PATH_MAXLEN)
			goto toolong;
		strcpy(rest, todo + n + (todo[n] == '/'));
		t = len == 0 ? -1 : readlinkat(a->root, out, target,
		    sizeof(target) - 1);
		if (t <= 0 || n == 0) {
			strcpy(todo, rest);
			continue;
		}
		if (++links > LINKS_MAX) {
			errno = ELOOP;
			return (-1);
		}
		target[t] = '\0';
		slash = strrchr(out, '/');
		len = target[0] == '/' || slash == NULL ? 0 :
		    (size_t)(slash - out);
		out[len] = '\0';
		if ((size_t)t + strlen(rest) > 2 * PATH_MAXLEN)
			goto toolong;
		strcpy(todo, target);
		strcat(todo, "/");
		strcat(todo, rest);
	}
	return (0);
 toolong:
	errno = ENAMETOOLONG;
	return (-1);
}

enum applied
dir_touch(struct apply *a, const char *path)
{
	const char	*p;

	if (!(a->flags & LAYER_MERGED))
		return (APPLY_OK);
	for (p = path + strlen(path); p > path; ) {
		if (table_set(&a->touched, hash_path(path,
		    (size_t)(p - path)), 1) == -1)
			return (apply_fail(a, path, "out of memory", 0));
		while (p > path && *--p != '/')
			;
	}
	return (APPLY_OK);
}

int
dir_touched(const struct apply *a, const char *path)
{
	return (table_get(&a->touched, hash_path(path, strlen(path))) !=
	    TABLE_NONE);
}

static struct dirtime *
time_slot(struct apply *a, const char *path)
{
	struct dirtime	*t;
	uint64_t	 key = hash_path(path, strlen(path)), i;
	size_t		 size;

	if ((i = table_get(&a->timeof, key)) != TABLE_NONE)
		return (&a->times[i]);
	if (a->ntimes == a->timessize) {
		size = a->timessize == 0 ? 256 : a->timessize * 2;
		t = reallocarray(a->times, size, sizeof(*t));
		if (t == NULL)
			return (NULL);
		a->times = t;
		a->timessize = size;
	}
	t = &a->times[a->ntimes];
	memset(t, 0, sizeof(*t));
	if ((t->path = strdup(path)) == NULL ||
	    table_set(&a->timeof, key, a->ntimes) == -1) {
		free(t->path);
		return (NULL);
	}
	a->ntimes++;
	return (t);
}

/* A default ACL waits too: until then nothing shall inherit it. */
static int
keep_acl(struct dirtime *t, const struct tar_entry *e)
{
	size_t	 i;

	free(t->acl);
	t->acl = NULL;
	for (i = 0; i < e->nxattrs; i++) {
		if (strcmp(e->xattrs[i].name, "system.posix_acl_default") != 0)
			continue;
		if ((t->acl = malloc(e->xattrs[i].len + 1)) == NULL)
			return (-1);
		memcpy(t->acl, e->xattrs[i].value, e->xattrs[i].len);
		t->acllen = e->xattrs[i].len;
	}
	return (0);
}

enum applied
dir_settime(struct apply *a, const char *path, const struct tar_entry *e)
{
	struct dirtime	*t;

	if ((t = time_slot(a, path)) == NULL ||
	    (e != NULL && keep_acl(t, e) == -1))
		return (apply_fail(a, path, "out of memory", 0));
	t->restore = 0;
	t->mtime.tv_sec = e == NULL ? 0 : e->mtime;
	t->mtime.tv_nsec = e == NULL ? 0 : (long)e->nsec;
	return (APPLY_OK);
}

enum applied
dir_keeptime(struct apply *a, const char *path, int fd)
{
	struct dirtime	*t;
	struct stat	 st;

	if (!(a->flags & LAYER_MERGED) || table_get(&a->timeof,
	    hash_path(path, strlen(path))) != TABLE_NONE)
		return (APPLY_OK);
	if (fstat(fd, &st) == -1)
		return (apply_fail(a, path, "stat", errno));
	if ((t = time_slot(a, path)) == NULL)
		return (apply_fail(a, path, "out of memory", 0));
	t->mtime = st.st_mtim;
	t->restore = 1;
	return (APPLY_OK);
}

static enum applied
finish_one(struct apply *a, const struct dirtime *t)
{
	struct timespec	 ts[2];
	struct stat	 st;
	int		 fd, bad;

	/* it may have become something else since: then it has no times */
	fd = open_plain(a, t->path, O_RDONLY | O_DIRECTORY);
	if (fd == -1)
		return (errno == ENOENT || errno == ENOTDIR || errno == ELOOP ?
		    APPLY_OK : apply_fail(a, t->path, "open", errno));
	ts[0] = ts[1] = t->mtime;
	if ((bad = fstat(fd, &st)) == 0 && t->acl != NULL)
		bad = fsetxattr(fd, "system.posix_acl_default", t->acl,
		    t->acllen, 0);
	/* an overlay would copy an unchanged one up */
	if (bad == 0 && !(t->restore &&
	    st.st_mtim.tv_sec == t->mtime.tv_sec &&
	    st.st_mtim.tv_nsec == t->mtime.tv_nsec))
		bad = futimens(fd, ts);
	if (bad == -1)
		apply_fail(a, t->path, "attributes", errno);
	close(fd);
	return (bad == -1 ? APPLY_FAIL : APPLY_OK);
}

enum applied
dir_finish(struct apply *a)
{
	size_t	 i;

	for (i = 0; i < a->ntimes; i++)
		if (finish_one(a, &a->times[i]) != APPLY_OK)
			return (APPLY_FAIL);
	return (APPLY_OK);
}

/* Makes each directory of a path without links that is not there. */
static enum applied
make_parents(struct apply *a, const char *path)
{
	char		 part[PATH_MAXLEN + 1];
	enum applied	 r;
	size_t		 i, up;
	int		 fd;

	for (i = 0, up = 0; path[i] != '\0'; ) {
		i += strcspn(path + i, "/");
		memcpy(part, path, i);
		part[up > 0 ? up - 1 : 0] = '\0';
		fd = open_plain(a, part, O_RDONLY | O_DIRECTORY);
		if (fd == -1)
			return (apply_fail(a, part, "open", errno));
		r = dir_keeptime(a, part, fd);
		close(fd);
		memcpy(part, path, i);
		part[i] = '\0';
		if (r != APPLY_OK)
			return (r);
		if (mkdirat(a->root, part, 0755) == 0) {
			if (dir_settime(a, part, NULL) != APPLY_OK ||
			    dir_touch(a, part) != APPLY_OK)
				return (APPLY_FAIL);
		} else if (errno != EEXIST)
			return (apply_fail(a, part, "mkdir", errno));
		i += path[i] == '/';
		up = i;
	}
	return (APPLY_OK);
}

static enum applied
dir_missing(struct apply *a, const char *name, char *path, int make,
    int *fd)
{
	int	 error = errno;

	if (!(a->flags & (LAYER_MERGED | LAYER_BOTTOM)))
		return (APPLY_LOWER);
	if (!make || error != ENOENT) {
		apply_fail(a, name, error == ENOENT ? "no such directory" :
		    error == ENOTDIR ? "parent is no directory" : "open",
		    error == ENOENT || error == ENOTDIR ? 0 : error);
		errno = error;
		return (APPLY_FAIL);
	}
	a->skipped = 1;
	if (make_parents(a, path) != APPLY_OK)
		return (APPLY_FAIL);
	if ((*fd = open_plain(a, path, O_RDONLY | O_DIRECTORY)) == -1)
		return (apply_fail(a, name, errno == ENOTDIR ?
		    "parent is no directory" : "open", errno == ENOTDIR ? 0 :
		    errno));
	return (APPLY_OK);
}

enum applied
dir_open(struct apply *a, const char *name, int make, struct dir **dir)
{
	char		 path[PATH_MAXLEN + 1];
	enum applied	 r;
	int		 fd;

	if ((*dir = dir_find(a, name)) != NULL) {
		(*dir)->used = ++a->clock;
		a->last = *dir;
		return (APPLY_OK);
	}
	strcpy(path, name);
	fd = open_plain(a, path, O_RDONLY | O_DIRECTORY);
	/* with O_DIRECTORY, a link in the last place is ENOTDIR as well */
	if (fd == -1 && (errno == ELOOP || errno == ENOTDIR)) {
		if (path_plain(a, name, path) == -1)
			return (apply_fail(a, name, "path", errno));
		fd = open_plain(a, path, O_RDONLY | O_DIRECTORY);
	}
	if (fd == -1 && (r = dir_missing(a, name, path, make, &fd)) !=
	    APPLY_OK)
		return (r);
	if ((r = dir_keeptime(a, path, fd)) != APPLY_OK) {
		close(fd);
		return (r);
	}
	return (dir_remember(a, name, path, fd, dir));
}
