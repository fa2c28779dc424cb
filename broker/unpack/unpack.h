/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* What the files of berth-unpack share; for none else. */
#ifndef UNPACK_UNPACK_H
#define UNPACK_UNPACK_H

#include <sys/stat.h>
#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "../../common/limits.h"
#include "../../proto/chan.h"
#include "../../proto/msg.h"

/* One line for a human, being made. */
struct why {
	char		 text[MSG_TEXT_SIZE];
};

/* unpack.c */
void		 why_set(struct why *, const char *fmt, ...)
		    __attribute__((format(printf, 2, 3)));
/*
 * Sends UNPACK_FAIL with one line (longer ones are cut) and returns 1, the
 * exit status of a job that failed.
 */
int		 unpack_fail(struct chan *, uint32_t id, const char *fmt, ...)
		    __attribute__((format(printf, 3, 4)));

/*
 * The jobs.  The sandbox stands already; m is the first message, its
 * descriptor the job's.  Each sends its result or its failure and returns
 * the exit status.
 */
/* image.c */
int		 image_job(struct chan *, struct msg *m);
/* export.c */
int		 export_job(struct chan *, struct msg *m);
/* layer.c */
int		 layer_job(struct chan *, struct msg *m);
/* verify.c */
int		 verify_job(struct chan *, struct msg *m);
/* empty.c */
int		 empty_job(struct chan *, struct msg *m);

/* blob.c */
/*
 * Hashes from's size bytes, on the way into to unless that is -1.  0, or -1
 * with why when they are not of this digest.
 */
int		 blob_take(int from, int to, uint64_t size, const char *digest,
		    struct why *);

/* image.c, for verify.c */
/*
 * Computes the ACI again from images/<id> (imagedir) and compares its ID
 * with id.  diffids (room for LAYERS_MAX) and *n become what the config
 * pins, bottom first.  0, or -1 with why.
 */
int		 image_check(int imagedir, const char *id,
		    char (*diffids)[DIGEST_SIZE], size_t *n, char *why,
		    size_t whysize);

#endif
