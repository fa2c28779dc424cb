/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Walks a stored layer beside the model (verify job of berth-unpack).
 *
 * The rule, for layers that were applied by themselves and for those that
 * were merged: everything in fs/ must be a name that the model has after
 * this layer, with the model's attributes.  So what overlayfs copied up when
 * a merged layer was applied (parents, targets of hard links) is right as
 * long as it is a true copy: contents included, byte by byte, against the
 * layer that made the file.  A whiteout is right where the model has nothing
 * and this layer's entries asked for one or removed something, an opaque
 * directory likewise.  What the layer's own entries made must be there.  At
 * last the layers, stacked as overlayfs stacks them, must show the names of
 * the model and no others, and hard links must be one file.
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
#include "verify.h"

#define PIECE		(64 * 1024)

static int	 scan_dir(struct verify *, int fd, struct mnode *, int depth);

static int
differs(struct verify *v, const struct mnode *n, const char *what)
{
	return (verify_differs(v, v->model.layer, n, what));
}

/* A name that the model has never heard of. */
static int
extra(struct verify *v, const struct mnode *parent, const char *name)
{
	char	 what[400], enc[300];

	snprintf(what, sizeof(what), "holds %s, which no entry made",
	    log_encode(enc, sizeof(enc), name, strlen(name)));
	return (differs(v, parent, what));
}

static int
same_bytes(int a, int b)
{
	static unsigned char	 x[PIECE], y[PIECE];
	off_t			 off = 0;
	ssize_t			 n, m;

	do {
		n = pread(a, x, PIECE, off);
		m = pread(b, y, PIECE, off);
		if (n == -1 || n != m || memcmp(x, y, (size_t)n) != 0)
			return (0);
		off += n;
	} while (n > 0);
	return (1);
}

