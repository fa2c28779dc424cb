/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * A plain directory in memory, for the verify job of berth-unpack: see
 * model.h.  A removed name stays as one without an inode, since what was on
 * disk under it must be hidden there too.
 */
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define LINKS_MAX	40
#define WH_PREFIX	".wh."
#define WH_OPAQUE	".wh..wh..opq"

static uint64_t
key_of(const struct mnode *parent, const char *name)
{
	return (hash_inode(parent->id, hash_path(name, strlen(name))));
}

struct mnode *
model_child(const struct model *m, const struct mnode *parent,
    const char *name)
{
	struct mnode	*n;
	uint64_t	 v = table_get(&m->names, key_of(parent, name));

	if (v == TABLE_NONE)
		return (NULL);
	n = (struct mnode *)(uintptr_t)v;
	return (n->parent == parent && strcmp(n->name, name) == 0 ? n : NULL);
}

static struct minode *
inode_new(struct model *m, struct tar_entry *e)
{
	struct minode	*i;

	if ((i = calloc(1, sizeof(*i))) == NULL)
		return (NULL);
	i->e = e;
	i->layer = m->layer;
	i->disk = -1;
	i->next = m->inodes;
	m->inodes = i;
	return (i);
}

static struct mnode *
node_new(struct model *m, struct mnode *parent, const char *name)
{
	struct mnode	*n;

	if ((n = calloc(1, sizeof(*n) + strlen(name) + 1)) == NULL)
		return (NULL);
	strcpy(n->name, name);
	n->id = m->ids++;
	n->disk = n->layer = n->touched = n->watched = -1;
	n->opaque = -1;
	if ((n->parent = parent) == NULL)
		return (n);
	if (table_set(&m->names, key_of(parent, name), (uintptr_t)n) == -1) {
		free(n);
		return (NULL);
	}
	n->next = parent->children;
	parent->children = n;
	return (n);
}

int
model_init(struct model *m)
{
	memset(m, 0, sizeof(*m));
	if ((m->root = node_new(m, NULL, "")) == NULL ||
	    (m->root->inode = inode_new(m, NULL)) == NULL)
		return (-1);
	return (0);
}

static void
node_free(struct mnode *n)
{
	struct mnode	*next;

	for (; n != NULL; n = next) {
		next = n->next;
		node_free(n->children);
		free(n);
	}
}

void
model_free(struct model *m)
{
	struct minode	*i;

	while ((i = m->inodes) != NULL) {
		m->inodes = i->next;
		tar_entry_free(i->e);
		free(i);
	}
	node_free(m->root);
	table_free(&m->names);
	memset(m, 0, sizeof(*m));
}

void
model_begin(struct model *m, int layer)
{
	m->layer = layer;
	m->made = m->watch = NULL;
	m->root_named = 0;
}

static int
refuse(struct model *m, const char *why)
{
	m->why = why;
	return (-1);
}

static int
is_dir(const struct mnode *n)
{
	return (n->inode != NULL && (n->inode->e == NULL ||
	    n->inode->e->type == TAR_DIR));
}

/* An entry belongs to its inode; the inodes are freed together. */
static void
unlink_node(struct mnode *n)
{
	if (n->inode != NULL)
		n->inode->refs--;
	n->inode = NULL;
}

void
model_watch(struct model *m, struct mnode *n)
{
	if (n->watched == m->layer)
		return;
	n->watched = m->layer;
	n->nextwatch = m->watch;
	m->watch = n;
}

static void
remove_all(struct model *m, struct mnode *n)
{
	struct mnode	*c;

	for (c = n->children; c != NULL; c = c->next)
		remove_all(m, c);
	if (n->inode != NULL)
		model_watch(m, n);
	unlink_node(n);
}

void
model_hide(struct model *m, struct mnode *n)
{
	struct mnode	*c;

	for (c = n->children; c != NULL; c = c->next) {
		if (c->disk != -1)
			model_watch(m, c);
		c->disk = -1;
		model_hide(m, c);
	}
}

