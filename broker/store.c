/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The store's directory, before it is the engine's: made, judged, given away
 * and claimed.  What lies in it is the engine's business.
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../common/log.h"
#include "broker.h"

#define DEPTH	3	/* images/<id>/aci, and nothing of ours lies deeper */

static int
store_refuse(const char *path, const char *what, int error)
{
	snprintf(env.failed, sizeof(env.failed), "store %.200s: %s%s%s", path,
	    what, error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
	return (-1);
}

/*
 * What is root's becomes the engine's; what is the containers' stays so.  A
 * directory comes behind what is in it: who is cut short begins anew.
 */
static int
take(int fd, uid_t owner, int depth)
{
	struct dirent	*d;
	struct stat	 st;
	DIR		*dir;
	int		 sub, r = 0;

	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		return (-1);
	}
	while (r == 0 && (errno = 0, d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 ||
		    strcmp(d->d_name, "..") == 0)
			continue;
		if (fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
			/* another berthd was faster, and its engine works */
			r = errno == ENOENT ? 0 : -1;
			continue;
		}
		if (st.st_uid != 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < DEPTH) {
			sub = openat(fd, d->d_name, O_RDONLY | O_DIRECTORY |
			    O_NOFOLLOW | O_CLOEXEC);
			r = sub == -1 ? -1 : take(sub, owner, depth + 1);
		}
		if (r == 0)
			r = fchownat(fd, d->d_name, owner, owner,
			    AT_SYMLINK_NOFOLLOW);
	}
	if (r == 0 && errno != 0)
		r = -1;
	sub = errno;
	closedir(dir);
	errno = sub;
	return (r);
}

/*
 * A store is root's when it is new, or was made by an older berth.  The
 * directory itself changes hands last: who is cut short begins anew.
 */
static int
give_away(void)
{
	const uid_t	 owner = env.conf->idbase + WORKERID_ENGINE;
	int		 fd;

	if ((fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1 ||
	    take(fd, owner, 1) == -1)
		return (-1);
	/* a control group's it may be already */
	return (lchown(".", owner, env.conf->group != NULL ? (gid_t)-1 :
	    owner));
}

/* The ids that a store's files have, or 0 when nothing says so. */
static int
ids_read(char *buf, size_t size)
{
	ssize_t	 n;
	int	 fd, saved_errno;

	if ((fd = open("ids", O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
	    O_NONBLOCK)) == -1)
		return (errno == ENOENT ? 0 : -1);
	n = read(fd, buf, size - 1);
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	buf[n > 0 ? n : 0] = '\0';
	return ((int)n);
}

static int
ids_write(const char *text)
{
	int	 fd, r;

	/* empty until it is written, which counts as not there */
	if ((fd = open("ids", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
	    O_NONBLOCK, 0644)) == -1)
		return (-1);
	r = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
	if (close(fd) == -1)
		r = -1;
	return (r);
}

/*
 * The container range of a store is for ever: its files belong to it.
 * ours: where nothing says so, it is written.
 */
static int
store_ids(const char *path, int ours)
{
	char	 want[64], have[64];
	int	 n;

	snprintf(want, sizeof(want), "%u %u\n", env.conf->idbase,
	    env.conf->idcount);
	/* empty: the machine went down before it was on the disk */
	if ((n = ids_read(have, sizeof(have))) == 0)
		n = ours ? ids_write(want) : 0;
	else if (n > 0 && strcmp(have, want) != 0)
		return (store_refuse(path,
		    "its files belong to another id range (file ids)", 0));
	return (n == -1 ? store_refuse(path, "ids", errno) : 0);
}

/*
 * A directory of root's that is neither empty nor a store was named by
 * mistake: all that is in it would become the engine's.  The file ids is the
 * first that a store gets, from another berthd at this moment maybe: so it is
 * looked for last.
 */
static int
store_strange(void)
{
	struct dirent	*e;
	DIR		*d;
	int		 strange = 0;

	if ((d = opendir(".")) == NULL)
		return (1);
	while (!strange && (e = readdir(d)) != NULL)
		strange = strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0 &&
		    strcmp(e->d_name, "lost+found") != 0;
	closedir(d);
	return (strange && faccessat(AT_FDCWD, "ids", F_OK,
	    AT_SYMLINK_NOFOLLOW) == -1);
}

/* Nobody's but its owner's; a control group may pass to the socket. */
static int
store_mode(const struct stat *st)
{
	const mode_t	 mode = env.conf->group != NULL ? 0710 : 0700;

	/* who knows of no configuration lets a daemon's group in as it is */
	if (env.private && (st->st_mode & 0777) == 0710)
		return (0);
	if (mode == 0710 && chown(".", (uid_t)-1, env.conf->gid) == -1)
		return (-1);
	return ((st->st_mode & 0777) == mode ? 0 : chmod(".", mode));
}

int
store_open(const char *path)
{
	static const char *const dirs[] = { "layers", "images", "refs",
	    "pods", "tmp", "trash", "audit", "log" };
	struct stat	 st;
	size_t		 i;
	int		 ours;

	if (mkdir(path, 0700) == -1 && errno != EEXIST)
		return (store_refuse(path, "cannot be made", errno));
	if (chdir(path) == -1)
		return (store_refuse(path, "cannot be entered", errno));
	if (stat(".", &st) == -1)
		return (store_refuse(path, "stat", errno));
	/* what others could write, they may have written already */
	if ((st.st_mode & 022) != 0)
		return (store_refuse(path, "others can write to it (mode must "
		    "be 0700)", 0));
	ours = st.st_uid == geteuid() ||
	    st.st_uid == env.conf->idbase + WORKERID_ENGINE;
	if (st.st_uid == geteuid() && store_strange())
		return (store_refuse(path, "is not empty, and no store", 0));
	if (store_ids(path, ours) == -1)
		return (-1);
	if (!ours) {
		snprintf(env.failed, sizeof(env.failed), "store %.200s: "
		    "belongs to user %u, not to user %u", path, st.st_uid,
		    geteuid());
		return (-1);
	}
	if (store_mode(&st) == -1)
		return (store_refuse(path, "mode or group cannot be set",
		    errno));
	if (st.st_uid == geteuid()) {
		for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
			if (mkdir(dirs[i], 0700) == -1 && errno != EEXIST)
				return (store_refuse(path, dirs[i], errno));
		if (give_away() == -1)
			return (store_refuse(path, "cannot be given to the "
			    "engine", errno));
	}
	if (access("tmp", W_OK) == -1)
		return (store_refuse(path, "cannot be written", errno));
	return (0);
}

/*
 * A helper that a daemon was about to start when it was killed holds all
 * that the daemon held, for the moment until it runs and sees that.
 */
void
store_claim(void)
{
	const struct timespec	 moment = { 0, 20000000 };
	int			 fd, n;

	fd = open("daemon", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		fatal("store %s: daemon", env.conf->store);
	for (n = 2000 / 20; flock(fd, LOCK_EX | LOCK_NB) == -1; n--) {
		if (errno != EWOULDBLOCK)
			fatal("store %s: daemon", env.conf->store);
		if (n == 0)
			fatalx("store %s: another berthd serves it",
			    env.conf->store);
		(void)nanosleep(&moment, NULL);
	}
}