/* Copied up: against the file in the layer that made it. */
static int
check_copy(struct verify *v, const struct mnode *n, int fd)
{
	const struct minode	*i = n->inode;
	char			*path;
	int			 origin, same;

	if (i->home == NULL)
		return (differs(v, n, "is a copy of nothing"));
	if ((path = model_path(i->home)) == NULL)
		return (differs(v, n, "out of memory"));
	origin = openat(v->fs[i->layer], path,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	free(path);
	same = origin != -1 && same_bytes(fd, origin);
	if (origin != -1)
		close(origin);
	return (same ? 0 : differs(v, n, "contents differ"));
}

/* Names of one file are one inode here, too, and it has no others. */
static int
check_names(struct verify *v, const struct mnode *n, const struct stat *st)
{
	struct minode	*i = n->inode;

	if (i->disk != v->model.layer) {
		i->disk = v->model.layer;
		i->ino = st->st_ino;
		i->nlink = st->st_nlink;
		i->met = 0;
	}
	i->met++;
	return (i->ino == st->st_ino ? 0 :
	    differs(v, n, "is not the file that it was linked to"));
}

static int
scan_file(struct verify *v, int dirfd, struct mnode *n, const struct stat *st)
{
	int	 fd = -1, r;

	if (S_ISREG(st->st_mode) && (fd = openat(dirfd, n->name, O_RDONLY |
	    O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) == -1)
		return (differs(v, n, strerror(errno)));
	r = verify_attributes(v, n, dirfd, n->name, fd, st);
	if (r == 0)
		r = check_names(v, n, st);
	if (n->inode->layer == v->model.layer)
		n->inode->home = n;
	else if (r == 0 && fd != -1)
		r = check_copy(v, n, fd);
	if (fd != -1)
		close(fd);
	model_hide(&v->model, n);
	n->disk = v->model.layer;
	n->ino = st->st_ino;
	return (r);
}

static int
scan_subdir(struct verify *v, int dirfd, struct mnode *n,
    const struct stat *st, int depth)
{
	char	 opaque;
	int	 fd, r;

	if (depth > PATH_DEPTH_MAX)
		return (differs(v, n, "too deep"));
	fd = openat(dirfd, n->name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return (differs(v, n, strerror(errno)));
	if (fgetxattr(fd, XATTR_OPAQUE, &opaque, 1) == 1 && opaque == 'y')
		model_hide(&v->model, n);
	n->disk = v->model.layer;
	/* its time last: a name that is missing is the better reason */
	r = scan_dir(v, fd, n, depth);
	if (r == 0)
		r = verify_attributes(v, n, dirfd, n->name, fd, st);
	close(fd);
	return (r);
}

static int
scan_name(struct verify *v, int fd, struct mnode *dir, const char *name,
    int depth)
{
	struct mnode	*n = model_child(&v->model, dir, name);
	struct stat	 st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return (differs(v, dir, strerror(errno)));
	if (is_whiteout(&st)) {
		if (n == NULL)
			return (extra(v, dir, name));
		if (n->inode != NULL)
			return (differs(v, n, "is hidden by a whiteout"));
		if (n->opaque != v->model.layer &&
		    n->watched != v->model.layer)
			return (differs(v, n, "is hidden, by no entry"));
		model_hide(&v->model, n);
		n->disk = -1;
		return (0);
	}
	if (n == NULL || n->inode == NULL)
		return (extra(v, dir, name));
	if (S_ISDIR(st.st_mode))
		return (scan_subdir(v, fd, n, &st, depth + 1));
	return (scan_file(v, fd, n, &st));
}

static int
scan_dir(struct verify *v, int fd, struct mnode *dir, int depth)
{
	struct names		 l;
	const struct mnode	*c;
	size_t			 i;
	int			 r = 0;

	if (names_read(fd, &l) == -1)
		return (differs(v, dir, strerror(errno)));
	for (i = 0; i < l.n && r == 0; i++)
		r = scan_name(v, fd, dir, l.v[i], depth);
	names_free(&l);
	for (c = dir->children; c != NULL && r == 0; c = c->next)
		if (c->inode != NULL && c->layer == v->model.layer &&
		    c->disk != v->model.layer)
			r = differs(v, c, "is missing");
		else if (c->inode == NULL && c->disk != -1)
			r = differs(v, c, "is removed and still there");
	return (r);
}

/* A layer that does not name the root has a plain one of its own. */
static int
scan_root(struct verify *v, int fd)
{
	struct minode	 plain;
	struct mnode	*root = v->model.root, copy;
	struct stat	 st;
	int		 marked;

	if (fstat(fd, &st) == -1)
		return (differs(v, root, strerror(errno)));
	marked = fgetxattr(fd, XATTR_ROOT, NULL, 0) >= 0;
	if (marked != v->model.root_named)
		return (differs(v, root, "mark of its attributes differs"));
	copy = *root;
	if (!v->model.root_named) {
		memset(&plain, 0, sizeof(plain));
		copy.inode = &plain;
	}
	return (verify_attributes(v, &copy, fd, ".", fd, &st));
}

/* Other names of this layer's files; what it removed, or seems to hide. */
static int
check_rest(struct verify *v)
{
	const struct mnode	*n;
	const struct minode	*i;

	for (n = v->model.made; n != NULL; n = n->nextmade) {
		i = n->inode;
		if (i == NULL)
			continue;
		if (n->disk != v->model.layer)
			return (differs(v, n, "is missing"));
		if (i->e != NULL && i->e->type != TAR_DIR &&
		    i->met != i->nlink)
			return (differs(v, n, "has a name that no entry made"));
	}
	for (n = v->model.watch; n != NULL; n = n->nextwatch) {
		if (n->inode == NULL && n->disk != -1)
			return (differs(v, n, "is removed and still there"));
		if (n->inode != NULL && n->disk == -1)
			return (differs(v, n, "is hidden"));
	}
	return (0);
}

int
verify_scan(struct verify *v, int layer)
{
	int	 fd, r;

	fd = openat(v->fs[layer], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return (differs(v, v->model.root, strerror(errno)));
	v->model.root->disk = layer;
	r = scan_dir(v, fd, v->model.root, 0);
	if (r == 0)
		r = check_rest(v);
	if (r == 0)
		r = scan_root(v, fd);
	close(fd);
	return (r);
}

static int
view_node(struct verify *v, struct mnode *n)
{
	struct minode	*i = n->inode;
	struct mnode	*c;
	int		 layer = n->disk == -1 ? n->layer : n->disk;

	if ((i == NULL) != (n->disk == -1))
		return (verify_differs(v, layer, n, i == NULL ?
		    "is removed and still there" : "is hidden"));
	/* i->disk is -2 - layer once the first name has been seen */
	if (i != NULL && i->e != NULL && i->e->type != TAR_DIR &&
	    i->disk > -2) {
		i->disk = -2 - n->disk;
		i->ino = n->ino;
	} else if (i != NULL && i->e != NULL && i->e->type != TAR_DIR &&
	    (i->disk != -2 - n->disk || i->ino != n->ino))
		return (verify_differs(v, layer, n,
		    "is not the file that it was linked to"));
	for (c = n->children; c != NULL; c = c->next)
		if (view_node(v, c) == -1)
			return (-1);
	return (0);
}

int
verify_view(struct verify *v)
{
	return (view_node(v, v->model.root));
}
