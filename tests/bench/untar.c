/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The cheapest tar extraction that still gives right files: one creation
 * for each entry, straight from the stream.  It trusts the archive: a
 * yardstick for berth-unpack, never a replacement.
 */
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "untar.h"

#define BLOCK	512
#define NAME_SIZE 4096

struct dir {
	struct dir	*next;
	time_t		 mtime;
	char		 name[];
};

struct untar {
	int		 root, fd;	/* fd: the file that is written */
	unsigned char	 head[BLOCK];
	size_t		 nhead;
	uint64_t	 body, pad;
	char		 kind;		/* 'x', 'L', 'K': body is kept */
	char		*kept;
	size_t		 nkept;
	char		 path[NAME_SIZE], link[NAME_SIZE];
	int64_t		 size;		/* of a pax record, else -1 */
	time_t		 mtime, paxtime;
	struct dir	*dirs;
};

struct untar *
untar_new(int rootfd)
{
	struct untar	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		err(1, "untar");
	t->root = rootfd;
	t->fd = -1;
	t->size = -1;
	return (t);
}

static uint64_t
number(const unsigned char *p, size_t n)
{
	uint64_t	 v = 0;
	size_t		 i;

	if (p[0] & 0x80) {
		for (i = 1; i < n; i++)
			v = v << 8 | p[i];
		return (v);
	}
	for (i = 0; i < n && p[i] != '\0'; i++)
		if (p[i] >= '0' && p[i] <= '7')
			v = v * 8 + (uint64_t)(p[i] - '0');
	return (v);
}

static void
keep(char *dst, const char *src, size_t len)
{
	if (len >= NAME_SIZE)
		errx(1, "a name of %zu bytes", len);
	memcpy(dst, src, len);
	dst[len] = '\0';
}

static void
pax_record(struct untar *t, const char *key, const char *value, size_t len)
{
	if (strncmp(key, "path=", 5) == 0)
		keep(t->path, value, len);
	else if (strncmp(key, "linkpath=", 9) == 0)
		keep(t->link, value, len);
	else if (strncmp(key, "size=", 5) == 0)
		t->size = strtoll(value, NULL, 10);
	else if (strncmp(key, "mtime=", 6) == 0)
		t->paxtime = (time_t)strtoll(value, NULL, 10);
}

static void
pax(struct untar *t)
{
	char	*p = t->kept, *end = p + t->nkept, *key, *eq;
	size_t	 n;

	for (; p < end; p += n) {
		n = strtoul(p, &key, 10);
		if (n == 0 || n > (size_t)(end - p))
			errx(1, "pax record");
		key++;
		if ((eq = memchr(key, '=', (size_t)(p + n - key))) != NULL)
			pax_record(t, key, eq + 1, (size_t)(p + n - eq - 2));
	}
}

static const char *
relative(const char *p)
{
	while (*p == '/' || (p[0] == '.' && (p[1] == '/' || p[1] == '\0')))
		p++;
	return (*p == '\0' ? "." : p);
}

/* Directories that the archive left out. */
static void
parents(struct untar *t, const char *path)
{
	char	 name[NAME_SIZE], *p;

	snprintf(name, sizeof(name), "%s", path);
	for (p = name; (p = strchr(p, '/')) != NULL; *p++ = '/') {
		*p = '\0';
		(void)mkdirat(t->root, name, 0755);
	}
}

static void
make_dir(struct untar *t, const char *path, mode_t mode)
{
	size_t		 len = strlen(path) + 1;
	struct dir	*d;

	if (mkdirat(t->root, path, mode) == -1 && errno == ENOENT) {
		parents(t, path);
		(void)mkdirat(t->root, path, mode);
	}
	if ((d = malloc(sizeof(*d) + len)) == NULL)
		err(1, "untar");
	memcpy(d->name, path, len);
	d->mtime = t->mtime;
	d->next = t->dirs;
	t->dirs = d;
}

static void
make_file(struct untar *t, const char *path, mode_t mode)
{
	int	 flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

	t->fd = openat(t->root, path, flags, mode);
	if (t->fd == -1 && errno == ENOENT) {
		parents(t, path);
		t->fd = openat(t->root, path, flags, mode);
	}
	if (t->fd == -1)
		err(1, "%s", path);
}

/* An entry without a descriptor of its own: owner and time by name. */
static void
settle(struct untar *t, const char *path, uid_t uid, gid_t gid)
{
	struct timespec	 ts[2] = { { 0, UTIME_OMIT }, { t->mtime, 0 } };

	if ((uid != 0 || gid != 0) &&
	    fchownat(t->root, path, uid, gid, AT_SYMLINK_NOFOLLOW) == -1)
		err(1, "chown %s", path);
	(void)utimensat(t->root, path, ts, AT_SYMLINK_NOFOLLOW);
}

