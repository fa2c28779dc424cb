/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Do the walker and libarchive mean the same entry?  In berth-unpack. */
#ifndef UNPACK_AGREE_H
#define UNPACK_AGREE_H

#include <archive_entry.h>

#include "tarwalk.h"

/* NULL, or what they disagree about. */
const char	*agree(const struct tar_entry *, struct archive_entry *);

#endif
