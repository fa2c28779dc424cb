/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Which programs the engine may ask for, and what they are born with: the
 * descriptors from 3 on, by their job.
 */
#ifndef PROTO_BIRTH_H
#define PROTO_BIRTH_H

enum program { SPAWN_UNPACK, SPAWN_INIT, SPAWN_FETCH, SPAWN_HTTP,
    SPAWN_PROGRAMS };

#define SPAWN_IDLE	0x100	/* nobody waits for it: lowest priority */

/* What berth-init is born with, beside 0, 1 and 2 (/dev/null). */
#define INIT_FD_CHAN	3	/* this protocol */
#define INIT_FD_APP	4	/* the image's app record, read-only */
#define INIT_FD_RUN	5	/* the run record, sealed memfd */
#define INIT_FD_STATUS	6	/* file, write-only: the exit status */
#define INIT_FD_RESOLV	7	/* host's resolv.conf, or /dev/null */
#define INIT_FD_UPPER	8	/* O_PATH */
#define INIT_FD_WORK	9	/* O_PATH */
#define INIT_FD_LAYERS	10	/* O_PATH, fs/ of each, top first */

/* What berth-http is born with; the broker adds the listener. */
#define HTTP_FD_LISTENER 4	/* bound, listening */

/* What berth-unpack is born with, by its first message. */
#define UNPACK_FD_CHAN	3
/* UNPACK_LAYER: */
#define UNPACK_FD_STAGE	4	/* directory, O_PATH; gets fs/ and skeleton */
#define UNPACK_FD_BLOB	5	/* private file, read-write */
#define UNPACK_FD_PIPE	6	/* the blob's bytes; with LAYER_MERGED: absent,
				 * the blob file is full */
/* with LAYER_MERGED: 7 is work/ and 8.. are fs/ beneath, top first, O_PATH */
#define UNPACK_FD_WORK	7
#define UNPACK_FD_LOWER	8
/*
 * On fs/ of a layer whose tar says something of the root itself; an overlay
 * shows no attribute of that name.
 */
#define LAYER_ROOT_XATTR "user.overlay.berth.root"
/* UNPACK_VERIFY, UNPACK_EXPORT: */
#define UNPACK_FD_IMAGE	4	/* images/<id>, directory */
#define UNPACK_FD_OUT	5	/* export's file or directory, else /dev/null */
#define UNPACK_FD_LAYERS 6	/* layers/<key>, directory, bottom first */
/* UNPACK_EMPTY: */
#define UNPACK_FD_TRASH	4	/* directory: becomes empty */
/* UNPACK_SYNC: */
#define UNPACK_FD_STORE	4	/* a file of the file system to be synced */

#endif
