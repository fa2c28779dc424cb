/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What is to be removed is renamed into trash/ at once and emptied by a
 * confined helper: the engine never walks a hostile tree.  One helper at a
 * time.
 */
#include <sys/file.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "../../common/valid.h"
#include "engine.h"

static struct child	*helper;
static char		 current[STORE_NAME_SIZE];	/* being emptied */
static int		 currentfd = -1;		/* its lock */

static void
trash_done(void *arg, const char *why, int status)
{
	(void)arg;
	helper = NULL;
	close(currentfd);
	currentfd = -1;
	if (why != NULL || status != 0) {
		log_warnx("%s: %s", current,
		    child_fate("berth-unpack", why, status));
		return;		/* left for the next engine */
	}
	if (rmdir(current) == -1 && errno != ENOENT)
		log_warn("%s: rmdir", current);
	else
		trash_run();
}

/*
 * 1: a helper works on it; 0: it is gone, or another engine's to empty;
 * -1: leave it all.
 */
static int
trash_empty(const char *name)
{
	struct birth	 b;

	snprintf(current, sizeof(current), "trash/%.80s", name);
	if (rmdir(current) == 0 || errno == ENOENT)
		return (0);	/* empty: no helper is needed */
	currentfd = open(current, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
	    O_NOFOLLOW);
	if (currentfd == -1 || flock(currentfd, LOCK_EX | LOCK_NB) == -1) {
		if (currentfd != -1)
			close(currentfd);
		currentfd = -1;
		return (0);
	}
	child_birth(&b, SPAWN_UNPACK);
	b.flags = SPAWN_IDLE;	/* nobody waits for it */
	b.nfds = 2;
	b.fds[1].fd = -1;
	b.fds[1].path = current;
	if ((helper = child_start(&b, PEER_UNPACK, dispatch_stack,
	    trash_done, NULL)) == NULL) {
		log_warn("berth-unpack");
		close(currentfd);
		currentfd = -1;
		return (-1);
	}
	child_send(helper, MSG_UNPACK_EMPTY, 0, NULL, -1);
	return (1);
}

/* A private broker answers first and tidies up when nobody waits. */
void
trash_run(void)
{
	struct dirent	*d;
	DIR		*dir;
	int		 r = 0;

	if (helper != NULL || !env.serving ||
	    (env.private && client_count() > 0) ||
	    (dir = opendir("trash")) == NULL)
		return;
	while (r == 0 && (d = readdir(dir)) != NULL)
		/* as trash_put() names it, and the broker takes it */
		if (d->d_name[strspn(d->d_name, "0123456789abcdef")] == '\0')
			r = trash_empty(d->d_name);
	closedir(dir);
}

int
trash_put(const char *path)
{
	char	 to[STORE_NAME_SIZE];

	store_temp(to, sizeof(to), "trash/");
	if (rename(path, to) == -1)
		return (-1);
	trash_run();
	return (0);
}

/*
 * tmp/ of an engine that is gone: blobs are files, stages are trees, an
 * unfinished image is a directory of our own files.
 */
static void
sweep_tmp(void)
{
	char		 path[512];
	struct dirent	*d;
	DIR		*dir;

	if ((dir = opendir("tmp")) == NULL)
		return;
	while ((d = readdir(dir)) != NULL) {
		if (*d->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "tmp/%s", d->d_name);
		if (d->d_type == DT_DIR) {
			/* an unfinished image's files are our own, but
			 * who owns the directory may unlink them */
			if (lchown(path, env.conf.idbase,
			    env.conf.idbase) == -1 || trash_put(path) == -1)
				log_warn("%s: to trash", path);
		} else
			(void)unlink(path);
	}
	closedir(dir);
}

/* A pod whose lock is free has lost its supervisor. */
static void
sweep_pods(void)
{
	char		 path[512], part[600];
	struct dirent	*d;
	DIR		*dir;
	int		 fd;

	if ((dir = opendir("pods")) == NULL)
		return;
	while ((d = readdir(dir)) != NULL) {
		if (!valid_uuid(d->d_name))
			continue;
		snprintf(path, sizeof(path), "pods/%s", d->d_name);
		if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
		    O_NOFOLLOW)) == -1)
			continue;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			snprintf(part, sizeof(part), "%s/upper", path);
			(void)trash_put(part);
			snprintf(part, sizeof(part), "%s/work", path);
			(void)trash_put(part);
			snprintf(part, sizeof(part), "%s/status", path);
			(void)unlink(part);
			(void)rmdir(path);
			broker_sweep(d->d_name);
		}
		close(fd);
	}
	closedir(dir);
}

void
trash_sweep(void)
{
	sweep_tmp();
	sweep_pods();
	durable_sweep();
}
