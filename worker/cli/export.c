/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* berth image export: a place for berth-unpack to write, whole or not at all. */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "cli.h"

struct dest {
	const char	*path;
	int		 fd;
	int		 named;		/* the file has a name already */
};

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

static int
dest_directory(struct dest *d)
{
	if (mkdir(d->path, 0777) == -1)
		return (-1);
	d->named = 1;
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->fd == -1)
		rmdir(d->path);
	return (d->fd == -1 ? -1 : 0);
}

/* Removes what was begun: a file, or a directory of our own making. */
static void
dest_undo(void *arg)
{
	struct dest	*d = arg;
	struct dirent	*de;
	struct stat	 st;
	DIR		*dir;

	if (!d->named || fstat(d->fd, &st) == -1)
		return;
	d->named = 0;
	if (!S_ISDIR(st.st_mode)) {
		unlink(d->path);
		return;
	}
	/* plain files only are ever written there: no walk */
	if ((dir = fdopendir(dup(d->fd))) == NULL)
		return;
	rewinddir(dir);
	while ((de = readdir(dir)) != NULL)
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0)
			unlinkat(d->fd, de->d_name, 0);
	closedir(dir);
	rmdir(d->path);
}

/* Gives a finished file its name. */
static int
dest_commit(struct dest *d)
{
	char	 path[32];

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
	if ((m->form == EXPORT_OCI ? dest_file(d) : dest_directory(d)) == -1) {
		log_warn("%s", enc);
		session_close(&s);
		return (1);
	}
	s.undo = dest_undo;
	s.undo_arg = d;
	if (session_call(&s, MSG_IMAGE_EXPORT, m, d->fd) == 0) {
		if (dest_commit(d) == -1)
			log_warn("%s", enc);
		else
			status = 0;
	}
	close(d->fd);
	session_close(&s);
	return (status);
}

int
cmd_image_export(const struct options *o)
{
	struct msg_export	 m;
	struct dest		 d = { .path = o->operands.v[1], .fd = -1 };
	char			 enc[256];

	memset(&m, 0, sizeof(m));
	m.form = (uint32_t)o->form;
	if (name_parse(o->operands.v[0], m.name) == -1)
		return (1);
	log_encode(enc, sizeof(enc), d.path, strlen(d.path));
	return (export_to(o, &m, &d, enc));
}
