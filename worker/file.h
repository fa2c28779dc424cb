/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* A small file as text; all of a buffer into a file. */
#ifndef WORKER_FILE_H
#define WORKER_FILE_H

#include <stddef.h>

/*
 * All that a descriptor has, at most max bytes, with a NUL behind it (caller
 * frees); NULL with *why.  The descriptor is closed, on failure too.
 */
char	*file_read(int fd, size_t max, size_t *len, const char **why);
/* All len bytes, however many write(2) takes at once.  0, or -1 with errno. */
int	 file_write(int fd, const void *data, size_t len);

#endif
