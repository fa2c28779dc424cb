/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * An image as the ACI that its ID is the hash of, beside one ACI per layer,
 * in berth-unpack.  A layer's entries move below rootfs/; what it deletes
 * is left out of its pathWhitelist instead.
 */
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/openat2.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "export.h"

#define FILENAME_SIZE	(IMAGEID_SIZE + 8)

struct layered {
	struct export	*e;
	struct pathtree	*tree;
	int		 dir;
	char		 names[LAYERS_MAX + 1][FILENAME_SIZE];	/* made */
	size_t		 nnames;
	/* The layer at hand. */
	size_t		 layer;
	struct tarwalk	*walk;
	size_t		 entry;		/* of the next one */
	struct outfile	 out;
	uint64_t	 left;		/* of the body being written */
	size_t		 padding;	/* after it */
};

static int
refuse_path(struct layered *l, const char *path, const char *what)
{
	char	 show[512];

	return (why_refuse(&l->e->why, "layer %s: %s: %s",
	    l->e->config.diffids[l->layer],
	    log_encode(show, sizeof(show), path, strlen(path)), what));
}

/* Opens a new file of the destination; it is remembered for removal. */
static int
file_new(struct layered *l, const char *name)
{
	int	 fd;

	fd = openat(l->dir, name,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd == -1) {
		why_refuse(&l->e->why, "%s: %s", name, strerror(errno));
		return (-1);
	}
	snprintf(l->names[l->nnames++], FILENAME_SIZE, "%s", name);
	outfile_open(&l->out, fd);
	return (fd);
}

static int
file_end(struct layered *l, const char *name, int fd, int error)
{
	if (outfile_close(&l->out) == -1 && error == 0)
		error = why_refuse(&l->e->why, "%s: write: %s", name,
		    strerror(errno));
	close(fd);
	return (error);
}

static int
put_image(struct layered *l)
{
	char	 name[FILENAME_SIZE];
	int	 fd;

	snprintf(name, sizeof(name), "%s.aci", l->e->id);
	if ((fd = file_new(l, name)) == -1)
		return (-1);
	outfile_write(&l->out, l->e->aci.data, l->e->aci.len);
	return (file_end(l, name, fd, 0));
}

/* First pass: which paths there are. */
static int
on_name(void *arg, struct tar_entry *e)
{
	static const char *const	 rules[] = {
		[PATHTREE_OK] = NULL,
		[PATHTREE_MEMORY] = "out of memory",
		[PATHTREE_DEEP] = "too many links or directories on the way",
		[PATHTREE_FILE] = "its parent is no directory",
		[PATHTREE_LINKED] = "given again after a hard link to it, "
		    "which an ACI cannot hold"
	};
	struct layered	*l = arg;
	enum path_error	 error;

	if ((error = pathtree_apply(l->tree, e)) != PATHTREE_OK)
		refuse_path(l, e->path, rules[error]);
	tar_entry_free(e);
	return (error == PATHTREE_OK ? 0 : -1);
}

static int
on_raw(void *arg, const unsigned char *data, size_t len)
{
	(void)arg;
	(void)data;
	(void)len;
	return (0);
}

static int
on_piece(void *arg, const void *data, size_t len)
{
	struct layered	*l = arg;

	if (tarwalk_feed(l->walk, data, len) == 0)
		return (0);
	if (*tarwalk_why(l->walk) != '\0')
		why_refuse(&l->e->why, "layer %s: %s",
		    l->e->config.diffids[l->layer], tarwalk_why(l->walk));
	return (1);
}

static int
walk_layer(struct layered *l, const struct tarwalk_ops *ops)
{
	int	 error;

	l->entry = 0;
	if ((l->walk = tarwalk_new(ops, l)) == NULL)
		return (why_refuse(&l->e->why, "layer %s: %s",
		    l->e->config.diffids[l->layer], strerror(errno)));
	error = export_stream(l->e, l->layer, on_piece, l);
	tarwalk_free(l->walk);
	return (error);
}

