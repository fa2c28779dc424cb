/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Where fuzz targets that write files run: id 0 of a user namespace that
 * means nothing to the host, on a tmpfs that ends with the process.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "fuzz.h"

#define BASE	0x7fff0000U	/* ids of nobody */
#define COUNT	65536U

static int
put(pid_t pid, const char *name, const char *text)
{
	char	 path[64];
	ssize_t	 n;
	int	 fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1)
		return (-1);
	n = write(fd, text, strlen(text));
	close(fd);
	return (n == -1 ? -1 : 0);
}

/* Root gives a range away, anybody else only itself. */
static int
put_maps(pid_t pid)
{
	char	 uids[64], gids[64];

	if (geteuid() == 0) {
		snprintf(uids, sizeof(uids), "0 %u %u\n", BASE, COUNT);
		return (put(pid, "uid_map", uids) == -1 ||
		    put(pid, "gid_map", uids) == -1 ? -1 : 0);
	}
	snprintf(uids, sizeof(uids), "0 %u 1\n", geteuid());
	snprintf(gids, sizeof(gids), "0 %u 1\n", getegid());
	return (put(pid, "setgroups", "deny") == -1 ||
	    put(pid, "uid_map", uids) == -1 ||
	    put(pid, "gid_map", gids) == -1 ? -1 : 0);
}

/* A child that stays outside writes our maps when we are in. */
static void
enter_user(void)
{
	pid_t	 pid, self = getpid();
	int	 fds[2], status;
	char	 c;

	if (pipe(fds) == -1 || (pid = fork()) == -1)
		err(1, "cage");
	if (pid == 0) {
		close(fds[1]);
		_exit(read(fds[0], &c, 1) == 1 && put_maps(self) == 0 ? 0 :
		    1);
	}
	close(fds[0]);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == -1) {
		printf("skip: no user namespace of our own\n");
		exit(0);
	}
	if (write(fds[1], "x", 1) != 1 || waitpid(pid, &status, 0) == -1 ||
	    status != 0)
		errx(1, "cage: id maps");
	close(fds[1]);
	if (setresgid(0, 0, 0) == -1 || setresuid(0, 0, 0) == -1)
		err(1, "cage: ids");
}

int
cage_enter(void)
{
	int	 fd;

	enter_user();
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("fuzz", "/mnt", "tmpfs", MS_NOSUID | MS_NODEV,
	    "size=64m,mode=755") == -1)
		err(1, "cage: tmpfs");
	umask(0);
	if ((fd = open("/mnt", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		err(1, "cage");
	return (fd);
}

void
cage_empty(int dirfd)
{
	struct dirent	*e;
	DIR		*d;
	int		 fd;

	MUST((fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) !=
	    -1);
	MUST((d = fdopendir(fd)) != NULL);
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 ||
		    unlinkat(dirfd, e->d_name, 0) == 0)
			continue;
		fd = openat(dirfd, e->d_name, O_RDONLY | O_DIRECTORY |
		    O_NOFOLLOW | O_CLOEXEC);
		MUST(fd != -1);
		cage_empty(fd);
		close(fd);
		MUST(unlinkat(dirfd, e->d_name, AT_REMOVEDIR) == 0);
	}
	closedir(d);
}
