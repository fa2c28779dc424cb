/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The emptying job of berth-unpack: trash was written by images and apps,
 * so its tree may be of any depth and shape.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unpack.h"

#define DEPTH_KEPT	32	/* directories open at a time */

enum step { STEP_EMPTY, STEP_DOWN, STEP_FAIL };

/* One name: removed, or the directory to go down into. */
static enum step
remove_name(int fd, const char *name, int *down)
{
	if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
		return (STEP_EMPTY);
	if (errno != EISDIR && errno != EPERM)
		return (STEP_FAIL);
	if (unlinkat(fd, name, AT_REMOVEDIR) == 0)
		return (STEP_EMPTY);
	if (errno != ENOTEMPTY && errno != EEXIST)
		return (STEP_FAIL);
	*down = openat(fd, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return (*down == -1 ? STEP_FAIL : STEP_DOWN);
}

/* Removes what it can in fd, until a directory that is not empty. */
static enum step
remove_names(int fd, int *down)
{
	struct dirent	*de;
	enum step	 s = STEP_EMPTY;
	DIR		*d;
	int		 copy, saved_errno;

	copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (copy == -1)
		return (STEP_FAIL);
	if ((d = fdopendir(copy)) == NULL) {
		close(copy);
		return (STEP_FAIL);
	}
	while (s == STEP_EMPTY && (errno = 0, de = readdir(d)) != NULL)
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0)
			s = remove_name(fd, de->d_name, down);
	if (s == STEP_EMPTY && errno != 0)
		s = STEP_FAIL;
	saved_errno = errno;
	closedir(d);
	errno = saved_errno;
	return (s);
}

/*
 * Goes down by name and up by "..", with one descriptor open at a time: no
 * depth is too much, and nobody else is in here who could move things.
 */
static int
empty(int top)
{
	size_t	 depth = 0;
	int	 fd, next;

	if ((fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return (-1);
	for (;;) {
		switch (remove_names(fd, &next)) {
		case STEP_FAIL:
			close(fd);
			return (-1);
		case STEP_DOWN:
			depth++;
			break;
		case STEP_EMPTY:
			if (depth-- == 0) {
				close(fd);
				return (0);
			}
			next = openat(fd, "..",
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			if (next == -1) {
				close(fd);
				return (-1);
			}
			break;
		}
		close(fd);
		fd = next;
	}
}

/*
 * The usual tree: each directory is read once, and its name is at hand when
 * it has become empty.  Takes the directory fd.  What stays (what is deeper,
 * what the reading missed) is the other walk's, errors too.
 */
static void
empty_shallow(int fd, unsigned int depth)
{
	struct dirent	*de;
	DIR		*d;
	int		 next;

	if ((d = fdopendir(fd)) == NULL) {
		close(fd);
		return;
	}
	while ((de = readdir(d)) != NULL) {
		if (strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0)
			continue;
		if (de->d_type != DT_DIR) {
			(void)unlinkat(fd, de->d_name, 0);
			continue;
		}
		next = depth == DEPTH_KEPT ? -1 : openat(fd, de->d_name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next != -1)
			empty_shallow(next, depth + 1);
		(void)unlinkat(fd, de->d_name, AT_REMOVEDIR);
	}
	closedir(d);
}

int
empty_job(struct chan *c, struct msg *m)
{
	int	 fd;

	fd = openat(UNPACK_FD_TRASH, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd != -1)
		empty_shallow(fd, 1);
	if (empty(UNPACK_FD_TRASH) == -1)
		return (unpack_fail(c, m->hdr.id, "trash: %s",
		    strerror(errno)));
	return (0);
}
