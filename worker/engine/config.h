/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What the broker has told of berthd.conf(5).  It lives as long as the
 * engine.
 */
#ifndef ENGINE_CONFIG_H
#define ENGINE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "../../common/limits.h"
#include "../../proto/msg.h"

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
	uint32_t token_needed;	/* the listener is not loopback */
	char	 token[128];	/* or empty */
	uint32_t insecure;	/* INSECURE_* */
	uint32_t idbase;	/* host id of the containers' id 0 */
	uint32_t idcount;
	struct config_app *apps;
	size_t	 napps;		/* <= APPS_MAX */
};

#endif
