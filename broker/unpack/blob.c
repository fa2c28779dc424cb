/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * A layer's blob in berth-unpack: from the pipe into the private file, and
 * its digest.  Nothing else reads it before the digest has been compared.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hash.h"
#include "unpack.h"

#define PIECE		(1024 * 1024)

/* Bytes of fd until its end, or len of them; -1 with errno. */
static ssize_t
read_full(int fd, unsigned char *buf, size_t len)
{
	size_t	 fill = 0;
	ssize_t	 n;

	while (fill < len) {
		n = read(fd, buf + fill, len - fill);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		if (n == 0)
			break;
		fill += (size_t)n;
	}
	return ((ssize_t)fill);
}

static int
write_full(int fd, const unsigned char *buf, size_t len)
{
	ssize_t	 n;

	while (len > 0) {
		n = write(fd, buf, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		buf += n;
		len -= (size_t)n;
	}
	return (0);
}

/*
 * Hashes what from gives and, unless to is -1, writes it there.  One byte
 * more than size is enough to know that there is too much.
 */
static int
copy(int from, int to, uint64_t size, uint64_t *got, struct hash *h,
    struct why *why)
{
	unsigned char	*buf;
	ssize_t		 n;

	if ((buf = malloc(PIECE)) == NULL) {
		why_set(why, "out of memory");
		return (-1);
	}
	for (*got = 0; *got <= size; *got += (uint64_t)n) {
		if ((n = read_full(from, buf, PIECE)) == 0)
			break;
		if (n == -1) {
			why_set(why, "read: %s", strerror(errno));
			break;
		}
		hash_add(h, buf, (size_t)n);
		if (to != -1 && write_full(to, buf, (size_t)n) == -1) {
			why_set(why, "write: %s", strerror(errno));
			n = -1;
			break;
		}
	}
	free(buf);
	return (n == -1 ? -1 : 0);
}

int
blob_take(int from, int to, uint64_t size, const char *digest,
    struct why *why)
{
	char		 is[DIGEST_SIZE];
	struct hash	*h;
	uint64_t	 got;
	int		 r = -1;

	if ((h = hash_new()) == NULL) {
		why_set(why, "out of memory");
		return (-1);
	}
	if (copy(from, to, size, &got, h, why) == -1)
		goto out;
	if (got != size) {
		why_set(why, "is %s%llu bytes, expected %llu",
		    got > size ? "more than " : "", (unsigned long
		    long)(got > size ? size : got), (unsigned long long)size);
		goto out;
	}
	hash_digest(h, is);
	if (strcmp(is, digest) != 0) {
		why_set(why, "has digest %s", is);
		goto out;
	}
	r = 0;
 out:
	hash_free(h);
	return (r);
}
