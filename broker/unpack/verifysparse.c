/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The contents of sparse files, for the verify job of berth-unpack.  Their
 * bodies are maps and pieces, kept whole in the skeleton: that their tar is
 * right says nothing of the file in fs/.  libarchive knows the maps, so the
 * tar goes once more through a pipe to it, on a second thread.
 */
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "skeleton.h"
#include "verify.h"

#define PIECE		(64 * 1024)

struct source {				/* the thread that makes the tar */
	int		 layer;
	int		 pipe;
};

static int
on_piece(void *arg, const void *data, size_t len)
{
	const struct source	*s = arg;
	const unsigned char	*p = data;
	ssize_t			 n;

	while (len > 0) {
		n = write(s->pipe, p, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (1);	/* the reader has seen enough */
		p += n;
		len -= (size_t)n;
	}
	return (0);
}

static void *
source_run(void *arg)
{
	struct source	*s = arg;
	char		 why[512];

	/* it has streamed once already; a difference now is found below */
	(void)skeleton_stream(s->layer, on_piece, s, why, sizeof(why));
	close(s->pipe);
	return (NULL);
}

/* Nothing but zeros between two offsets; holes cost nothing. */
static int
zeros(int fd, off_t from, off_t to)
{
	static unsigned char	 buf[PIECE];
	ssize_t			 n, i;
	off_t			 data;

	while (from < to) {
		data = lseek(fd, from, SEEK_DATA);
		if (data == -1)
			return (errno == ENXIO);
		if (data > from) {
			from = data;
			continue;
		}
		n = pread(fd, buf, to - from < PIECE ? (size_t)(to - from) :
		    PIECE, from);
		if (n <= 0)
			return (0);
		for (i = 0; i < n; i++)
			if (buf[i] != 0)
				return (0);
		from += n;
	}
	return (1);
}

static int
equal(int fd, const unsigned char *data, size_t len, off_t off)
{
	static unsigned char	 buf[PIECE];
	ssize_t			 n;

	for (; len > 0; data += n, len -= (size_t)n, off += n) {
		n = pread(fd, buf, len < PIECE ? len : PIECE, off);
		if (n <= 0 || memcmp(buf, data, (size_t)n) != 0)
			return (0);
	}
	return (1);
}

/* The archive stands at the entry; fd is the file. */
static int
same_contents(struct archive *ar, int fd, uint64_t size)
{
	const void	*data;
	size_t		 len;
	la_int64_t	 off;
	off_t		 at = 0;
	int		 error;

	while ((error = archive_read_data_block(ar, &data, &len, &off)) ==
	    ARCHIVE_OK) {
		if (len == 0)
			continue;
		if (!zeros(fd, at, (off_t)off) ||
		    !equal(fd, data, len, (off_t)off))
			return (0);
		at = (off_t)off + (off_t)len;
	}
	return (error == ARCHIVE_EOF && zeros(fd, at, (off_t)size));
}

/* A name under which this layer shows the file; NULL: it has none left. */
static struct mnode *
name_of(struct mnode *n, const struct minode *inode, int layer)
{
	struct mnode	*c, *found;

	if (n->inode == inode && n->disk == layer)
		return (n);
	for (c = n->children; c != NULL; c = c->next)
		if ((found = name_of(c, inode, layer)) != NULL)
			return (found);
	return (NULL);
}

static int
check_one(struct verify *v, int layer, struct archive *ar,
    const struct minode *inode)
{
	struct mnode	*n;
	char		*path;
	int		 fd, same;

	if (inode->refs == 0 ||
	    (n = name_of(v->model.root, inode, layer)) == NULL)
		return (0);
	if ((path = model_path(n)) == NULL)
		return (verify_differs(v, layer, n, "out of memory"));
	fd = openat(v->fs[layer], path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	free(path);
	if (fd == -1)
		return (verify_differs(v, layer, n, strerror(errno)));
	same = same_contents(ar, fd, inode->e->size);
	close(fd);
	return (same ? 0 : verify_differs(v, layer, n, "contents differ"));
}

static int
check_all(struct verify *v, int layer, struct archive *ar)
{
	struct archive_entry	*ae;
	uint64_t		 entry = 0;
	size_t			 i = 0;
	int			 error;

	for (; i < v->nsparse; entry++) {
		error = archive_read_next_header(ar, &ae);
		if (error != ARCHIVE_OK && error != ARCHIVE_WARN)
			return (verify_differs(v, layer, v->model.root,
			    "sparse files cannot be read again"));
		if (v->sparse[i].entry != entry)
			continue;
		if (check_one(v, layer, ar, v->sparse[i++].inode) == -1)
			return (-1);
	}
	return (0);
}

int
verify_sparse(struct verify *v, int layer)
{
	struct archive	*ar;
	struct source	 s;
	pthread_t	 thread;
	int		 fds[2], r = -1;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return (verify_differs(v, layer, v->model.root,
		    strerror(errno)));
	s.layer = v->layers[layer];
	s.pipe = fds[1];
	if ((ar = archive_read_new()) == NULL ||
	    pthread_create(&thread, NULL, source_run, &s) != 0) {
		close(fds[0]);
		close(fds[1]);
		archive_read_free(ar);
		return (verify_differs(v, layer, v->model.root,
		    "out of memory"));
	}
	archive_read_support_format_tar(ar);
	if (archive_read_open_fd(ar, fds[0], PIECE) == ARCHIVE_OK)
		r = check_all(v, layer, ar);
	else
		verify_differs(v, layer, v->model.root,
		    archive_error_string(ar));
	archive_read_free(ar);
	close(fds[0]);		/* ends the thread, if it still writes */
	pthread_join(thread, NULL);
	return (r);
}
