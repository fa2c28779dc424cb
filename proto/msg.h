/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The payloads of msg.def and what is generated from it: the enum, the
 * table and the prototypes of checks.  Payloads are fixed-size structs in
 * the machine's own byte order: both ends run on one kernel, from one build
 * (the header carries MSG_VERSION).  Every string ends with a NUL inside
 * its array; every byte behind it is zero.
 */
#ifndef PROTO_MSG_H
#define PROTO_MSG_H

#include <stdint.h>
#include <stddef.h>

#include "../common/limits.h"
#include "birth.h"
#include "msg_broker.h"

#define MSG_VERSION	1

enum peer {
	PEER_NONE,
	PEER_BROKER,
	PEER_CLI,
	PEER_HTTP,
	PEER_FETCH,
	PEER_UNPACK,
	PEER_INIT,
	PEER_CONF,
	PEER_ENGINE,
	PEER_MAX
};

/* Phases of one end of a channel, set by the program that owns that end. */
#define PH_NEW		0x01	/* nothing said yet */
#define PH_IDLE		0x02	/* a request may come */
#define PH_BUSY		0x04	/* a request is being worked on */
#define PH_RUN		0x08	/* an app runs; the HTTP worker serves */
#define PH_END		0x10	/* nothing more may come */
#define PH_ANY		0x1f
#define MSG_ONCE	0x80	/* once in the life of a channel */

enum msg_fd { FD_NONE, FD_MUST };

enum msg_type {
	MSG_NONE,
#define MSG(N, n, from, to, p, fd, ph)	MSG_##N,
#include "msg.def"
#undef MSG
	MSG_MAX
};

struct msg_hdr {
	uint16_t	 version;
	uint16_t	 type;		/* enum msg_type */
	uint32_t	 len;		/* of the payload, bytes */
	uint32_t	 peer;		/* sender's enum peer */
	uint32_t	 id;		/* request id, echoed in answers */
	uint32_t	 flags;		/* zero */
};

/* Bits of insecure options: rkt's words, see berth(1). */
#define INSECURE_IMAGE		0x001
#define INSECURE_TLS		0x002
#define INSECURE_HTTP		0x004
#define INSECURE_CAPABILITIES	0x008
#define INSECURE_PATHS		0x010
#define INSECURE_SECCOMP	0x020
#define INSECURE_ALL_FETCH	(INSECURE_IMAGE | INSECURE_TLS | INSECURE_HTTP)
#define INSECURE_ALL_RUN	(INSECURE_CAPABILITIES | INSECURE_PATHS | \
				    INSECURE_SECCOMP)
#define INSECURE_ALL		(INSECURE_ALL_FETCH | INSECURE_ALL_RUN)

enum pull_policy { PULL_NEW, PULL_UPDATE, PULL_NEVER, PULL_MAX };

/* Media types that berth takes; what a document or layer claims to be. */
enum media {
	MEDIA_UNKNOWN,
	MEDIA_OCI_MANIFEST,
	MEDIA_OCI_INDEX,
	MEDIA_DOCKER_MANIFEST,		/* schema 2 */
	MEDIA_DOCKER_LIST,
	MEDIA_CONFIG,			/* OCI or Docker image config */
	MEDIA_MAX
};

enum codec { CODEC_NONE, CODEC_GZIP, CODEC_ZSTD, CODEC_MAX };

struct msg_none {
	uint32_t	 zero;
};

/* One line of printable ASCII. */
struct msg_text {
	char		 text[MSG_TEXT_SIZE];
};

struct msg_platform {
	char		 os[PLATFORM_MAXLEN + 1];
	char		 arch[PLATFORM_MAXLEN + 1];
	char		 variant[PLATFORM_MAXLEN + 1];	/* may be empty */
};

/* ref: normalised, "docker.io/library/redis:latest" (ref.h). */
struct msg_fetch {
	uint32_t	 insecure;	/* INSECURE_* */
	uint32_t	 policy;	/* enum pull_policy */
	uint32_t	 sync;		/* wait for the disk */
	struct msg_platform platform;
	char		 ref[REF_MAXLEN + 1];
};

#define RUN_TTY		0x01	/* --interactive: a pty of its own */
#define RUN_STDIN	0x02	/* pass stdin on through a pipe */
#define RUN_READONLY	0x04	/* read-only root */
#define RUN_NETHOST	0x08	/* share the host's network */
#define RUN_FOREGROUND	0x10	/* ends with its channel, as yet all do */
#define RUN_NOLIMITS	0x20	/* go on where a limit cannot be enforced */
#define RUN_FLAGS	0x3f

