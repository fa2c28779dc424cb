/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Documents as descriptors, in berth-unpack: read and verified on the way
 * in, sealed on the way out.
 */
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image.h"

void
why_about(struct why *why, const char *what, const char *digest)
{
	struct why	 old = *why;

	why_refuse(why, "%s%s%s: %s", what, *digest != '\0' ? " " : "", digest,
	    old.text);
}

/*
 * A private copy: what has been hashed is what will be parsed, whoever else
 * holds the descriptor and whatever its seals.
 */
int
document_read(int fd, const char *what, uint64_t size, const char *expected,
    struct blob *out, char digest[DIGEST_SIZE], struct why *why)
{
	size_t	 got = 0;
	ssize_t	 n;

	if ((out->data = malloc((size_t)size + 1)) == NULL)
		return (why_refuse(why, "%s: out of memory", what));
	/* one byte more, to see that nothing follows */
	while (got <= size) {
		n = pread(fd, out->data + got, (size_t)size + 1 - got,
		    (off_t)got);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			why_refuse(why, "%s: read: %s", what, strerror(errno));
			goto fail;
		}
		if (n == 0)
			break;
		got += (size_t)n;
	}
	if (got != size) {
		why_refuse(why, "%s%s%s: expected %llu bytes, got %s", what,
		    *expected != '\0' ? " " : "", expected,
		    (unsigned long long)size, got > size ? "more" : "fewer");
		goto fail;
	}
	out->len = got;
	digest_of(out->data, out->len, digest);
	if (*expected != '\0' && strcmp(digest, expected) != 0) {
		why_refuse(why, "%s: expected digest %s, got %s", what,
		    expected, digest);
		goto fail;
	}
	return (0);
 fail:
	free(out->data);
	return (-1);
}

int
document_memfd(const char *name, const struct blob *b)
{
	size_t	 off = 0;
	ssize_t	 n;
	int	 fd, saved_errno;

	if ((fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)) == -1)
		return (-1);
	while (off < b->len) {
		if ((n = write(fd, b->data + off, b->len - off)) == -1)
			goto fail;
		off += (size_t)n;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
	    F_SEAL_WRITE) == -1)
		goto fail;
	return (fd);
 fail:
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return (-1);
}