/* A sparse file is plain in an ACI; its contents are those of fs/. */
static int
put_sparse(struct layered *l, const char *path, uint64_t size)
{
	struct open_how	 how;
	struct stat	 st;
	char		*name, buf[65536];
	ssize_t		 n = -1;
	int		 fd;

	if (asprintf(&name, "fs/%s", path) == -1)
		return (refuse_path(l, path, "out of memory"));
	memset(&how, 0, sizeof(how));
	how.flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
	fd = (int)syscall(SYS_openat2, l->e->layers[l->layer], name, &how,
	    sizeof(how));
	free(name);
	if (fd == -1)
		return (refuse_path(l, path, strerror(errno)));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (uint64_t)st.st_size == size)
		while ((n = read(fd, buf, sizeof(buf))) > 0 &&
		    (uint64_t)n <= size) {
			outfile_write(&l->out, buf, (size_t)n);
			size -= (uint64_t)n;
		}
	close(fd);
	if (n != 0 || size != 0)
		return (refuse_path(l, path, "is not the file it was"));
	outfile_zeros(&l->out, tarout_padding((uint64_t)st.st_size));
	return (0);
}

static char
type_flag(enum tar_type type)
{
	static const char	 flags[] = {
		[TAR_FILE] = '0', [TAR_LINK] = '1', [TAR_SYMLINK] = '2',
		[TAR_DIR] = '5', [TAR_FIFO] = '6'
	};

	return (flags[type]);
}

static int
put_entry(struct layered *l, const struct tar_entry *e, const char *path,
    const char *link)
{
	struct tarout	 t;
	struct blob	 head;
	char		*name, *target = NULL;
	int		 error = -1;

	if (asprintf(&name, "rootfs%s%s", *path != '\0' ? "/" : "", path) ==
	    -1)
		name = NULL;
	if (link != NULL && asprintf(&target, "rootfs/%s", link) == -1)
		target = NULL;
	memset(&t, 0, sizeof(t));
	t.type = type_flag(e->type);
	t.name = name;
	t.link = link != NULL ? target : e->type == TAR_SYMLINK ? e->link :
	    NULL;
	t.mode = e->mode;
	t.uid = e->uid;
	t.gid = e->gid;
	t.size = e->type == TAR_FILE ? e->size : 0;
	t.mtime = e->mtime;
	if (name != NULL && (link == NULL || target != NULL) &&
	    tarpaxout_headers(&t, e, &head) == 0) {
		outfile_write(&l->out, head.data, head.len);
		free(head.data);
		error = 0;
	} else
		refuse_path(l, path, "out of memory");
	free(name);
	free(target);
	return (error);
}

/* Second pass: what is left of this layer's entries. */
static int
on_entry(void *arg, struct tar_entry *e)
{
	struct layered		*l = arg;
	const struct pathnode	*n;
	char			*path = NULL;
	int			 error = 0;

	l->left = 0;
	if ((n = pathtree_made(l->tree, l->entry++)) != NULL) {
		if ((path = pathnode_path(n)) == NULL)
			error = refuse_path(l, e->path, "out of memory");
		else
			error = put_entry(l, e, path, pathnode_link(n));
		if (error == 0 && e->type == TAR_FILE && e->sparse)
			error = put_sparse(l, path, e->size);
		else if (e->type == TAR_FILE) {
			l->left = e->size;
			l->padding = tarout_padding(e->size);
		}
	}
	free(path);
	tar_entry_free(e);
	return (error);
}

/* left is 0 where the body belongs to an entry that is left out. */
static int
on_body(void *arg, const unsigned char *data, size_t len)
{
	struct layered	*l = arg;

	if (l->left == 0)
		return (0);
	outfile_write(&l->out, data, len);
	l->left -= len;
	if (l->left == 0)
		outfile_zeros(&l->out, l->padding);
	if (l->out.error == 0)
		return (0);
	return (why_refuse(&l->e->why, "export: write: %s",
	    strerror(l->out.error)));
}

