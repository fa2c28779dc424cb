/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Files: for the command line, berth-conf and the engine. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

/* size bytes, or as many as there are; -1 or how many. */
static ssize_t
read_all(int fd, char *buf, size_t size)
{
	size_t	 n = 0;
	ssize_t	 r;

	while (n < size) {
		if ((r = read(fd, buf + n, size - n)) == -1) {
			if (errno == EINTR)
				continue;
			return (-1);
		}
		if (r == 0)
			break;
		n += (size_t)r;
	}
	return ((ssize_t)n);
}

char *
file_read(int fd, size_t max, size_t *len, const char **why)
{
	char	*buf;
	ssize_t	 n = -1;

	*why = NULL;
	/* one byte more shows the end, and one is for the NUL */
	if ((buf = calloc(1, max + 2)) == NULL ||
	    (n = read_all(fd, buf, max + 1)) == -1)
		*why = strerror(errno);
	else if ((size_t)n > max)
		*why = "too large";
	close(fd);
	if (*why != NULL) {
		if (buf != NULL)
			explicit_bzero(buf, max + 2);
		free(buf);
		return (NULL);
	}
	*len = (size_t)n;
	return (buf);
}

int
file_write(int fd, const void *data, size_t len)
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
