/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Makes what the entries of a layer say (in berth-unpack): see apply.h. */
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

#define WH_PREFIX	".wh."

enum applied
apply_fail(struct apply *a, const char *path, const char *what, int error)
{
	char	 enc[400];
	int	 saved_errno = errno;

	log_encode(enc, sizeof(enc), *path == '\0' ? "/" : path,
	    *path == '\0' ? 1 : strlen(path));
	why_set(a->why, "%s: %s%s%s", enc, what, error != 0 ? ": " : "",
	    error != 0 ? strerror(error) : "");
	errno = saved_errno;
	return (APPLY_FAIL);
}

int
apply_init(struct apply *a, int root, unsigned int flags, struct skelw *skel,
    struct why *why)
{
	size_t	 i;

	memset(a, 0, sizeof(*a));
	a->root = root;
	a->flags = flags;
	a->skel = skel;
	a->why = why;
	a->file.fd = -1;
	for (i = 0; i < DIRS_CACHED; i++)
		a->dirs[i].fd = -1;
	/* the root's time is settled at the end like any other's */
	return (dir_settime(a, "", NULL) == APPLY_OK ? 0 : -1);
}

void
apply_free(struct apply *a)
{
	size_t	 i;

	dir_forget(a);
	for (i = 0; i < a->ntimes; i++) {
		free(a->times[i].path);
		free(a->times[i].acl);
	}
	free(a->times);
	table_free(&a->timeof);
	table_free(&a->touched);
	table_free(&a->bodies);
	link_free(a);
	if (a->file.fd != -1)
		close(a->file.fd);
	free(a->file.path);
}