static void
touch(struct model *m, struct mnode *n)
{
	for (; n != NULL && n->touched != m->layer; n = n->parent)
		n->touched = m->layer;
}

/* The name now stands for this inode. */
static void
set(struct model *m, struct mnode *n, struct minode *i)
{
	unlink_node(n);
	n->inode = i;
	i->refs++;
	touch(m, n);
	if (n->layer == m->layer)
		return;
	n->layer = m->layer;
	n->nextmade = m->made;
	m->made = n;
}

static int
make_implicit(struct model *m, struct mnode *n)
{
	struct minode	*i;

	if ((i = inode_new(m, NULL)) == NULL)
		return (refuse(m, "out of memory"));
	set(m, n, i);
	return (0);
}

/*
 * Walks to a directory, through links as the kernel would below a root, and
 * with make makes what is missing.  Recursion is bounded by *links.
 */
static struct mnode *
walk(struct model *m, struct mnode *at, const char *path, int make,
    int *links)
{
	char		 name[PATH_NAME_MAXLEN + 1];
	struct mnode	*n;
	const char	*target;
	size_t		 len;

	for (; *path != '\0'; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		if (len == 0 || (len == 1 && path[0] == '.'))
			continue;
		if (len == 2 && strncmp(path, "..", 2) == 0) {
			at = at->parent != NULL ? at->parent : at;
			continue;
		}
		if (len > PATH_NAME_MAXLEN)
			return (refuse(m, "link leads nowhere"), NULL);
		memcpy(name, path, len);
		name[len] = '\0';
		n = model_child(m, at, name);
		if (n == NULL && make &&
		    (n = node_new(m, at, name)) == NULL)
			return (refuse(m, "out of memory"), NULL);
		if (n == NULL || (n->inode == NULL && !make))
			return (refuse(m, "parent is missing"), NULL);
		if (n->inode == NULL && make_implicit(m, n) == -1)
			return (NULL);
		if (n->inode->e != NULL && n->inode->e->type == TAR_SYMLINK) {
			if (++*links > LINKS_MAX)
				return (refuse(m, "too many links"), NULL);
			target = n->inode->e->link;
			n = walk(m, target[0] == '/' ? m->root : at, target,
			    make, links);
			if (n == NULL)
				return (NULL);
		}
		if (!is_dir(n))
			return (refuse(m, "parent is no directory"), NULL);
		at = n;
	}
	return (at);
}

static struct mnode *
walk_to(struct model *m, const char *path, int make, const char **base)
{
	char		*copy, *slash;
	struct mnode	*n;
	int		 links = 0;

	if ((slash = strrchr(path, '/')) == NULL) {
		*base = path;
		return (m->root);
	}
	*base = slash + 1;
	if ((copy = strndup(path, (size_t)(slash - path))) == NULL)
		return (refuse(m, "out of memory"), NULL);
	n = walk(m, m->root, copy, make, &links);
	free(copy);
	return (n);
}

/* What this layer has not touched goes. */
static void
hide_untouched(struct model *m, struct mnode *n)
{
	struct mnode	*c;

	if (n->touched != m->layer) {
		remove_all(m, n);
		return;
	}
	for (c = n->children; c != NULL; c = c->next)
		hide_untouched(m, c);
}

static int
whiteout(struct model *m, const struct tar_entry *e)
{
	struct mnode	*dir, *n;
	const char	*base;

	if ((dir = walk_to(m, e->path, 0, &base)) == NULL)
		return (0);		/* nothing there to hide */
	if (strcmp(base, WH_OPAQUE) == 0) {
		dir->opaque = m->layer;
		for (n = dir->children; n != NULL; n = n->next)
			hide_untouched(m, n);
		return (0);
	}
	if (strncmp(base, WH_PREFIX WH_PREFIX, 2 * strlen(WH_PREFIX)) == 0)
		return (0);
	base += strlen(WH_PREFIX);
	if ((n = model_child(m, dir, base)) == NULL &&
	    (n = node_new(m, dir, base)) == NULL)
		return (refuse(m, "out of memory"));
	n->opaque = m->layer;
	hide_untouched(m, n);
	return (0);
}

