/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The range of ids beside subuid(5) and subgid(5). */
#ifndef WORKER_SUBIDS_H
#define WORKER_SUBIDS_H

#include <stdint.h>

/*
 * An id that is also somebody's subordinate id would give that user our
 * containers' files.  Reads and closes fd; path is for messages.  Returns
 * how many overlaps were told on standard error.
 */
unsigned int	 subids_overlap(int fd, const char *path, uint32_t idbase);

#endif
