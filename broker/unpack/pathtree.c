/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Which paths exist after a layer, for the pathWhitelist of layered export
 * in berth-unpack.  Follows the applier's rules on names alone: whiteouts
 * hide what lower layers have, parents are followed through symbolic links.
 * Pure.
 */
#include <bsd/sys/tree.h>

#include <stdlib.h>
#include <string.h>

#include "export.h"

#define LINKS_MAX	40	/* as the kernel */
#define DEPTH_MAX	1024	/* bounds our recursion */
#define NO_ENTRY	SIZE_MAX

RB_HEAD(children, pathnode);

struct pathnode {
	RB_ENTRY(pathnode) siblings;
	struct children	 children;
	struct pathnode	*parent;
	char		*target;	/* of a link */
	size_t		 entry;		/* that made it, in its layer */
	unsigned int	 layer;
	unsigned int	 linked;	/* the layer that links to it */
	unsigned int	 depth;
	enum tar_type	 type;
	char		*name;		/* behind the node */
};

struct pathtree {
	struct pathnode	*root;
	unsigned int	 layer;		/* from 1 */
	int		 hides;
	struct pathnode	**made;		/* by entry, of this layer */
	size_t		 nmade, size;
};

static int
by_name(const struct pathnode *a, const struct pathnode *b)
{
	return (strcmp(a->name, b->name));
}

RB_GENERATE_INTERNAL(children, pathnode, siblings, by_name,
    static __attribute__((unused)))

static struct pathnode *
node_new(struct pathtree *t, struct pathnode *parent, const char *name,
    size_t len)
{
	struct pathnode	*n;

	if ((n = calloc(1, sizeof(*n) + len + 1)) == NULL)
		return (NULL);
	n->name = (char *)(n + 1);
	memcpy(n->name, name, len);
	RB_INIT(&n->children);
	n->type = TAR_DIR;
	n->entry = NO_ENTRY;
	n->layer = t->layer;
	if ((n->parent = parent) != NULL) {
		n->depth = parent->depth + 1;
		RB_INSERT(children, &parent->children, n);
	}
	return (n);
}

/* The node is no longer what its entry made. */
static void
node_forget(struct pathtree *t, struct pathnode *n)
{
	if (n->layer == t->layer && n->entry != NO_ENTRY)
		t->made[n->entry] = NULL;
	n->entry = NO_ENTRY;
	free(n->target);
	n->target = NULL;
}

/* With all beneath it. */
static void
node_remove(struct pathtree *t, struct pathnode *n)
{
	struct pathnode	*child;

	while ((child = RB_ROOT(&n->children)) != NULL)
		node_remove(t, child);
	if (n->layer != t->layer)
		t->hides = 1;
	node_forget(t, n);
	if (n->parent != NULL)
		RB_REMOVE(children, &n->parent->children, n);
	free(n);
}

/* Takes away what lower layers have of it; the way to the rest stays. */
static void
node_prune(struct pathtree *t, struct pathnode *n)
{
	struct pathnode	*child, *next;

	for (child = RB_MIN(children, &n->children); child != NULL;
	    child = next) {
		next = RB_NEXT(children, &n->children, child);
		node_prune(t, child);
	}
	if (n->layer != t->layer && RB_EMPTY(&n->children))
		node_remove(t, n);
}

static struct pathnode *
node_find(struct pathnode *parent, const char *name, size_t len)
{
	struct pathnode	 key;
	char		 buf[PATH_NAME_MAXLEN + 1];

	if (len > PATH_NAME_MAXLEN)
		return (NULL);
	memcpy(buf, name, len);
	buf[len] = '\0';
	key.name = buf;
	return (RB_FIND(children, &parent->children, &key));
}

/* A look-up on its way. */
struct walk {
	int		 make;		/* directories that are missing */
	unsigned int	 links;		/* followed so far */
	enum path_error	 error;		/* PATHTREE_OK: there is no such */
};

/*
 * The directory that path (len bytes) leads to from n, or NULL with
 * w->error.
 */
