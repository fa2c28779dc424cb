/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Applies the entries of one layer to a directory (in berth-unpack), by
 * descriptors only, never through a link that leads out.
 *
 * Raw: the directory becomes the layer's fs/, to be stacked by overlayfs;
 * whiteouts become 0:0 nodes and opaque directories.  With LAYER_BOTTOM
 * nothing lies beneath, so whiteouts hide nothing.  With LAYER_MERGED the
 * directory is the view of all layers beneath, and is changed as a plain
 * directory would be.
 */
#ifndef UNPACK_APPLY_H
#define UNPACK_APPLY_H

#include <sys/stat.h>

#include <stdint.h>

#include "skeleton.h"
#include "table.h"
#include "tarwalk.h"
#include "unpack.h"

enum applied {
	APPLY_OK,
	APPLY_FAIL,		/* refused or failed: the why says it */
	APPLY_LOWER		/* cannot be done without what lies beneath */
};

#define DIRS_CACHED	16

struct dir {				/* an open parent directory */
	uint64_t	 key;		/* hash of name */
	char		*name;		/* as entries spell it */
	char		*path;		/* the same without any link in it */
	int		 fd;		/* -1: slot unused */
	int		 inherit;	/* new names get its group or ACL */
	uint64_t	 used;
};

struct dirtime {			/* what a directory gets at the end */
	char		*path;
	struct timespec	 mtime;
	unsigned char	*acl;		/* default ACL, or NULL */
	size_t		 acllen;
	int		 restore;	/* only if changed meanwhile */
};

struct names {				/* of a directory */
	char		**v;
	size_t		 n;
};

struct apply {
	int		 root;
	unsigned int	 flags;		/* LAYER_* */
	int		 named_root;
	int		 skipped;	/* something only others need */
	struct skelw	*skel;
	struct why	*why;
	struct dir	 dirs[DIRS_CACHED];
	struct dir	*last;
	uint64_t	 clock;
	struct dirtime	*times;
	size_t		 ntimes, timessize;
	struct table	 timeof;	/* path -> index of times */
	struct table	 touched;	/* merged: paths of this layer */
	struct table	 bodies;	/* inode -> index of SKEL_FILE */
	struct group	*groups;	/* applylink.c */
	size_t		 ngroups;
	int		 grouped;
	/* The regular file that is being written. */
	struct {
		int		 fd;
		uint64_t	 written;
		char		*path;
		int		 inherit;
	}		 file;
	uint64_t	 bytes;		/* of regular files */
};

#define XATTR_OPAQUE	"user.overlay.opaque"
#define XATTR_ORIGIN	"user.overlay.origin"
/* On fs/ itself: an entry of this layer names the root directory. */
#define XATTR_ROOT	LAYER_ROOT_XATTR

/* apply.c */
/* root and skel are kept, not owned; 0, or -1 with errno. */
int		 apply_init(struct apply *, int root, unsigned int flags,
		    struct skelw *, struct why *);
void		 apply_free(struct apply *);
/*
 * One entry.  A regular file stays open: its contents follow with
 * apply_data(), then apply_close().  file.fd is -1 afterwards when its
 * contents are not wanted (a whiteout).
 */
enum applied	 apply_entry(struct apply *, const struct tar_entry *);
enum applied	 apply_data(struct apply *, const struct tar_entry *,
		    const void *, size_t len, uint64_t off);
/* sum: skeleton_sum() of a plain body. */
enum applied	 apply_close(struct apply *, const struct tar_entry *,
		    uint32_t sum);
/* Directory times and what else waits for the end. */
enum applied	 apply_finish(struct apply *);
/* Sets why to "path: what: strerror(error)"; error 0 is left out. */
enum applied	 apply_fail(struct apply *, const char *path,
		    const char *what, int error);

/* applydir.c */
/*
 * The directory called name (not of a last component: of parents), made if
 * missing and the flags allow it, else APPLY_LOWER; *dir is the cache's.
 */
enum applied	 dir_open(struct apply *, const char *name, int make,
		    struct dir **dir);
void		 dir_forget(struct apply *);
/* A directory just made or changed joins the cache; takes fd. */
enum applied	 dir_remember(struct apply *, const char *name,
		    const char *path, int fd, struct dir **dir);
/* dir/base, malloced; NULL when out of memory. */
char		*dir_path(const char *dir, const char *base);
/* What it shall have at the end. */
enum applied	 dir_settime(struct apply *, const char *path,
		    const struct tar_entry *);
/* What it has now, unless that is known: it is about to be changed. */
enum applied	 dir_keeptime(struct apply *, const char *path, int fd);
enum applied	 dir_finish(struct apply *);
/* This layer made path; so its parents stay as well. */
enum applied	 dir_touch(struct apply *, const char *path);
int		 dir_touched(const struct apply *, const char *path);

/* applymeta.c */
/* NULL, or why this attribute cannot be kept; *skip: left out by rule. */
const char	*xattr_rule(const char *name, int *skip);
enum applied	 meta_set(struct apply *, const struct tar_entry *, int fd,
		    int inherit);
/* A directory that exists gets the entry's attributes and no others. */
enum applied	 meta_renew(struct apply *, const struct tar_entry *, int fd);
/* What has no descriptor: symbolic links and pipes. */
enum applied	 meta_set_at(struct apply *, const struct tar_entry *,
		    struct dir *, const char *base);

/* applyrm.c */
/* Makes room for e under this name. *hid: something was there. */
enum applied	 rm_replace(struct apply *, const struct tar_entry *,
		    struct dir *, const char *base, int *hid);
enum applied	 rm_whiteout(struct apply *, const struct tar_entry *,
		    const char *parent, const char *base);
int		 is_whiteout(const struct stat *);
/* The names in a directory, malloced together; 0, or -1 with errno. */
int		 names_read(int dirfd, struct names *);
void		 names_free(struct names *);

/* applylink.c */
enum applied	 link_make(struct apply *, const struct tar_entry *,
		    struct dir *, const char *base);
void		 link_free(struct apply *);

#endif
