/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The store on disk: plain files, one writer an object, temp name and
 * rename.  Our root is the store, so every path is relative; a path
 * is made of our own words, digests and hex only.
 */
#include <sys/file.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "../file.h"
#include "engine.h"

#define SEALS	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int	 lockfd = -1;

/*
 * Whoever is alone may clear away what a dead engine left; then everybody
 * shares the lock.
 */
int
store_open(void)
{
	lockfd = open("lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lockfd != -1 && flock(lockfd, LOCK_EX | LOCK_NB) == 0)
		trash_sweep();
	if (lockfd != -1 && flock(lockfd, LOCK_SH) == 0)
		return (0);
	snprintf(env.failed, sizeof(env.failed), "store: lock: %s",
	    strerror(errno));
	return (-1);
}

void
store_temp(char *buf, size_t size, const char *prefix)
{
	uint64_t	 r;

	while (getrandom(&r, sizeof(r), 0) != sizeof(r))
		continue;
	snprintf(buf, size, "%s%016llx", prefix, (unsigned long long)r);
}

void
store_uuid(char uuid[UUID_SIZE])
{
	unsigned char	 r[16];

	while (getrandom(r, sizeof(r), 0) != sizeof(r))
		continue;
	r[6] = (unsigned char)((r[6] & 0x0f) | 0x40);	/* RFC 9562 5.4 */
	r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
	snprintf(uuid, UUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-"
	    "%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1], r[2], r[3], r[4],
	    r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14],
	    r[15]);
}

int
store_mkdir_mapped(const char *path, mode_t mode)
{
	if (mkdir(path, mode) == -1)
		return (-1);
	return (lchown(path, env.conf.idbase, env.conf.idbase));
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
	if (finish(fd, temp, file_write(fd, data, len)) == -1)
		return (-1);
	if (rename(temp, path) == -1)
		return (finish(open("/dev/null", O_RDONLY | O_CLOEXEC), temp,
		    -1));
	return (0);
}

int
store_size(const char *dir, uint64_t bytes)
{
	char	 path[STORE_NAME_SIZE + 16];
	int	 fd, r;

	snprintf(path, sizeof(path), "%s/size", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0644);
	if (fd == -1)
		return (-1);
	r = dprintf(fd, "%llu\n", (unsigned long long)bytes) < 0 ? -1 : 0;
	return (finish(fd, path, r));
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
