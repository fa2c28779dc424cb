/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* berth image export: what berth-unpack writes, whole or not at all. */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../common/log.h"
#include "cli.h"

struct dest {
	const char	*path;
	int		 fd;		/* what berth-unpack gets */
	int		 top;		/* the directory around it, or -1 */
	int		 named;		/* undo() has something to remove */
};

#define INNER		".export"
#define UNDO_TRIES	50	/* of 10 ms */

/*
 * A file without a name, so that nothing half-made can be left; where the
 * file system has no such thing, one that undo() removes.
 */
static int
dest_file(struct dest *d)
{
	struct stat	 st;
	const char	*slash = strrchr(d->path, '/');
	char		 dir[PATH_MAX];
	int		 n;

	if (lstat(d->path, &st) == 0) {
		errno = EEXIST;
		return (-1);
	}
	n = slash == NULL ? snprintf(dir, sizeof(dir), ".") :
	    snprintf(dir, sizeof(dir), "%.*s", (int)(slash - d->path) + 1,
	    d->path);
	if (n < 0 || (size_t)n >= sizeof(dir)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	d->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
	if (d->fd == -1 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		d->fd = open(d->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW |
		    O_CLOEXEC, 0666);
		d->named = d->fd != -1;
	}
	return (d->fd == -1 ? -1 : 0);
}

/*
 * berth-unpack has none of our ids, so it can write only where everybody
 * can: in a directory inside one that nobody else can enter.
 */
static int
dest_directory(struct dest *d)
{
	if (mkdir(d->path, 0700) == -1)
		return (-1);
	d->named = 1;
	d->top = open(d->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	if (d->top == -1 || mkdirat(d->top, INNER, 0700) == -1)
		return (-1);
	d->fd = openat(d->top, INNER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	if (d->fd == -1)
		return (-1);
	return (fchmod(d->fd, 0777));
}

static mode_t
umask_get(void)
{
	mode_t	 mask = umask(077);

	umask(mask);
	return (mask);
}

/* One file that was written becomes ours and moves up.  0, or -1. */
static int
adopt(const struct dest *d, const char *name)
{
	struct stat	 st;
	int		 fd, status = -1;

	fd = openat(d->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	if (fd == -1)
		return (-1);
	if (fstat(fd, &st) == -1)
		goto out;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
		errno = EINVAL;
		goto out;
	}
	/* who asked a daemon without being root owns the directory alone */
	if (geteuid() == 0 && (fchown(fd, 0, getegid()) == -1 ||
	    fchmod(fd, 0666 & ~umask_get()) == -1))
		goto out;
	status = renameat2(d->fd, name, d->top, name, RENAME_NOREPLACE);
 out:
	close(fd);
	return (status);
}

/*
 * Calls f with each name in the directory.  No walk: plain files only are
 * ever written there.  0, or -1 when f failed.
 */
static int
each_name(const struct dest *d, int dirfd,
    int (*f)(const struct dest *, const char *))
{
	struct dirent	*de;
	DIR		*dir;
	int		 fd, status = 0;

	if ((fd = fcntl(dirfd, F_DUPFD_CLOEXEC, 3)) == -1)
		return (-1);
	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		return (-1);
	}
	rewinddir(dir);
	while (status == 0 && (de = readdir(dir)) != NULL)
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0)
			status = f(d, de->d_name);
	closedir(dir);
	return (status);
}

static int
remove_inner(const struct dest *d, const char *name)
{
	(void)unlinkat(d->fd, name, 0);
	return (0);
}

static int
remove_top(const struct dest *d, const char *name)
{
	(void)unlinkat(d->top, name, 0);
	return (0);
}

/*
 * Removes what was begun: a file, or a directory of our own making, in which
 * a berth-unpack that is about to be killed may still write.
 */
static void
dest_undo(void *arg)
{
	const struct timespec	 pause = { 0, 10 * 1000000L };
	struct dest		*d = arg;
	int			 i;

	if (!d->named)
		return;
	d->named = 0;
	if (d->top == -1) {
		unlink(d->path);
		rmdir(d->path);
		return;
	}
	for (i = 0; i < UNDO_TRIES; i++) {
		if (d->fd != -1)
			each_name(d, d->fd, remove_inner);
		if (unlinkat(d->top, INNER, AT_REMOVEDIR) == 0 ||
		    errno != ENOTEMPTY)
			break;
		nanosleep(&pause, NULL);
	}
	each_name(d, d->top, remove_top);
	rmdir(d->path);
}

/* Gives what is finished its place. */
static int
dest_commit(struct dest *d)
{
	char	 path[32];

	if (d->top != -1) {
		if (each_name(d, d->fd, adopt) == -1 ||
		    unlinkat(d->top, INNER, AT_REMOVEDIR) == -1)
			return (-1);
		return (fchmod(d->top, 0777 & ~umask_get()));
	}
	if (d->named)
		return (0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", d->fd);
	return (linkat(AT_FDCWD, path, AT_FDCWD, d->path, AT_SYMLINK_FOLLOW));
}

static int
export_to(const struct options *o, const struct msg_export *m, struct dest *d,
    const char *enc)
{
	struct session	 s;
	int		 status = 1;

	if (session_open(&s, o, 1) == -1)
		return (1);
	s.undo = dest_undo;
	s.undo_arg = d;
	if ((m->form == EXPORT_OCI ? dest_file(d) : dest_directory(d)) == -1) {
		log_warn("%s", enc);
		dest_undo(d);
	} else if (session_call(&s, MSG_IMAGE_EXPORT, m, d->fd) == 0) {
		if (dest_commit(d) == 0)
			status = 0;
		else {
			log_warn("%s", enc);
			dest_undo(d);
		}
	}
	session_close(&s);
	return (status);
}

int
cmd_image_export(const struct options *o)
{
	struct msg_export	 m;
	struct dest		 d = { .path = o->operands.v[1], .fd = -1,
				    .top = -1 };
	char			 enc[256];
	int			 status;

	memset(&m, 0, sizeof(m));
	m.form = (uint32_t)o->form;
	if (name_parse(o->operands.v[0], m.name) == -1)
		return (1);
	log_encode(enc, sizeof(enc), d.path, strlen(d.path));
	status = export_to(o, &m, &d, enc);
	if (d.fd != -1)
		close(d.fd);
	if (d.top != -1)
		close(d.top);
	return (status);
}
