/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What berthd.conf(5) says, read once by the broker.  Strings are the
 * config's own until config_free().
 */
#ifndef BROKER_CONFIG_H
#define BROKER_CONFIG_H

#include <sys/socket.h>
#include <sys/types.h>

#include <stdint.h>
#include <stddef.h>
#include <stdio.h>

#include "../common/limits.h"
#include "../proto/msg.h"

#define CONFIG_MAXSIZE		(256 * KIB)
#define CONFIG_TOKEN_MINLEN	16
#define CONFIG_TOKEN_MAXLEN	127	/* fits msg_http_hello.token */
#define CONFIG_WORDS_MAX	256	/* arguments or environment of an app */

/*
 * A query key that /start takes.  Exactly one of argument and environment
 * is set; a secret has never an argument.
 */
struct config_param {
	char	 name[PARAMNAME_MAXLEN + 1];
	uint32_t flags;		/* PARAM_REQUIRED, PARAM_SECRET */
	char	*argument;	/* argv gets this word, then the value */
	char	*environment;	/* this variable gets the value */
};

struct config_app {
	char	 name[APPNAME_MAXLEN + 1];
	char	*image;		/* as written: "docker://...", "sha512-..." */
	/* The normalised reference (ref.h), or "sha512-...". */
	char	 ref[REF_MAXLEN + 1];
	char	**env;		/* NAME=VALUE each */
	size_t	 nenv;
	char	**args;		/* words that follow ENTRYPOINT */
	size_t	 nargs;
	struct config_param *params;	/* their order is argv's order */
	size_t	 nparams;	/* <= PARAMS_MAX */
	char	*exec;		/* replaces ENTRYPOINT and CMD, or NULL */
	char	*user;		/* or NULL: the image's */
	char	*group;
	char	*workdir;
	char	*hostname;	/* or NULL: berthd chooses */
	uint64_t memory;	/* bytes, 0: no limit */
	uint32_t cpu;		/* 1/1000 of one CPU, 0: no limit */
	uint32_t pids;		/* 0: no limit */
	uint32_t flags;		/* RUN_NETHOST, RUN_READONLY, RUN_NOLIMITS */
	uint64_t seen;		/* parse.y's: what was said already */
};

struct config {
	char	*store;		/* absolute path */
	char	*listen;	/* numeric address as written */
	uint16_t port;
	struct sockaddr_storage sa;	/* listen and port, for bind() */
	socklen_t salen;
	int	 loopback;	/* the address is a loopback one */
	char	*tokenfile;	/* or NULL */
	char	 token[CONFIG_TOKEN_MAXLEN + 1];	/* or empty */
	uint32_t insecure;	/* INSECURE_* */
	uint32_t idbase;	/* host id of the containers' id 0 */
	uint32_t idcount;	/* <= IDRANGE_COUNT; workers come behind */
	char	*group;		/* control group by name, or NULL */
	uint32_t gid;		/* its id */
	struct config_app *apps;
	size_t	 napps;		/* <= APPS_MAX */
	uint64_t seen;		/* parse.y's */
};

/*
 * Reads and checks the file and the token file.  Every error goes to
 * standard error as "path:line: message"; NULL then.  With path NULL: the
 * defaults alone.
 */
struct config	*config_parse(const char *path);
/* NULL is fine; the token is wiped. */
void		 config_free(struct config *);
/* The config as a file that parses again to the same; never the token. */
void		 config_print(const struct config *, FILE *);

/* parse.y: fills *c; path is for messages.  Returns the errors told. */
unsigned int	 config_parse_text(struct config *c, const char *path,
		    const char *text, size_t len);

/*
 * config_set.c, called by the grammar.  They copy what they keep, and
 * return NULL, or why not.
 */
const char	*config_set_listen(struct config *, const char *address,
		    const char *port);
const char	*config_set_token(struct config *, const char *path);
const char	*config_set_insecure(struct config *, const char *word);
const char	*config_set_ids(struct config *, const char *base,
		    const char *count);
const char	*config_set_group(struct config *, const char *);
const char	*config_set_image(struct config_app *, const char *);
const char	*config_set_memory(struct config_app *, const char *);
const char	*config_set_cpu(struct config_app *, const char *);
const char	*config_set_pids(struct config_app *, const char *);
const char	*config_set_hostname(struct config_app *, const char *);
const char	*config_add_word(char ***, size_t *n, const char *);
const char	*config_add_env(struct config_app *, const char *assignment);
/* Takes the param's strings, on failure too. */
const char	*config_add_param(struct config_app *, const char *name,
		    struct config_param *);
/* Frees what it holds and zeroes it. */
void		 config_param_clear(struct config_param *);
/* NULL with *why when name cannot be one. */
struct config_app *config_add_app(struct config *, const char *name,
		    const char **why);
/* What can only be said when all of an app is known. */
const char	*config_check_app(const struct config_app *);
/* Frees what it holds and zeroes it. */
void		 config_app_clear(struct config_app *);
/*
 * config.c: a regular file of root's or ours without a bit of forbidden in
 * its mode, at most max bytes and a NUL behind them.  The caller frees.
 */
char		*config_read(const char *path, mode_t forbidden, size_t max,
		    size_t *len, const char **why);

#endif
