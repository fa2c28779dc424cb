/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * A layer's skeleton: everything of the original tar stream but the bodies
 * of plain files, compressed with zstd.  Skeleton and fs/ together give the
 * tar back bit for bit.
 *
 * Inside the zstd stream stand the bytes of SKELETON_MAGIC, then records: a
 * struct skel_record in the machine's byte order, then len bytes.
 *
 *	SKEL_RAW   len bytes of the tar, as they are
 *	SKEL_FILE  size bytes of the tar: the contents of the regular file
 *		   whose path below fs/ follows (len bytes, no symbolic link
 *		   on the way); sum is their CRC-32, by which a changed file
 *		   is found out and named (the proof is the diff id)
 *	SKEL_END   size is the length of the whole tar
 *
 * The n-th SKEL_FILE (from 0) whose file was removed or replaced by a later
 * entry of the same layer has its contents in "bodies" instead: each a
 * struct skel_body followed by size bytes.
 */
#ifndef UNPACK_SKELETON_H
#define UNPACK_SKELETON_H

#include <stddef.h>
#include <stdint.h>

#define SKELETON_MAGIC		"berthS1\n"
#define SKELETON_MAGICLEN	8

enum skel_kind { SKEL_END, SKEL_RAW, SKEL_FILE, SKEL_MAX };

struct skel_record {
	uint32_t	 kind;		/* enum skel_kind */
	uint32_t	 len;		/* bytes that follow */
	uint64_t	 size;		/* of the tar, bytes */
	uint32_t	 sum;		/* CRC-32 of the body */
	uint32_t	 zero;
};

struct skel_body {
	uint64_t	 index;		/* of the SKEL_FILE */
	uint64_t	 size;		/* bytes that follow */
};

/*
 * Reading: calls sink with the layer's tar, piece by piece, in order.
 * layerfd is the directory layers/<key>.  A sink that returns non-zero ends
 * it.  Returns 0 when all of the tar has been given; 1 when the sink ended
 * it; -1 with why (of whysize bytes, at least 512) saying in printable
 * ASCII what is wrong, "etc/passwd: contents differ", without the layer's
 * name.  That the bytes hash to the diff id is for the caller to compare.
 */
typedef int	 (*skeleton_sink)(void *arg, const void *data, size_t len);
int		 skeleton_stream(int layerfd, skeleton_sink sink, void *arg,
		    char *why, size_t whysize);

/*
 * Writing, used by the layer job alone.  The stream is bytes of headers and
 * padding, each body in its place.
 */
struct skelw;

/* stagefd is kept, not owned.  NULL with errno. */
struct skelw	*skelw_open(int stagefd);
void		 skelw_free(struct skelw *);
/* Bytes of the tar, as they are.  All return 0, or -1 with errno. */
int		 skelw_raw(struct skelw *, const void *, size_t len);
/* The body of path below fs/ belongs here.  *index is its number. */
int		 skelw_file(struct skelw *, const char *path, uint64_t size,
		    uint32_t sum, uint64_t *index);
/* Saves a body whose file is about to go; fd is open for reading. */
int		 skelw_save(struct skelw *, uint64_t index, int fd);
/* The end; total is the length of the whole tar. */
int		 skelw_finish(struct skelw *, uint64_t total);
/* CRC-32 over more bytes; begin with 0. */
uint32_t	 skeleton_sum(uint32_t sum, const void *, size_t len);

#endif