struct msg_run {
	uint32_t	 flags;		/* RUN_* */
	uint32_t	 insecure;	/* INSECURE_* of the run kind */
	uint64_t	 memory;	/* bytes, 0: no limit */
	uint32_t	 cpu;		/* 1/1000 of one CPU, 0: no limit */
	uint32_t	 pids;		/* processes, 0: no limit */
	uint16_t	 rows, cols;	/* of the terminal, with RUN_TTY */
	char		 image[IMAGEID_SIZE];	/* sha512-, >= 2 digits */
	char		 hostname[HOSTNAME_MAXLEN + 1];	/* empty: the
						 * engine's choice */
	/* descriptor: sealed memfd with the run record (record.h) */
};

struct msg_signal {
	uint32_t	 signo;
};

/* An image by "sha512-" prefix or by normalised reference. */
struct msg_image {
	char		 name[REF_MAXLEN + 1];
};

enum export_form { EXPORT_OCI, EXPORT_LAYERED, EXPORT_MAX };

struct msg_export {
	uint32_t	 form;		/* enum export_form */
	char		 name[REF_MAXLEN + 1];
	/* descriptor: EXPORT_OCI a regular file, EXPORT_LAYERED a directory */
};

enum note_kind {
	NOTE_FETCHING,		/* text: the reference */
	NOTE_LAYER,		/* text: 64 hex; total: bytes */
	NOTE_PROGRESS,		/* text: 64 hex; done of total bytes */
	NOTE_WARN,		/* text: a warning */
	NOTE_INFO,		/* text: something to know */
	NOTE_MAX
};

struct msg_note {
	uint32_t	 kind;		/* enum note_kind */
	uint32_t	 zero;
	uint64_t	 done;		/* bytes */
	uint64_t	 total;		/* bytes */
	char		 text[MSG_TEXT_SIZE];
};

/*
 * status is what the command line exits with: 1, or 125 to 127 for a run.
 * text is one line of printable ASCII: object, then reason.
 */
struct msg_failure {
	uint32_t	 status;
	char		 text[MSG_TEXT_SIZE];
};

struct msg_image_entry {
	int64_t		 time;		/* seconds since 1970, of the fetch */
	uint64_t	 size;		/* bytes of its layers, unpacked */
	uint32_t	 layers;
	char		 id[IMAGEID_SIZE];
	char		 ref[REF_MAXLEN + 1];	/* empty: no reference */
	char		 platform[3 * (PLATFORM_MAXLEN + 1)];
};

enum stdio_which { STDIO_IN, STDIO_OUT, STDIO_ERR, STDIO_TTY, STDIO_MAX };

struct msg_stdio {
	uint32_t	 which;		/* enum stdio_which */
};

struct msg_started {
	uint32_t	 pid;		/* pid 1, as the host has it */
	char		 uuid[UUID_SIZE];
};

struct msg_exited {
	uint32_t	 status;	/* 0..255, 128+n for a signal */
};

struct msg_http_hello {
	uint32_t	 token_needed;	/* the listener is not loopback */
	uint32_t	 napps;
	char		 token[128];	/* empty: none configured */
	/* descriptor: the listening socket */
};

struct msg_http_app {
	uint32_t	 app;		/* index */
	char		 name[APPNAME_MAXLEN + 1];
};

#define PARAM_REQUIRED	0x01
#define PARAM_SECRET	0x02

struct msg_http_param {
	uint32_t	 app;		/* index */
	uint32_t	 param;		/* index */
	uint32_t	 flags;		/* PARAM_* */
	char		 name[PARAMNAME_MAXLEN + 1];
};

#define HTTP_HEALTHY	0x01
#define HTTP_READY	0x02
#define HTTP_STOPPING	0x04

struct msg_http_state {
	uint32_t	 flags;		/* HTTP_HEALTHY | HTTP_READY | ... */
	char		 reason[256];	/* why not; printable ASCII */
};

struct msg_http_reply {
	uint32_t	 status;	/* 200, 400, 404, 409, 500, 503 */
	char		 text[MSG_TEXT_SIZE];
};

/* Values lie in data, each ended by a NUL; off is where one begins. */
struct msg_http_start {
	uint32_t	 app;		/* index */
	uint32_t	 n;		/* parameters that are set */
	struct {
		uint16_t param;		/* index into the app's list */
		uint16_t off;		/* into data, bytes */
		uint16_t len;		/* without the NUL, bytes */
		uint16_t zero;
	} v[PARAMS_MAX];
	char		 data[HTTP_QUERY_MAX];
};

struct msg_http_app_index {
	uint32_t	 app;
};

