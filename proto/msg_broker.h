/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Payloads of what the broker says and hears: of berth-conf, whose words are
 * its configuration, and of the engine, at whose wish it makes processes.
 */
#ifndef PROTO_MSG_BROKER_H
#define PROTO_MSG_BROKER_H

#include <stdint.h>

#include "../common/limits.h"

/* A path or a word of berthd.conf, any bytes. */
struct msg_conf_word {
	char		 data[CONF_WORD_SIZE];
};

/* What berth-conf may ask for; a path goes with CONF_TOKEN alone. */
enum conf_file { CONF_TOKEN, CONF_GROUP, CONF_SUBUID, CONF_SUBGID,
    CONF_FILE_MAX };

struct msg_conf_open {
	uint32_t	 kind;		/* enum conf_file */
	char		 data[CONF_WORD_SIZE];
};

enum conf_family { CONF_INET, CONF_INET6, CONF_FAMILY_MAX };

/* All that is said once, but for the store. */
struct msg_conf_main {
	uint32_t	 insecure;	/* INSECURE_* */
	uint32_t	 gid;		/* of the control group */
	uint32_t	 family;	/* enum conf_family */
	uint32_t	 port;
	uint32_t	 idbase;
	uint32_t	 idcount;
	uint8_t		 addr[16];	/* IPv4 in the first four */
	char		 token[128];	/* empty: none configured */
	char		 group[256];	/* for people; empty: none */
	char		 listen[48];	/* the address, for people */
};

struct msg_conf_app {
	uint64_t	 memory;	/* as in msg_run */
	uint32_t	 cpu;
	uint32_t	 pids;
	uint32_t	 flags;		/* RUN_NETHOST, READONLY, NOLIMITS */
	uint32_t	 hasargs;	/* 1: the record has words for argv */
	char		 hostname[HOSTNAME_MAXLEN + 1];	/* or empty */
	char		 name[APPNAME_MAXLEN + 1];
	char		 ref[REF_MAXLEN + 1];	/* normal, or "sha512-..." */
	/* descriptor: sealed memfd, the start of each run record */
};

enum param_kind { PARAM_ARGUMENT, PARAM_ENVIRONMENT, PARAM_KIND_MAX };

/* The next parameter of the last CONF_APP. */
struct msg_conf_param {
	uint32_t	 flags;		/* PARAM_REQUIRED, PARAM_SECRET */
	uint32_t	 kind;		/* enum param_kind */
	char		 name[PARAMNAME_MAXLEN + 1];
	char		 data[CONF_WORD_SIZE];	/* argument or variable */
};

/* The same on its way to the engine, through a broker that does not look. */
struct msg_opaque_app {
	unsigned char	 data[sizeof(struct msg_conf_app)];
};

struct msg_opaque_param {
	unsigned char	 data[sizeof(struct msg_conf_param)];
};

/*
 * What the engine is told of the configuration, once.  It goes on after GO;
 * SERVE is the answer to its UP.
 */
struct msg_engine_start {
	uint32_t	 private;	/* for one command; else a daemon */
	uint32_t	 verbose;
	uint32_t	 pid;		/* of the broker, for the record */
	uint32_t	 insecure;	/* INSECURE_*: of the declared apps */
	uint32_t	 idbase;
	uint32_t	 idcount;
	uint32_t	 token_needed;	/* the listener is not loopback */
	uint32_t	 zero;
	char		 boot_id[UUID_SIZE];	/* or empty */
	char		 token[128];	/* empty: none configured */
	char		 failed[512];	/* why the store is of no use */
};

struct msg_engine_serve {
	uint32_t	 detached;	/* no standard error: to the broker */
};

/* One line of printable ASCII. */
struct msg_engine_log {
	uint32_t	 priority;	/* LOG_ERR to LOG_DEBUG */
	char		 text[MSG_TEXT_SIZE];
};

/* Who has connected, as the kernel says; descriptor: his socket. */
struct msg_engine_client {
	uint32_t	 uid;
	uint32_t	 pid;
};

struct msg_engine_born {
	uint32_t	 child;		/* the engine's number for it */
	uint32_t	 pid;		/* the host's */
	char		 lacking[MSG_TEXT_SIZE]; /* a limit not enforced */
};

struct msg_engine_ended {
	uint32_t	 child;
	uint32_t	 status;	/* as of waitpid(2) */
	uint32_t	 oom;		/* killed for want of memory */
	char		 why[MSG_TEXT_SIZE];	/* it was never started */
};

/* A directory of the store, opened O_PATH by the new process itself. */
struct msg_spawn_dir {
	char		 path[SPAWN_PATH_SIZE];
};

/* With what SPAWN_FD and SPAWN_DIR have named since the last: 3, 4, ... */
struct msg_spawn {
	uint32_t	 child;		/* greater than any before */
	uint32_t	 program;	/* enum program */
	uint32_t	 flags;		/* RUN_NETHOST, NOLIMITS, SPAWN_IDLE */
	uint32_t	 cpu;		/* limits as in msg_run: SPAWN_INIT */
	uint32_t	 pids;
	uint32_t	 zero;
	uint64_t	 memory;
	char		 uuid[UUID_SIZE];	/* SPAWN_INIT; else empty */
};

struct msg_spawn_kill {
	uint32_t	 child;		/* SIGKILL, when it still lives */
};

/* Cgroups that a dead broker left of this pod. */
struct msg_spawn_sweep {
	char		 uuid[UUID_SIZE];
};

#endif
