/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Decompression of a blob whose digest has been verified: gzip (RFC 1952,
 * any number of members), zstd (RFC 8878, any number of frames) or nothing;
 * the codec that the media type names and no other.
 */
#ifndef UNPACK_DECODE_H
#define UNPACK_DECODE_H

#include <sys/types.h>

#include <stdint.h>

#include "../../proto/msg.h"

struct decoder;

/* Reads size bytes of fd from offset 0; fd is kept, not owned.  NULL with
 * errno. */
struct decoder	*decoder_new(enum codec, int fd, uint64_t size);
void		 decoder_free(struct decoder *);
/*
 * Fills buf, less only at the end.  The number of bytes, 0 behind a whole
 * and checked stream, or -1 with decoder_why().
 */
ssize_t		 decoder_read(struct decoder *, void *buf, size_t len);
/* "gzip: checksum differs": printable ASCII. */
const char	*decoder_why(const struct decoder *);

#endif
