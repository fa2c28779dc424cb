/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What berth-init reads of the image and puts into it: its passwd and group,
 * its volumes, and copies of hosts, hostname and resolv.conf.
 */
#include <sys/stat.h>

#include <linux/openat2.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "init.h"

#define COPY_MAX	(64 * KIB)	/* of the host's hosts, resolv.conf */
#define HOSTS		"127.0.0.1\tlocalhost\n" \
			"::1\tlocalhost ip6-localhost ip6-loopback\n"

/* All of a file up to max bytes.  Returns the length, or -1. */
static ssize_t
read_all(int fd, char *buf, size_t max)
{
	size_t	 len = 0;
	ssize_t	 n;

	while (len < max) {
		if ((n = read(fd, buf + len, max - len)) == -1) {
			if (errno == EINTR)
				continue;
			return (-1);
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return ((ssize_t)len);
}

/*
 * A file of the image, bounded, regular: no pipe to hang on, no device.  One
 * that is missing has no lines.  text->data is the caller's to free.
 */
static int
load(struct init *in, const char *path, struct user_text *text)
{
	struct stat	 st;
	char		*buf;
	ssize_t		 n;
	int		 fd;

	text->data = NULL;
	text->len = 0;
	fd = mnt_open(in->root, path + 1, O_RDONLY | O_NONBLOCK | O_NOCTTY,
	    RESOLVE_NO_XDEV);
	if (fd == -1)
		return (errno == ENOENT || errno == ENOTDIR ? 0 :
		    failed(STATUS_BERTH, NULL, path, NULL));
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		close(fd);
		return (failed(STATUS_BERTH, NULL, path,
		    "is not a regular file"));
	}
	if (st.st_size > (off_t)PASSWD_MAX) {
		close(fd);
		return (failed(STATUS_BERTH, NULL, path,
		    "is larger than 1 MiB"));
	}
	if ((buf = malloc((size_t)st.st_size + 1)) == NULL ||
	    (n = read_all(fd, buf, (size_t)st.st_size)) == -1) {
		free(buf);
		close(fd);
		return (failed(STATUS_BERTH, NULL, path, NULL));
	}
	close(fd);
	text->data = buf;
	text->len = (size_t)n;
	return (0);
}

int
etc_user(struct init *in)
{
	struct user_text	 passwd, group = { NULL, 0 };
	enum user_error		 error;
	int			 rv = -1;

	if (load(in, "/etc/passwd", &passwd) == 0 &&
	    load(in, "/etc/group", &group) == 0) {
		error = user_resolve(&in->user, in->conf.user, in->conf.group,
		    &passwd, &group);
		if (error == USER_OK)
			rv = 0;
		else if (error >= USER_GROUP_SYNTAX && in->conf.group != NULL)
			failed(STATUS_BERTH, "group", in->conf.group,
			    user_strerror(error));
		else
			failed(STATUS_BERTH, "user", in->conf.user,
			    user_strerror(error));
	}
	free((char *)(uintptr_t)passwd.data);
	free((char *)(uintptr_t)group.data);
	return (rv);
}

/*
 * With a read-only root each volume is bound upon itself, as the copy does
 * not become read-only with the root.  All are opened before any is
 * attached: one may lie in another.
 */
int
etc_volumes(struct init *in)
{
	int	*fds, copy, rv = 0, readonly;
	size_t	 i, n = 0;

	if (in->conf.nvolumes == 0)
		return (0);
	readonly = (in->start.flags & RUN_READONLY) != 0;
	if ((fds = calloc(in->conf.nvolumes, sizeof(*fds))) == NULL)
		return (failed(STATUS_BERTH, NULL, "volumes", NULL));
	for (i = 0; rv == 0 && i < in->conf.nvolumes; i++) {
		fds[n] = mnt_mkdir(in->root, in->conf.volumes[i],
		    RESOLVE_NO_XDEV);
		if (fds[n] == -1)
			rv = failed(STATUS_BERTH, "volume",
			    in->conf.volumes[i], NULL);
		else if (readonly)
			n++;
		else
			close(fds[n]);
	}
	for (i = 0; i < n; i++) {
		copy = rv == 0 ? mnt_clone(fds[i], "") : -1;
		if (rv == 0 && (copy == -1 ||
		    mnt_move(copy, fds[i], "") == -1))
			rv = failed(STATUS_BERTH, "volume",
			    in->conf.volumes[i], NULL);
		if (copy != -1)
			close(copy);
		close(fds[i]);
	}
	free(fds);
	return (rv);
}

/* The image's file to cover, made if it can be; -1: it has no place. */
static int
place(struct init *in, const char *path)
{
	struct stat	 st;
	int		 fd;

	fd = mnt_open(in->root, path + 1, O_PATH, RESOLVE_NO_XDEV);
	if (fd == -1 && errno == ENOENT)
		fd = mnt_open(in->root, path + 1, O_WRONLY | O_CREAT |
		    O_NONBLOCK | O_NOCTTY, RESOLVE_NO_XDEV);
	if (fd != -1 && (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))) {
		close(fd);
		fd = -1;
	}
	return (fd);
}

