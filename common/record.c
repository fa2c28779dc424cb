/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Building and reading records.  Built by berth-unpack, berth-conf, the
 * command line and the engine; read by berth-init alone, whose only parser
 * of foreign bytes this is.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "limits.h"
#include "record.h"

#define MAGIC_LEN	(sizeof(RECORD_MAGIC) - 1)

static size_t
padded(size_t len)
{
	return ((len + 1 + 3) & ~(size_t)3);	/* the NUL, then up to 4 */
}

/* Room for n more bytes, or record->error. */
static int
record_grow(struct record *r, size_t n)
{
	unsigned char	*p;
	size_t		 size = r->size;

	if (r->error != 0)
		return (-1);
	if (n > RECORD_MAX || r->len + n > RECORD_MAX) {
		r->error = E2BIG;
		return (-1);
	}
	if (r->len + n <= size)
		return (0);
	if (size == 0)
		size = 1024;
	while (size < r->len + n)
		size *= 2;
	if ((p = realloc(r->data, size)) == NULL) {
		r->error = ENOMEM;
		return (-1);
	}
	r->data = p;
	r->size = size;
	return (0);
}

void
record_init(struct record *r)
{
	memset(r, 0, sizeof(*r));
	if (record_grow(r, MAGIC_LEN) == 0) {
		memcpy(r->data, RECORD_MAGIC, MAGIC_LEN);
		r->len = MAGIC_LEN;
	}
}

void
record_load(struct record *r, int fd)
{
	struct stat	 st;

	memset(r, 0, sizeof(*r));
	if (fstat(fd, &st) == -1)
		r->error = errno;
	else if (record_grow(r, (size_t)st.st_size) == 0) {
		if (pread(fd, r->data, (size_t)st.st_size, 0) == st.st_size)
			r->len = (size_t)st.st_size;
		else
			r->error = EIO;
	}
}

void
record_add(struct record *r, enum record_key key, const char *value,
    size_t len)
{
	struct record_item	 item;

	if (r->error == 0 && memchr(value, '\0', len) != NULL)
		r->error = EINVAL;
	if (record_grow(r, sizeof(item) + padded(len)) == -1)
		return;
	item.key = (uint32_t)key;
	item.len = (uint32_t)len;
	memcpy(r->data + r->len, &item, sizeof(item));
	memcpy(r->data + r->len + sizeof(item), value, len);
	memset(r->data + r->len + sizeof(item) + len, 0, padded(len) - len);
	r->len += sizeof(item) + padded(len);
}

void
record_free(struct record *r)
{
	if (r->data != NULL)
		explicit_bzero(r->data, r->size);
	free(r->data);
	memset(r, 0, sizeof(*r));
}

int
record_finish(struct record *r)
{
	size_t	 off = 0;
	ssize_t	 n;
	int	 fd = -1;

	if (r->error != 0) {
		errno = r->error;
		goto fail;
	}
	if ((fd = memfd_create("record", MFD_CLOEXEC | MFD_ALLOW_SEALING)) ==
	    -1)
		goto fail;
	while (off < r->len) {
		if ((n = write(fd, r->data + off, r->len - off)) == -1)
			goto fail;
		off += (size_t)n;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
	    F_SEAL_WRITE) == -1)
		goto fail;
	record_free(r);
	return (fd);
 fail:
	r->error = errno;
	if (fd != -1)
		close(fd);
	errno = r->error;
	record_free(r);
	return (-1);
}

int
record_check(const void *data, size_t len)
{
	const unsigned char	*p = data;
	struct record_item	 item;
	size_t			 i, off = MAGIC_LEN, n = 0;

	if (len > RECORD_MAX) {
		errno = E2BIG;
		return (-1);
	}
	errno = EINVAL;
	if (len < MAGIC_LEN || memcmp(p, RECORD_MAGIC, MAGIC_LEN) != 0)
		return (-1);
	while (off < len) {
		if (len - off < sizeof(item))
			return (-1);
		memcpy(&item, p + off, sizeof(item));
		off += sizeof(item);
		if (item.key == REC_NONE || item.key >= REC_MAX ||
		    item.len > RECORD_MAX || padded(item.len) > len - off)
			return (-1);
		if (memchr(p + off, '\0', item.len) != NULL)
			return (-1);
		for (i = item.len; i < padded(item.len); i++)
			if (p[off + i] != '\0')
				return (-1);
		off += padded(item.len);
		if (++n > RECORD_ITEMS_MAX) {
			errno = E2BIG;
			return (-1);
		}
	}
	return (0);
}

enum record_key
record_next(const void *data, size_t len, size_t *off, const char **value,
    size_t *valuelen)
{
	const unsigned char	*p = data;
	struct record_item	 item;

	if (*off == 0)
		*off = MAGIC_LEN;
	if (*off >= len)
		return (REC_NONE);
	memcpy(&item, p + *off, sizeof(item));
	*value = (const char *)p + *off + sizeof(item);
	*valuelen = item.len;
	*off += sizeof(item) + padded(item.len);
	return ((enum record_key)item.key);
}