/* RFC 3629, section 4. */
static int
is_utf8(const char *text)
{
	const unsigned char	*s = (const unsigned char *)text;
	uint32_t		 c;
	int			 i, n;

	for (; *s != '\0'; s++) {
		if (*s < 0x80)
			continue;
		n = *s >= 0xf0 ? 3 : *s >= 0xe0 ? 2 : 1;
		if (*s < 0xc2 || *s > 0xf4)
			return (0);
		c = *s & (0x3fU >> n);
		for (i = 0; i < n; i++) {
			if ((*++s & 0xc0) != 0x80)
				return (0);
			c = c << 6 | (*s & 0x3f);
		}
		if ((n == 2 && c < 0x800) || (n == 3 && c < 0x10000) ||
		    c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			return (0);
	}
	return (1);
}

static int
check_path(void *arg, const char *path)
{
	struct layered	*l = arg;

	if (is_utf8(path))
		return (0);
	refuse_path(l, path, "not UTF-8, as a pathWhitelist must be");
	return (1);
}

static int
list_path(void *arg, const char *path)
{
	struct jsonout	*o = arg;
	char		*absolute;

	if (asprintf(&absolute, "/%s", path) == -1)
		return (-1);
	jsonout_string(o, NULL, absolute);
	free(absolute);
	return (0);
}

/*
 * Without the list everything beneath stays, so it may be left out as long
 * as nothing was deleted: where names are not UTF-8 and JSON has no word
 * for them.
 */
static int
make_manifest(struct layered *l, const char *chain, const char *beneath,
    struct blob *manifest)
{
	struct jsonout	 o;
	int		 error;

	error = pathtree_each(l->tree, check_path, l);
	if (error == -1 || (error == 1 && pathtree_hides(l->tree)))
		return (-1);
	aci_layer_begin(&o, &l->e->config, chain,
	    l->e->config.diffids[l->layer], beneath);
	if (error == 0 && pathtree_each(l->tree, list_path, &o) == -1)
		o.error = 1;
	if (aci_layer_end(&o, manifest) == -1)
		return (why_refuse(&l->e->why, "layer %s: out of memory",
		    l->e->config.diffids[l->layer]));
	return (0);
}

/* The manifest and, unless the layer brings its own, the root directory. */
static void
put_manifest(struct layered *l, const struct blob *manifest)
{
	unsigned char	 block[TAROUT_BLOCK];
	struct tarout	 t;

	memset(&t, 0, sizeof(t));
	t.type = '0';
	t.name = "manifest";
	t.mode = 0644;
	t.size = manifest->len;
	tarout_header(block, &t);
	outfile_write(&l->out, block, sizeof(block));
	outfile_write(&l->out, manifest->data, manifest->len);
	outfile_zeros(&l->out, tarout_padding(manifest->len));
	if (pathtree_root_made(l->tree))
		return;
	t.type = '5';
	t.name = "rootfs";
	t.mode = 0755;
	t.size = 0;
	tarout_header(block, &t);
	outfile_write(&l->out, block, sizeof(block));
}

static int
put_layer(struct layered *l, const char *chain, const char *beneath)
{
	static const struct tarwalk_ops	 names = { on_raw, on_name, NULL };
	static const struct tarwalk_ops	 entries = {
		on_raw, on_entry, on_body
	};
	struct blob	 manifest;
	char		 name[FILENAME_SIZE];
	int		 fd, error;

	pathtree_layer(l->tree);
	if (walk_layer(l, &names) == -1 ||
	    make_manifest(l, chain, beneath, &manifest) == -1)
		return (-1);
	snprintf(name, sizeof(name), "sha256-%s.aci", chain + 7);
	if ((fd = file_new(l, name)) == -1) {
		free(manifest.data);
		return (-1);
	}
	put_manifest(l, &manifest);
	free(manifest.data);
	error = walk_layer(l, &entries);
	outfile_zeros(&l->out, 2 * TAROUT_BLOCK);
	return (file_end(l, name, fd, error));
}

int
export_layered(struct export *e, int dir)
{
	struct layered	 l;
	char		 chain[DIGEST_SIZE] = "", beneath[DIGEST_SIZE];
	int		 error;

	memset(&l, 0, sizeof(l));
	l.e = e;
	l.dir = dir;
	if ((l.tree = pathtree_new()) == NULL)
		return (why_refuse(&e->why, "export: out of memory"));
	error = put_image(&l);
	for (; error == 0 && l.layer < e->config.ndiffids; l.layer++) {
		memcpy(beneath, chain, sizeof(beneath));
		digest_chain(chain, e->config.diffids[l.layer], chain);
		error = put_layer(&l, chain, beneath);
	}
	pathtree_free(l.tree);
	while (error == -1 && l.nnames > 0)
		unlinkat(dir, l.names[--l.nnames], 0);
	return (error);
}
