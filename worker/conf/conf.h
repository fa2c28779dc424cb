/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * berth-conf's own header: what berthd.conf(5) says.  Strings are the
 * config's own until config_free().
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <sys/types.h>

#include <stdint.h>
#include <stddef.h>
#include <stdio.h>

#include "../../common/limits.h"
#include "../../proto/msg.h"

#define CONFIG_MAXSIZE		(256 * KIB)
#define CONFIG_TOKEN_MINLEN	16
#define CONFIG_TOKEN_MAXLEN	127	/* fits msg_conf_main.token */
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
	uint32_t family;	/* enum conf_family */
	uint16_t port;
	uint8_t	 addr[16];	/* IPv4 in the first four */
	char	*tokenfile;	/* or NULL */
	char	 token[CONFIG_TOKEN_MAXLEN + 1];	/* or empty */
	uint32_t insecure;	/* INSECURE_* */
	uint32_t insecure_seen;	/* the words, by their number */
	uint32_t idbase;	/* host id of the containers' id 0 */
	uint32_t idcount;	/* <= IDRANGE_COUNT; workers come behind */
	char	*group;		/* control group by name, or NULL */
	uint32_t gid;		/* its id */
	struct config_app *apps;
	size_t	 napps;		/* <= APPS_MAX */
	uint64_t seen;		/* parse.y's */
};

/* config.c */

/* The defaults, or NULL. */
struct config	*config_new(void);
/*
 * The whole file of that descriptor, which is closed; path is for messages.
 * Every error goes to standard error as "path:line: message"; NULL then.
 */
struct config	*config_parse(int fd, const char *path);
/* NULL is fine; the token is wiped. */
void		 config_free(struct config *);
/* Others than this host can connect. */
int		 config_public(const struct config *);

/* print.c: as a file that parses again to the same; never the token. */
void		 config_print(const struct config *, FILE *);

/*
 * conf.c: a file that the broker opens for us, path for CONF_TOKEN only.
 * Its descriptor, or -1 with *why, which stays until the next call.
 */
int		 conf_open(enum conf_file, const char *path,
		    const char **why);

/* parse.y: fills *c; path is for messages.  Returns the errors told. */
unsigned int	 config_parse_text(struct config *c, const char *path,
		    const char *text, size_t len);

/*
 * set.c, called by the grammar.  They copy what they keep, and
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
/* Frees what it holds and zeroes it. */
void		 config_app_clear(struct config_app *);

#endif