static struct pathnode *
node_walk(struct pathtree *t, struct pathnode *n, const char *path,
    size_t len, struct walk *w)
{
	struct pathnode	*child;
	const char	*end = path + len;
	size_t		 part;

	for (; path < end; path += part) {
		if (*path == '/') {
			part = 1;
			continue;
		}
		part = strcspn(path, "/");
		if (part > (size_t)(end - path))
			part = (size_t)(end - path);
		if (part == 1 && *path == '.')
			continue;
		if (part == 2 && memcmp(path, "..", 2) == 0) {
			n = n->parent != NULL ? n->parent : n;
			continue;
		}
		w->error = PATHTREE_DEEP;
		if (n->depth == DEPTH_MAX)
			return (NULL);
		child = node_find(n, path, part);
		w->error = w->make ? PATHTREE_MEMORY : PATHTREE_OK;
		if (child == NULL && (!w->make ||
		    (child = node_new(t, n, path, part)) == NULL))
			return (NULL);
		if (child->type == TAR_SYMLINK) {
			w->error = PATHTREE_DEEP;
			if (++w->links > LINKS_MAX)
				return (NULL);
			n = node_walk(t, *child->target == '/' ? t->root : n,
			    child->target, strlen(child->target), w);
			if (n == NULL)
				return (NULL);
			continue;
		}
		w->error = w->make ? PATHTREE_FILE : PATHTREE_OK;
		if (child->type != TAR_DIR)
			return (NULL);
		n = child;
	}
	return (n);
}

/* The parent of a path and its last name; NULL as node_walk(). */
static struct pathnode *
walk_parent(struct pathtree *t, const char *path, const char **base, int make,
    enum path_error *error)
{
	const char	*slash = strrchr(path, '/');
	struct pathnode	*n;
	struct walk	 w = { make, 0, PATHTREE_OK };

	*base = slash != NULL ? slash + 1 : path;
	n = node_walk(t, t->root, path, slash != NULL ?
	    (size_t)(slash - path) : 0, &w);
	*error = w.error;
	return (n);
}

/* Hides what lower layers have; where there is nothing, nothing is made. */
static enum path_error
whiteout(struct pathtree *t, const char *path)
{
	struct pathnode	*parent, *n, *next;
	const char	*base;
	enum path_error	 error;

	if ((parent = walk_parent(t, path, &base, 0, &error)) == NULL)
		return (error);
	if (strcmp(base, ".wh..wh..opq") == 0) {
		for (n = RB_MIN(children, &parent->children); n != NULL;
		    n = next) {
			next = RB_NEXT(children, &parent->children, n);
			node_prune(t, n);
		}
	} else if (strncmp(base, ".wh..wh.", 8) != 0) {
		n = node_find(parent, base + 4, strlen(base + 4));
		if (n != NULL)
			node_prune(t, n);
	}
	return (PATHTREE_OK);
}

/* What the applier leaves out: device nodes, and aufs's own directories. */
static int
ignored(const struct tar_entry *e)
{
	const char	*p;

	for (p = e->path; (p = strstr(p, ".wh..wh.")) != NULL; p++)
		if ((p == e->path || p[-1] == '/') && strchr(p, '/') != NULL)
			return (1);
	return (e->type == TAR_CHAR || e->type == TAR_BLOCK);
}

/* Where a hard link leads, by its real path; whoever replaces it is told. */
static enum path_error
set_link(struct pathtree *t, struct pathnode *n, const char *link)
{
	struct pathnode	*parent, *target;
	const char	*base;
	enum path_error	 error;

	parent = walk_parent(t, link, &base, 0, &error);
	if (parent == NULL && error != PATHTREE_OK)
		return (error);
	target = parent == NULL ? NULL : node_find(parent, base,
	    strlen(base));
	if (target == NULL || target == n)
		n->target = strdup(link);
	else {
		target->linked = t->layer;
		n->target = pathnode_path(target);
	}
	return (n->target == NULL ? PATHTREE_MEMORY : PATHTREE_OK);
}

