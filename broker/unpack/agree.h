/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Do the walker and libarchive mean the same entry?  In berth-unpack. */
#ifndef UNPACK_AGREE_H
#define UNPACK_AGREE_H

#include <archive_entry.h>

#include "tarwalk.h"

/*
 * NULL, or what they disagree about.  *stored becomes the bytes that the
 * file's contents must have in the archive: all, or what a sparse file's
 * map adds up to.
 */
const char	*agree(const struct tar_entry *, struct archive_entry *,
		    uint64_t *stored);

#endif