static enum applied
make_root(struct apply *a, const struct tar_entry *e)
{
	enum applied	 r;
	int		 fd;

	fd = openat(a->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return (apply_fail(a, "", "open", errno));
	if ((r = meta_renew(a, e, fd)) == APPLY_OK)
		r = dir_settime(a, "", e);
	close(fd);
	a->named_root = 1;
	return (r);
}

/* An existing directory is kept; anything else makes room. */
static enum applied
make_dir_at(struct apply *a, const struct tar_entry *e, struct dir **dir,
    const char *base, int *existed)
{
	struct stat	 st;
	enum applied	 r;
	int		 hid = 0;

	*existed = 0;
	if (mkdirat((*dir)->fd, base, (mode_t)e->mode & 0777) == 0)
		return (APPLY_OK);
	if (errno != EEXIST)
		return (apply_fail(a, e->path, "mkdir", errno));
	if (fstatat((*dir)->fd, base, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return (apply_fail(a, e->path, "stat", errno));
	if (S_ISDIR(st.st_mode)) {
		*existed = 1;
		return (APPLY_OK);
	}
	if ((r = rm_replace(a, e, *dir, base, &hid)) != APPLY_OK)
		return (r);
	*dir = a->last;
	if (mkdirat((*dir)->fd, base, (mode_t)e->mode & 0777) == -1)
		return (apply_fail(a, e->path, "mkdir", errno));
	*existed = -1;
	return (APPLY_OK);
}

static enum applied
make_dir(struct apply *a, const struct tar_entry *e, struct dir *dir,
    const char *base)
{
	enum applied	 r;
	char		*path;
	int		 existed, fd;

	if ((r = make_dir_at(a, e, &dir, base, &existed)) != APPLY_OK)
		return (r);
	fd = openat(dir->fd, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	if (fd == -1)
		return (apply_fail(a, e->path, "open", errno));
	if ((path = dir_path(dir->path, base)) == NULL) {
		close(fd);
		return (apply_fail(a, e->path, "out of memory", 0));
	}
	r = existed == 1 ? meta_renew(a, e, fd) :
	    meta_set(a, e, fd, dir->inherit);
	/*
	 * What stood here hid the directory beneath, if there was one.
	 * overlayfs would merge it again.
	 */
	if (r == APPLY_OK && existed == -1 && !(a->flags & LAYER_MERGED) &&
	    fsetxattr(fd, XATTR_OPAQUE, "y", 1, 0) == -1)
		r = apply_fail(a, e->path, "attribute " XATTR_OPAQUE, errno);
	if (r == APPLY_OK)
		r = dir_settime(a, path, e);
	if (r == APPLY_OK && existed != 1)
		r = dir_remember(a, e->path, path, fd, &dir);
	else
		close(fd);
	/* it may have got a group or ACL to hand on */
	if (existed == 1)
		dir_forget(a);
	free(path);
	return (r);
}

static enum applied
make_file(struct apply *a, const struct tar_entry *e, struct dir *dir,
    const char *base)
{
	enum applied	 r;
	int		 hid, tries;

	for (tries = 0; ; tries++) {
		a->file.fd = openat(dir->fd, base, O_WRONLY | O_CREAT |
		    O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)e->mode & 0777);
		if (a->file.fd != -1)
			break;
		if (errno != EEXIST || tries > 0)
			return (apply_fail(a, e->path, "create", errno));
		if ((r = rm_replace(a, e, dir, base, &hid)) != APPLY_OK)
			return (r);
		dir = a->last;
	}
	free(a->file.path);
	a->file.written = 0;
	a->file.inherit = dir->inherit;
	if ((a->file.path = dir_path(dir->path, base)) == NULL)
		return (apply_fail(a, e->path, "out of memory", 0));
	return (APPLY_OK);
}

static enum applied
make_node(struct apply *a, const struct tar_entry *e, struct dir *dir,
    const char *base)
{
	enum applied	 r;
	int		 bad, hid, tries;

	for (tries = 0; ; tries++) {
		bad = e->type == TAR_SYMLINK ?
		    symlinkat(e->link, dir->fd, base) :
		    mknodat(dir->fd, base, S_IFIFO | (e->mode & 0777), 0);
		if (bad == 0)
			return (meta_set_at(a, e, dir, base));
		if (errno != EEXIST || tries > 0)
			return (apply_fail(a, e->path, "create", errno));
		if ((r = rm_replace(a, e, dir, base, &hid)) != APPLY_OK)
			return (r);
		dir = a->last;
	}
}

/*
 * Device nodes cannot be made in a user namespace and must not be.  Those
 * beneath dev/ are left out: every container gets a /dev of its own.
 */
static enum applied
make_device(struct apply *a, const struct tar_entry *e)
{
	if (strncmp(e->path, "dev/", 4) == 0)
		return (APPLY_OK);
	return (apply_fail(a, e->path, "device nodes are not supported", 0));
}

/* A directory that is named like a whiteout, but for aufs's own. */
static int
below_whiteout(const char *path, int *ignored)
{
	const char	*p;

	*ignored = 0;
	for (p = path; (p = strstr(p, WH_PREFIX)) != NULL; p++) {
		if ((p != path && p[-1] != '/') || strchr(p, '/') == NULL)
			continue;
		*ignored = strncmp(p, WH_PREFIX WH_PREFIX,
		    2 * strlen(WH_PREFIX)) == 0;
		return (1);
	}
	return (0);
}

static enum applied
make(struct apply *a, const struct tar_entry *e, struct dir *dir,
    const char *base)
{
	switch (e->type) {
	case TAR_DIR:
		return (make_dir(a, e, dir, base));
	case TAR_LINK:
		return (link_make(a, e, dir, base));
	case TAR_FILE:
		return (make_file(a, e, dir, base));
	default:
		return (make_node(a, e, dir, base));
	}
}

/* e->path is parent/base; both are borrowed from copy. */
static enum applied
entry_at(struct apply *a, const struct tar_entry *e, const char *parent,
    const char *base)
{
	struct dir	*dir;
	enum applied	 r;
	char		*path;

	if (strncmp(base, WH_PREFIX, strlen(WH_PREFIX)) == 0)
		return (rm_whiteout(a, e, parent, base));
	if (e->type == TAR_CHAR || e->type == TAR_BLOCK)
		return (make_device(a, e));
	if (e->type == TAR_LINK && strcmp(e->link, e->path) == 0)
		return (apply_fail(a, e->path, "hard link to itself", 0));
	if ((r = dir_open(a, parent, 1, &dir)) != APPLY_OK)
		return (r);
	/* before it is made: the directory may leave the cache */
	if (a->flags & LAYER_MERGED) {
		if ((path = dir_path(dir->path, base)) == NULL)
			return (apply_fail(a, e->path, "out of memory", 0));
		r = dir_touch(a, path);
		free(path);
		if (r != APPLY_OK)
			return (r);
	}
	return (make(a, e, dir, base));
}

enum applied
apply_entry(struct apply *a, const struct tar_entry *e)
{
	enum applied	 r;
	char		*copy, *slash;
	int		 ignored;

	if (e->path[0] == '\0')
		return (make_root(a, e));
	if (below_whiteout(e->path, &ignored))
		return (ignored ? APPLY_OK : apply_fail(a, e->path,
		    "a whiteout is no directory", 0));
	if ((copy = strdup(e->path)) == NULL)
		return (apply_fail(a, e->path, "out of memory", 0));
	if ((slash = strrchr(copy, '/')) != NULL) {
		*slash = '\0';
		r = entry_at(a, e, copy, slash + 1);
	} else
		r = entry_at(a, e, "", copy);
	free(copy);
	return (r);
}

enum applied
apply_data(struct apply *a, const struct tar_entry *e, const void *data,
    size_t len, uint64_t off)
{
	const unsigned char	*p = data;
	ssize_t			 n;

	if (a->file.fd == -1)
		return (APPLY_OK);
	/* only forward: overlapping pieces would be two files in one */
	if (off < a->file.written || len > e->size || off > e->size - len)
		return (apply_fail(a, e->path, "contents beyond the size", 0));
	if (off != a->file.written &&
	    lseek(a->file.fd, (off_t)off, SEEK_SET) == -1)
		return (apply_fail(a, e->path, "seek", errno));
	a->file.written = off + len;
	while (len > 0) {
		n = write(a->file.fd, p, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (apply_fail(a, e->path, "write", errno));
		p += n;
		len -= (size_t)n;
	}
	return (APPLY_OK);
}

/* Where the skeleton finds the body again. */
static enum applied
file_body(struct apply *a, const struct tar_entry *e, uint32_t sum)
{
	struct stat	 st;
	uint64_t	 index;

	if (fstat(a->file.fd, &st) == -1)
		return (apply_fail(a, e->path, "stat", errno));
	if (skelw_file(a->skel, a->file.path, e->size, sum, &index) == -1)
		return (apply_fail(a, e->path, "skeleton", errno));
	if (table_set(&a->bodies, hash_inode(st.st_dev, st.st_ino), index) ==
	    -1)
		return (apply_fail(a, e->path, "out of memory", 0));
	return (APPLY_OK);
}

enum applied
apply_close(struct apply *a, const struct tar_entry *e, uint32_t sum)
{
	enum applied	 r = APPLY_OK;

	if (a->file.fd == -1)
		return (APPLY_OK);
	if (e->sparse && a->file.written < e->size) {
		if (ftruncate(a->file.fd, (off_t)e->size) == -1)
			r = apply_fail(a, e->path, "size", errno);
	} else if (a->file.written != e->size)
		r = apply_fail(a, e->path, "contents are incomplete", 0);
	if (r == APPLY_OK && !e->sparse && e->size > 0)
		r = file_body(a, e, sum);
	if (r == APPLY_OK)
		r = meta_set(a, e, a->file.fd, a->file.inherit);
	/* a full disk may show up only here */
	if (close(a->file.fd) == -1 && r == APPLY_OK)
		r = apply_fail(a, e->path, "close", errno);
	a->file.fd = -1;
	a->bytes += e->size;
	return (r);
}

enum applied
apply_finish(struct apply *a)
{
	dir_forget(a);
	return (dir_finish(a));
}