/* The node for an entry, made new or over what had its name. */
static enum path_error
place(struct pathtree *t, struct pathnode *parent, const char *base,
    const struct tar_entry *e, size_t entry)
{
	struct pathnode	*n, *child;

	n = node_find(parent, base, strlen(base));
	if (n == NULL) {
		if (parent->depth == DEPTH_MAX)
			return (PATHTREE_DEEP);
		if ((n = node_new(t, parent, base, strlen(base))) == NULL)
			return (PATHTREE_MEMORY);
	} else {
		if (n->linked == t->layer && n->layer == t->layer)
			return (PATHTREE_LINKED);
		if (e->type != TAR_DIR)
			while ((child = RB_ROOT(&n->children)) != NULL)
				node_remove(t, child);
		node_forget(t, n);
	}
	n->layer = t->layer;
	n->type = e->type;
	n->linked = 0;
	n->entry = entry;
	t->made[entry] = n;
	if (e->type == TAR_LINK)
		return (set_link(t, n, e->link));
	if (e->type == TAR_SYMLINK && (n->target = strdup(e->link)) == NULL)
		return (PATHTREE_MEMORY);
	return (PATHTREE_OK);
}

enum path_error
pathtree_apply(struct pathtree *t, const struct tar_entry *e)
{
	struct pathnode	**made, *parent;
	const char	 *base;
	enum path_error	  error;
	size_t		  entry = t->nmade;

	if (t->nmade == t->size) {
		made = reallocarray(t->made, t->size * 2 + 64, sizeof(*made));
		if (made == NULL)
			return (PATHTREE_MEMORY);
		t->made = made;
		t->size = t->size * 2 + 64;
	}
	t->made[t->nmade++] = NULL;
	if (ignored(e))
		return (PATHTREE_OK);
	if (*e->path == '\0') {
		node_forget(t, t->root);
		t->root->layer = t->layer;
		t->root->entry = entry;
		t->made[entry] = t->root;
		return (PATHTREE_OK);
	}
	base = strrchr(e->path, '/');
	if (strncmp(base != NULL ? base + 1 : e->path, ".wh.", 4) == 0)
		return (whiteout(t, e->path));
	if ((parent = walk_parent(t, e->path, &base, 1, &error)) == NULL)
		return (error);
	return (place(t, parent, base, e, entry));
}

void
pathtree_layer(struct pathtree *t)
{
	t->layer++;
	t->nmade = 0;
}

struct pathtree *
pathtree_new(void)
{
	struct pathtree	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return (NULL);
	if ((t->root = node_new(t, NULL, "", 0)) == NULL) {
		free(t);
		return (NULL);
	}
	return (t);
}

void
pathtree_free(struct pathtree *t)
{
	if (t == NULL)
		return;
	node_remove(t, t->root);
	free(t->made);
	free(t);
}

const struct pathnode *
pathtree_made(const struct pathtree *t, size_t n)
{
	return (n < t->nmade ? t->made[n] : NULL);
}

int
pathtree_root_made(const struct pathtree *t)
{
	return (t->root->layer == t->layer && t->root->entry != NO_ENTRY);
}

int
pathtree_hides(const struct pathtree *t)
{
	return (t->hides);
}

const char *
pathnode_link(const struct pathnode *n)
{
	return (n->type == TAR_LINK ? n->target : NULL);
}

char *
pathnode_path(const struct pathnode *node)
{
	const struct pathnode	*n;
	size_t			 len, size = 1;
	char			*path, *p;

	for (n = node; n->parent != NULL; n = n->parent)
		size += strlen(n->name) + (n->parent->parent != NULL);
	if ((path = malloc(size)) == NULL)
		return (NULL);
	p = path + size - 1;
	*p = '\0';
	for (n = node; n->parent != NULL; n = n->parent) {
		len = strlen(n->name);
		p -= len;
		memcpy(p, n->name, len);
		if (n->parent->parent != NULL)
			*--p = '/';
	}
	return (path);
}

static int
each(const struct pathnode *n, int (*fn)(void *, const char *), void *arg)
{
	struct pathnode	*child;
	char		*path;
	int		 end = 0;

	RB_FOREACH(child, children, (struct children *)(uintptr_t)
	    &n->children) {
		if ((path = pathnode_path(child)) == NULL)
			return (-1);
		end = fn(arg, path);
		free(path);
		if (end == 0)
			end = each(child, fn, arg);
		if (end != 0)
			break;
	}
	return (end);
}

int
pathtree_each(const struct pathtree *t, int (*fn)(void *, const char *path),
    void *arg)
{
	return (each(t->root, fn, arg));
}