struct msg_fetch_resolve {
	uint32_t	 insecure;	/* INSECURE_TLS, INSECURE_HTTP */
	char		 ref[REF_MAXLEN + 1];	/* normalised */
	char		 known[DIGEST_SIZE];	/* manifest digest that we have,
						 * or empty */
};

/* A document (FETCH_DOC) or a layer's blob (FETCH_BLOB, into the pipe). */
struct msg_fetch_blob {
	uint64_t	 size;		/* bytes, exactly */
	uint32_t	 manifest;	/* 1: by /manifests/, 0: by /blobs/ */
	uint32_t	 media;		/* enum media, for Accept */
	char		 digest[DIGEST_SIZE];
};

/* descriptor: sealed memfd of exactly size bytes. */
struct msg_document {
	uint64_t	 size;		/* bytes */
	uint32_t	 media;		/* enum media; Content-Type's claim */
	uint32_t	 zero;
	char		 digest[DIGEST_SIZE];	/* asked for; empty: by tag */
};

struct msg_digest {
	char		 digest[DIGEST_SIZE];
};

struct msg_unpack_image {
	uint64_t	 size;		/* of the document, bytes */
	uint32_t	 media;		/* enum media; Content-Type's claim */
	uint32_t	 zero;
	struct msg_platform platform;
	char		 digest[DIGEST_SIZE];	/* what the reference pins, or
						 * empty */
	/* descriptor: sealed memfd with the first document */
};

#define LAYER_BOTTOM	0x01	/* nothing lies beneath */
#define LAYER_MERGED	0x02	/* the root is an overlay of all beneath */

struct msg_unpack_layer {
	uint64_t	 size;		/* of the blob, bytes */
	uint32_t	 codec;		/* enum codec */
	uint32_t	 flags;		/* LAYER_* */
	char		 blob[DIGEST_SIZE];
	char		 diffid[DIGEST_SIZE];
};

/* A stack of stored layers; see berth-proto(7) for the descriptors. */
struct msg_unpack_stack {
	uint32_t	 nlayers;
	uint32_t	 form;		/* enum export_form */
	char		 id[IMAGEID_SIZE];
};

struct msg_want {
	uint64_t	 size;		/* bytes, exactly */
	uint32_t	 media;		/* enum media */
	uint32_t	 manifest;	/* 1: a manifest or index */
	char		 digest[DIGEST_SIZE];
};

/* From the bottom (index 0) upward, one each. */
struct msg_layer {
	uint32_t	 index;
	uint32_t	 codec;		/* enum codec */
	uint64_t	 size;		/* of the blob, bytes */
	char		 blob[DIGEST_SIZE];
	char		 diffid[DIGEST_SIZE];
	char		 chainid[DIGEST_SIZE];
};

/* In this order; after PART_APP the image is complete. */
enum image_part { PART_ACI, PART_MANIFEST, PART_CONFIG, PART_APP, PART_MAX };

struct msg_image_part {
	uint32_t	 part;		/* enum image_part */
	uint32_t	 nlayers;	/* with PART_APP: LAYERs sent */
	uint64_t	 size;		/* bytes */
	char		 digest[DIGEST_SIZE];	/* with PART_MANIFEST: of the
						 * registry's first document */
};

struct msg_unpacked {
	uint64_t	 bytes;		/* of the uncompressed tar */
	uint64_t	 files;		/* bytes of regular files */
	uint64_t	 entries;
	uint32_t	 selfcontained;
	uint32_t	 zero;
	char		 diffid[DIGEST_SIZE];
};

struct msg_init_start {
	uint32_t	 flags;		/* RUN_* */
	uint32_t	 insecure;	/* INSECURE_* */
	uint32_t	 nlayers;	/* descriptors from INIT_FD_LAYERS on */
	uint32_t	 cgroup_ns;	/* 1: unshare it (v1) */
	uint16_t	 rows, cols;
	char		 uuid[UUID_SIZE];
	char		 hostname[HOSTNAME_MAXLEN + 1];
	char		 app[APPNAME_MAXLEN + 1];
};

struct msg_info {
	char		 name[20];	/* no pointer: shared by all */
	enum peer	 from, to;
	uint32_t	 size;		/* of the payload, bytes */
	enum msg_fd	 fd;
	uint32_t	 phases;
};
extern const struct msg_info msg_info[MSG_MAX];
/* Of the payload, good is 1; NULL: not ours. */
extern int (*const msg_check[MSG_MAX])(const void *);

/* "FETCH_DOC", or "unknown" for a number that is no message. */
const char	*msg_name(unsigned int type);
/* "berthd", "berth-fetch", … */
const char	*peer_name(enum peer);

#endif