static void
make(struct untar *t, const char *path, const char *link)
{
	mode_t	 mode = (mode_t)number(t->head + 100, 8) & 07777;
	uid_t	 uid = (uid_t)number(t->head + 108, 8);
	gid_t	 gid = (gid_t)number(t->head + 116, 8);

	switch (t->head[156]) {
	case '5':
		make_dir(t, path, mode);
		if (uid != 0 || gid != 0)
			settle(t, path, uid, gid);
		return;
	case '2':
		if (symlinkat(link, t->root, path) == -1)
			err(1, "symlink %s", path);
		settle(t, path, uid, gid);
		return;
	case '1':
		if (linkat(t->root, relative(link), t->root, path, 0) == -1)
			err(1, "link %s", path);
		return;
	case '3':
	case '4':
	case '6':
		return;		/* no image of the benchmark has one */
	}
	make_file(t, path, mode);
	if ((uid != 0 || gid != 0) && fchown(t->fd, uid, gid) == -1)
		err(1, "chown %s", path);
	if ((mode & 06000) != 0 && fchmod(t->fd, mode) == -1)
		err(1, "chmod %s", path);
}

static void
header(struct untar *t)
{
	const unsigned char	*h = t->head;
	char			 name[300], link[101];
	const char		*path, *base;

	if (h[0] == '\0')
		return;
	t->body = number(h + 124, 12);
	if (strchr("xgLK", h[156]) == NULL && t->size != -1)
		t->body = (uint64_t)t->size;
	t->pad = (BLOCK - t->body % BLOCK) % BLOCK;
	if (h[156] != '\0' && strchr("xgLK", h[156]) != NULL) {
		t->kind = (char)h[156];
		t->nkept = 0;
		free(t->kept);
		if ((t->kept = malloc(t->body + 1)) == NULL)
			err(1, "untar");
		return;
	}
	if (memcmp(h + 257, "ustar", 6) == 0 && h[345] != '\0')
		snprintf(name, sizeof(name), "%.155s/%.100s",
		    (const char *)h + 345, (const char *)h);
	else
		snprintf(name, sizeof(name), "%.100s", (const char *)h);
	snprintf(link, sizeof(link), "%.100s", (const char *)h + 157);
	t->mtime = t->paxtime != 0 ? t->paxtime : (time_t)number(h + 136, 12);
	path = relative(*t->path != '\0' ? t->path : name);
	base = strrchr(path, '/');
	/* whiteouts cost nothing here: a layer is extracted by itself */
	if (strncmp(base == NULL ? path : base + 1, ".wh.", 4) != 0)
		make(t, path, *t->link != '\0' ? t->link : link);
	*t->path = *t->link = '\0';
	t->size = -1;
	t->paxtime = 0;
}

static void
body_end(struct untar *t)
{
	struct timespec	 ts[2] = { { 0, UTIME_OMIT }, { t->mtime, 0 } };

	if (t->kind != 0) {
		t->kept[t->nkept] = '\0';
		if (t->kind == 'x')
			pax(t);
		else if (t->kind == 'L')
			keep(t->path, t->kept, strlen(t->kept));
		else if (t->kind == 'K')
			keep(t->link, t->kept, strlen(t->kept));
		t->kind = 0;
	} else if (t->fd != -1) {
		(void)futimens(t->fd, ts);
		close(t->fd);
		t->fd = -1;
	}
}

static size_t
body(struct untar *t, const unsigned char *p, size_t n)
{
	if (n > t->body)
		n = (size_t)t->body;
	if (t->kind != 0) {
		memcpy(t->kept + t->nkept, p, n);
		t->nkept += n;
	} else if (t->fd != -1 && write(t->fd, p, n) != (ssize_t)n)
		err(1, "write");
	t->body -= n;
	if (t->body == 0)
		body_end(t);
	return (n);
}

void
untar_feed(struct untar *t, const unsigned char *p, size_t n)
{
	size_t	 k;

	for (; n > 0; p += k, n -= k) {
		if (t->body > 0) {
			k = body(t, p, n);
			continue;
		}
		if (t->pad > 0) {
			k = n < t->pad ? n : (size_t)t->pad;
			t->pad -= k;
			continue;
		}
		k = BLOCK - t->nhead < n ? BLOCK - t->nhead : n;
		memcpy(t->head + t->nhead, p, k);
		if ((t->nhead += k) < BLOCK)
			continue;
		t->nhead = 0;
		header(t);
		if (t->body == 0)
			body_end(t);
	}
}

void
untar_end(struct untar *t)
{
	struct timespec	 ts[2] = { { 0, UTIME_OMIT }, { 0, 0 } };
	struct dir	*d;

	while ((d = t->dirs) != NULL) {
		ts[1].tv_sec = d->mtime;
		(void)utimensat(t->root, d->name, ts, 0);
		t->dirs = d->next;
		free(d);
	}
	free(t->kept);
	free(t);
}
