/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What berthd.conf(5) says, as berth-conf has told it.  It lives as long as
 * the broker.
 */
#ifndef BROKER_CONFIG_H
#define BROKER_CONFIG_H

#include <sys/socket.h>

#include <stddef.h>
#include <stdint.h>

#include "../common/limits.h"
#include "../proto/msg.h"

/* A query key that /start takes: argument or environment is set. */
struct config_param {
	char	 name[PARAMNAME_MAXLEN + 1];
	uint32_t flags;		/* PARAM_REQUIRED, PARAM_SECRET */
	char	*argument;	/* argv gets this word, then the value */
	char	*environment;	/* this variable gets the value */
};

struct config_app {
	char	 name[APPNAME_MAXLEN + 1];
	char	 ref[REF_MAXLEN + 1];	/* normal (ref.h), or "sha512-..." */
	char	 hostname[HOSTNAME_MAXLEN + 1];	/* empty: berthd chooses */
	int	 recordfd;	/* how each run record begins: sealed memfd */
	uint32_t hasargs;	/* it has words for argv */
	struct config_param params[PARAMS_MAX];	/* in argv's order */
	size_t	 nparams;
	uint64_t memory;	/* bytes, 0: no limit */
	uint32_t cpu;		/* 1/1000 of one CPU, 0: no limit */
	uint32_t pids;		/* 0: no limit */
	uint32_t flags;		/* RUN_NETHOST, RUN_READONLY, RUN_NOLIMITS */
};

struct config {
	const char *store;	/* absolute path, but for -s */
	char	*listen;	/* the address, for people */
	uint16_t port;
	struct sockaddr_storage sa;	/* listen and port, for bind() */
	socklen_t salen;
	int	 loopback;	/* the address is a loopback one */
	char	 token[128];	/* or empty */
	uint32_t insecure;	/* INSECURE_* */
	uint32_t idbase;	/* host id of the containers' id 0 */
	uint32_t idcount;	/* <= IDRANGE_COUNT; workers come behind */
	char	*group;		/* control group, for people; or NULL */
	uint32_t gid;		/* its id */
	struct config_app *apps;
	size_t	 napps;		/* <= APPS_MAX */
};

/* What a private broker needs. */
struct config	*config_private(void);
/*
 * Starts berth-conf for the file and takes what it says.  NULL when
 * something is wrong, which was told.  check: 0, or as often as -n was
 * given; store: what is then printed instead of the file's, or NULL.
 */
struct config	*config_load(const char *path, int check, const char *store);

#endif
