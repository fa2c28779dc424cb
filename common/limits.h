/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Every limit of berth, in one place, for every process.  Sizes are bytes
 * unless the name says otherwise; a value over its limit is refused, never
 * cut.
 */
#ifndef COMMON_LIMITS_H
#define COMMON_LIMITS_H

#define KIB			1024ULL
#define MIB			(1024ULL * KIB)
#define GIB			(1024ULL * MIB)

/* Names.  NAME_MAXLEN limits count bytes without the NUL. */
#define DIGEST_HEXLEN		64	/* sha256, lower case hex */
#define DIGEST_SIZE		(7 + DIGEST_HEXLEN + 1)	/* "sha256:" hex NUL */
#define IMAGEID_HEXLEN		128	/* sha512, lower case hex */
#define IMAGEID_PRINTLEN	32	/* hex digits that users see */
#define IMAGEID_MINLEN		2	/* shortest prefix that is looked up */
#define IMAGEID_SIZE		(7 + IMAGEID_HEXLEN + 1) /* "sha512-" hex NUL */
#define REF_HOST_MAXLEN		253	/* RFC 1035 2.3.4 */
#define REF_NAME_MAXLEN		255	/* host + "/" + repository */
#define REF_TAG_MAXLEN		128	/* OCI distribution-spec, "Pulling" */
#define REF_MAXLEN		511	/* a whole reference as typed */
#define PLATFORM_MAXLEN		31	/* each of os, architecture, variant */
#define APPNAME_MAXLEN		63
#define PARAMNAME_MAXLEN	63
#define UUID_SIZE		37	/* 8-4-4-4-12 and NUL */
#define HOSTNAME_MAXLEN		64	/* Linux, __NEW_UTS_LEN */

/* What a registry may send. */
#define MANIFEST_MAX		(4 * MIB)	/* manifest or index */
#define CONFIG_MAX		(4 * MIB)
#define TOKEN_MAX		(1 * MIB)	/* token endpoint's answer */
#define ERRORBODY_MAX		(1 * MIB)
#define HTTPHEAD_MAX		(256 * KIB)	/* header block of one answer */
#define URL_MAXLEN		8191	/* redirect target, token realm */
#define TOKEN_MAXLEN		32767	/* the token in TOKEN_MAX's answer */
#define REDIRECTS_MAX		5
#define FETCH_TRIES_MAX		5	/* of one request */
#define FETCH_WAIT_MAX_MS	60000	/* between them, in sum */
#define FETCH_CONNS_MAX		16	/* at once, to one registry */
#define INDEX_DEPTH_MAX		4	/* nested indexes */
#define INDEX_ENTRIES_MAX	1000
#define JSON_DEPTH_MAX		64
#define JSON_VALUES_MAX		262144		/* in one document */
#define LAYERS_MAX		127
#define BLOB_MAX		(64 * GIB)	/* one compressed layer */
#define IMAGE_MAX		(256 * GIB)	/* all of them together */
#define USER_MAXLEN		255		/* user[:group] of a config */

/* What a layer may hold. */
#define LAYER_BYTES_MAX		(256 * GIB)	/* decompressed */
#define LAYER_ENTRIES_MAX	2000000ULL
#define PATH_DEPTH_MAX		128
#define PATH_NAME_MAXLEN	255	/* one component */
#define PATH_MAXLEN		4095
#define XATTRS_MAX		64	/* per entry */
#define XATTR_BYTES_MAX		(64 * KIB)	/* per entry, names too */
#define PAX_HEADER_MAX		(1 * MIB)	/* one extended header */
#define ZSTD_WINDOWLOG_MAX	27	/* 128 MiB */
#define TAR_SLACK_MAX		(1 * MIB)	/* zeros after the end marker */
#define SPARSE_MAX		65536	/* pieces of one sparse file */
#define MTIME_MIN		(-2147483648LL)	/* what all disks keep */
#define MTIME_MAX		15032385535LL	/* ext4: May 2446 */

/* What a run may ask. */
#define RECORD_MAX		(4 * MIB)	/* app record, run record */
#define RECORD_ITEMS_MAX	65536
#define PASSWD_MAX		(1 * MIB)	/* the image's, and its group */

/* What berthd.conf may say. */
#define CONF_WORD_SIZE		4096	/* a path, a word; with NUL */
#define IDBASE_MIN		65536U	/* below are the host's own users */
#define IDCOUNT_MIN		1024U

/* Channels. */
#define MSG_PAYLOAD_MAX		(CONF_WORD_SIZE + 128)
#define MSG_TEXT_SIZE		1024	/* one line for a human, with NUL */
#define CHAN_QUEUE_MAX		256	/* messages waiting for one peer */
#define CHAN_QUEUE_FDS_MAX	8	/* descriptors among them */
#define MEMFD_MAX		(8 * MIB)	/* any sealed memfd */

/* The engine, and what it may ask the broker for. */
#define JOBS_MAX		16
#define PODS_MAX		1024
#define CLIENTS_MAX		(PODS_MAX + 64)	/* a run has its caller */
#define UNPACKERS_MAX		4	/* at once, per fetch job */
#define APPS_MAX		32	/* declared in berthd.conf */
#define PARAMS_MAX		32	/* per app */
#define SPAWN_PATH_SIZE		112	/* a directory of the store, with NUL */
#define CHILDREN_MAX		4096	/* processes of the engine's asking */
#define STOP_GRACE_MS		10000	/* TERM to KILL */

/* The HTTP worker. */
#define HTTP_HEAD_MAX		8192
#define HTTP_BODY_MAX		4096
#define HTTP_CONNS_MAX		10000
#define HTTP_DEADLINE_MS	10000	/* whole connection's request */
#define HTTP_QUERY_MAX		3072	/* decoded parameter values */
#define HTTP_REQUESTS_MAX	10000	/* on one connection */
#define HTTP_WAITING_MAX	1024	/* requests that wait for the engine */

/* Ids: see berthd.conf(5), "id range". */
#define IDRANGE_BASE		0x70000000U
#define IDRANGE_COUNT		65536U
#define WORKERID_HTTP		(IDRANGE_COUNT + 0U)	/* added to the base */
#define WORKERID_FETCH		(IDRANGE_COUNT + 1U)
#define WORKERID_ENGINE		(IDRANGE_COUNT + 2U)	/* the store is its */
#define WORKERID_CONF		(IDRANGE_COUNT + 3U)	/* to IDRANGE_BASE */

#endif
