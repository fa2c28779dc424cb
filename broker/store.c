/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The store on disk: plain files, one writer an object, temp name and
 * rename.  The broker's cwd is the store, so every path is relative; a path
 * is made of our own words, digests and hex only.
 */
#include <sys/file.h>
#include <sys/random.h>
#include <sys/sendfile.h>
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

#define SEALS	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int	 lockfd = -1;

static int
store_refuse(const char *path, const char *what, int error)
{
	snprintf(env.failed, sizeof(env.failed), "store %.200s: %s%s%s", path,
	    what, error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
	return (-1);
}

/* The container range of a store is for ever: its files belong to it. */
static int
store_ids(const char *path)
{
	char	 want[64], have[64];
	ssize_t	 n;

	snprintf(want, sizeof(want), "%u %u\n", env.conf->idbase,
	    env.conf->idcount);
	n = store_read("ids", have, sizeof(have));
	/* empty: the machine went down before it was on the disk */
	if (n == 0 || (n == -1 && errno == ENOENT)) {
		if (store_write("ids", want, strlen(want)) == -1)
			return (store_refuse(path, "ids", errno));
		return (0);
	}
	if (n == -1)
		return (store_refuse(path, "ids", errno));
	if (strcmp(have, want) != 0)
		return (store_refuse(path,
		    "its files belong to another id range (file ids)", 0));
	return (0);
}

/*
 * Whoever is alone may clear away what a dead broker left; then everybody
 * shares the lock.
 */
static int
store_lock(const char *path)
{
	lockfd = open("lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lockfd == -1)
		return (store_refuse(path, "lock", errno));
	if (flock(lockfd, LOCK_EX | LOCK_NB) == 0)
		trash_sweep();
	if (flock(lockfd, LOCK_SH) == -1)
		return (store_refuse(path, "lock", errno));
	return (0);
}

int
store_open(const char *path)
{
	static const char *const dirs[] = { "layers", "images", "refs",
	    "pods", "tmp", "trash", "audit", "log" };
	struct stat	 st;
	size_t		 i;

	if (mkdir(path, 0700) == -1 && errno != EEXIST)
		return (store_refuse(path, "cannot be made", errno));
	if (chdir(path) == -1)
		return (store_refuse(path, "cannot be entered", errno));
	if (stat(".", &st) == -1)
		return (store_refuse(path, "stat", errno));
	if (st.st_uid != geteuid()) {
		snprintf(env.failed, sizeof(env.failed), "store %.200s: "
		    "belongs to user %u, not to user %u", path, st.st_uid,
		    geteuid());
		return (-1);
	}
	/* what others could write, they may have written already */
	if ((st.st_mode & 022) != 0)
		return (store_refuse(path, "others can write to it (mode must "
		    "be 0700)", 0));
	if ((st.st_mode & 077) != 0 && chmod(".", 0700) == -1)
		return (store_refuse(path, "mode must be 0700", errno));
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdir(dirs[i], 0700) == -1 && errno != EEXIST)
			return (store_refuse(path, dirs[i], errno));
	if (access("tmp", W_OK) == -1)
		return (store_refuse(path, "cannot be written", errno));
	if (store_ids(path) == -1)
		return (-1);
	return (store_lock(path));
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

void
store_temp(char *buf, size_t size, const char *prefix)
{
	uint64_t	 r;

	while (getrandom(&r, sizeof(r), 0) != sizeof(r))
		continue;
	snprintf(buf, size, "%s%016llx", prefix, (unsigned long long)r);
}

int
store_mkdir_mapped(const char *path, mode_t mode)
{
	if (mkdir(path, mode) == -1)
		return (-1);
	return (lchown(path, env.conf->idbase, env.conf->idbase));
}

static int
write_all(int fd, const void *data, size_t len)
{
	const char	*p = data;
	ssize_t		 n;

	while (len > 0) {
		if ((n = write(fd, p, len)) == -1) {
			if (errno == EINTR)
				continue;
			return (-1);
		}
		p += n;
		len -= (size_t)n;
	}
	return (0);
}

/* Closes; unlinks when r is -1; keeps errno. */
static int
finish(int fd, const char *path, int r)
{
	int	 saved_errno = errno;

	if (close(fd) == -1 && r == 0) {
		saved_errno = errno;
		r = -1;
	}
	if (r == -1)
		unlink(path);
	errno = saved_errno;
	return (r);
}

int
store_write(const char *path, const void *data, size_t len)
{
	char	 temp[STORE_NAME_SIZE];
	int	 fd;

	store_temp(temp, sizeof(temp), "tmp/file-");
	if ((fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) ==
	    -1)
		return (-1);
	if (finish(fd, temp, write_all(fd, data, len)) == -1)
		return (-1);
	if (rename(temp, path) == -1)
		return (finish(open("/dev/null", O_RDONLY | O_CLOEXEC), temp,
		    -1));
	return (0);
}

int
store_copy(const char *path, int from, uint64_t size)
{
	off_t	 off = 0;
	ssize_t	 n;
	int	 fd;

	if ((fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) ==
	    -1)
		return (-1);
	while ((uint64_t)off < size) {
		n = sendfile(fd, from, &off, size - (uint64_t)off);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = EIO;
			return (finish(fd, path, -1));
		}
	}
	return (finish(fd, path, 0));
}

ssize_t
store_read(const char *path, char *buf, size_t size)
{
	ssize_t	 n;
	int	 fd, saved_errno;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return (-1);
	n = read(fd, buf, size);
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	if (n == -1)
		return (-1);
	if ((size_t)n == size) {
		errno = EFBIG;
		return (-1);
	}
	buf[n] = '\0';
	return (n);
}

int
store_sealed(int fd, uint64_t min, uint64_t max)
{
	struct stat	 st;
	int		 seals;

	seals = fcntl(fd, F_GET_SEALS);
	return (seals != -1 && (seals & SEALS) == SEALS &&
	    fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0 &&
	    (uint64_t)st.st_size >= min && (uint64_t)st.st_size <= max);
}