/* 0: no whiteout; 1: one; 2: something inside of one, to be ignored. */
static int
whiteout_kind(const char *path)
{
	const char	*p, *base = strrchr(path, '/');

	base = base == NULL ? path : base + 1;
	for (p = path; p < base; p = strchr(p, '/') + 1)
		if (strncmp(p, WH_PREFIX, strlen(WH_PREFIX)) == 0)
			return (2);
	return (strncmp(base, WH_PREFIX, strlen(WH_PREFIX)) == 0);
}

static int
make_link(struct model *m, const struct tar_entry *e)
{
	struct mnode	*n, *to, *dir;
	const char	*base, *tobase;

	if ((to = walk_to(m, e->link, 0, &tobase)) == NULL ||
	    (to = model_child(m, to, tobase)) == NULL || to->inode == NULL)
		return (refuse(m, "target of a hard link is missing"));
	if (is_dir(to))
		return (refuse(m, "hard link to a directory"));
	if ((dir = walk_to(m, e->path, 1, &base)) == NULL)
		return (-1);
	if ((n = model_child(m, dir, base)) == NULL &&
	    (n = node_new(m, dir, base)) == NULL)
		return (refuse(m, "out of memory"));
	touch(m, n);
	if (n->inode == to->inode)
		return (0);
	remove_all(m, n);
	set(m, n, to->inode);
	return (0);
}

/* A file, directory, link or pipe; the entry is the inode's from here on. */
static int
make(struct model *m, struct tar_entry *e, struct minode **inode)
{
	struct mnode	*dir, *n;
	const char	*base;

	if ((dir = walk_to(m, e->path, 1, &base)) == NULL)
		return (-1);
	n = e->path[0] == '\0' ? m->root : model_child(m, dir, base);
	if (n == NULL && (n = node_new(m, dir, base)) == NULL)
		return (refuse(m, "out of memory"));
	m->root_named |= n == m->root;
	if (n->inode != NULL && !is_dir(n))
		n->opaque = m->layer;
	if (!(is_dir(n) && e->type == TAR_DIR))
		remove_all(m, n);
	if ((*inode = inode_new(m, e)) == NULL)
		return (refuse(m, "out of memory"));
	set(m, n, *inode);
	/* the path says it all; there may be millions */
	free(e->name);
	free(e->rawlink);
	e->name = e->rawlink = NULL;
	return (0);
}

int
model_apply(struct model *m, struct tar_entry *e, struct minode **inode)
{
	int	 kind = whiteout_kind(e->path), r = 0;

	*inode = NULL;
	if (kind == 0 && e->type != TAR_LINK && e->type != TAR_CHAR &&
	    e->type != TAR_BLOCK) {
		if ((r = make(m, e, inode)) == -1 && *inode == NULL)
			tar_entry_free(e);
		return (r);
	}
	if (kind == 1)
		r = whiteout(m, e);
	else if (kind == 0 && e->type == TAR_LINK)
		r = make_link(m, e);
	tar_entry_free(e);
	return (r);
}

char *
model_path(const struct mnode *n)
{
	const struct mnode	*p;
	size_t			 len = 1, l;
	char			*s, *at;

	for (p = n; p->parent != NULL; p = p->parent)
		len += strlen(p->name) + 1;
	if ((s = malloc(len + 1)) == NULL)
		return (NULL);
	at = s + len;
	*--at = '\0';
	for (p = n; p->parent != NULL; p = p->parent) {
		l = strlen(p->name);
		at -= l;
		memcpy(at, p->name, l);
		if (p->parent->parent != NULL)
			*--at = '/';
	}
	memmove(s, at, strlen(at) + 1);
	return (s);
}