/*
 * Covers path with a file of ours that holds text.  An image without a
 * place for it (no /etc, a link that leads nowhere) goes without.
 */
static int
cover(struct init *in, const char *path, const char *text, size_t len)
{
	const char	*name = strrchr(path, '/') + 1;
	int		 fd, copy = -1, at, rv = -1;

	if ((at = place(in, path)) == -1)
		return (0);
	fd = openat(in->base, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0644);
	if (fd != -1 && write(fd, text, len) == (ssize_t)len &&
	    (copy = mnt_clone(in->base, name)) != -1)
		rv = mnt_move(copy, at, "");
	if (rv == -1)
		failed(STATUS_BERTH, NULL, path, NULL);
	if (fd != -1)
		close(fd);
	if (copy != -1)
		close(copy);
	close(at);
	return (rv);
}

/* The host's own names, where its network is ours; "" if it has none. */
static size_t
host_hosts(char *buf, size_t size)
{
	ssize_t	 n = -1;
	int	 fd;

	if ((fd = open("/etc/hosts", O_RDONLY | O_CLOEXEC)) != -1) {
		n = read_all(fd, buf, size);
		close(fd);
	}
	return (n > 0 ? (size_t)n : 0);
}

static size_t
own_hosts(const struct init *in, char *buf)
{
	static const char	 own[] = "127.0.1.1\t";
	size_t			 len = sizeof(HOSTS) - 1;
	size_t			 n = strlen(in->start.hostname);

	memcpy(buf, HOSTS, len);
	if (n == 0)
		return (len);
	memcpy(buf + len, own, sizeof(own) - 1);
	len += sizeof(own) - 1;
	memcpy(buf + len, in->start.hostname, n);
	buf[len + n] = '\n';
	return (len + n + 1);
}

int
etc_attach(struct init *in)
{
	char	*buf;
	size_t	 len;
	ssize_t	 n = 0;
	int	 nethost = (in->start.flags & RUN_NETHOST) != 0, rv = -1;

	if ((buf = malloc(COPY_MAX)) == NULL)
		return (failed(STATUS_BERTH, NULL, "/etc/hosts", NULL));
	len = nethost ? host_hosts(buf, COPY_MAX) : 0;
	if (len == 0)
		len = own_hosts(in, buf);
	if (cover(in, "/etc/hosts", buf, len) == -1)
		goto out;
	len = strlen(in->start.hostname);
	memcpy(buf, in->start.hostname, len);
	buf[len++] = '\n';
	if (cover(in, "/etc/hostname", buf, len) == -1)
		goto out;
	/* no network, no server to ask */
	if (nethost && (n = read_all(INIT_FD_RESOLV, buf, COPY_MAX)) == -1) {
		failed(STATUS_BERTH, NULL, "the host's resolv.conf", NULL);
		goto out;
	}
	rv = cover(in, "/etc/resolv.conf", buf, (size_t)n);
 out:
	free(buf);
	return (rv);
}
