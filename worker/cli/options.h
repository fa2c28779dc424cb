/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The words of berth(1): commands, options and what they say.  One table
 * of each drives the parser, the usage, the manual's test and completion.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "../../proto/msg.h"

enum command {
	CMD_NONE,
	CMD_FETCH,
	CMD_RUN,
	CMD_IMAGE_LIST,
	CMD_IMAGE_CAT_MANIFEST,
	CMD_IMAGE_EXPORT,
	CMD_IMAGE_VERIFY,
	CMD_IMAGE_RM,
	CMD_IMAGE_GC,
	CMD_CHECK,
	CMD_VERSION,
	CMD_HELP,
	CMD_MAX
};

/* Words kept in order. */
struct strings {
	const char	**v;
	size_t		 n, size;
};

struct options {
	enum command	 command;
	const char	*cmdgroup;	/* first word of two, or NULL */
	/* Of every command: */
	const char	*dir, *socket;
	uint32_t	 insecure;	/* INSECURE_* */
	uint32_t	 insecure_seen;	/* words of the list given */
	int		 debug, help;
	/* Of some: */
	int		 full, sync, json, interactive, readonly, nethost;
	int		 processes;
	int		 policy;	/* enum pull_policy, or -1 */
	int		 form;		/* enum export_form, or -1 */
	uint64_t	 memory;	/* bytes, 0: no limit */
	uint32_t	 cpu;		/* 1/1000 of one, 0: no limit */
	uint32_t	 pids;		/* 0: no limit */
	struct msg_platform platform;
	const char	*exec, *user, *group, *workdir, *hostname;
	struct strings	 setenv, environment, envfiles;
	struct strings	 operands;
	char *const	*args;		/* behind "--"; NULL: not given */
	size_t		 nargs;
};

/* One option; its value is written by set(), which returns why not. */
struct option {
	const char	*name;
	const char	*value;		/* what it is called; NULL: a switch */
	uint32_t	 commands;	/* 1 << enum command */
	const char	*(*set)(struct options *, const char *);
	const char	*help;
};

struct command_info {
	const char	*name;		/* one word or two */
	const char	*operands;	/* for the usage */
	size_t		 min, max;	/* how many */
	int		 args;		/* takes "-- ARG ..." */
	const char	*help;
};

#define OPTION_ALL	UINT32_MAX

extern const struct option		 option_table[];
extern const size_t			 option_count;
extern const struct command_info	 command_table[CMD_MAX];

/*
 * Parses a command line into *o.  0, or -1 with one line in why; o->command
 * and o->cmdgroup are set as soon as they are known.  Keeps pointers into argv.
 */
int	 options_parse(struct options *, int argc, char *const *argv,
	    char *why, size_t whysize);
void	 options_free(struct options *);
/* The command of one word or two, or CMD_NONE. */
enum command command_find(const char *, const char *);
/* The command is of the group that this first word of two names. */
int	 command_in(enum command, const char *group);
/* The word names a group of commands. */
int	 command_group(const char *);

/* Appends s, which is kept, not copied.  0, or -1 with errno. */
int	 strings_add(struct strings *, const char *s);
void	 strings_free(struct strings *);
/* The same with copies, all of them. */
int	 strings_add_copy(struct strings *, const char *s);
void	 strings_free_copies(struct strings *);

/*
 * value.c: each returns NULL, or what is wrong with the value.  Pure.
 */
/* 64M, 1.5Gi: K M G are powers of 1000, Ki Mi Gi of 1024.  Bytes. */
const char	*value_memory(const char *, uint64_t *);
/* 500m or 1.5: thousandths of one CPU. */
const char	*value_cpu(const char *, uint32_t *);
const char	*value_count(const char *, uint32_t *);
/* rkt's list; bits and words seen are added to what is there. */
const char	*value_insecure(const char *, uint32_t *bits, uint32_t *seen);
/* OS/ARCH[/VARIANT]. */
const char	*value_platform(const char *, struct msg_platform *);
/* The machine we were built for. */
void		 value_platform_here(struct msg_platform *);
/* NAME=VALUE whose NAME is not yet in the list. */
const char	*value_env(const char *, const struct strings *);
/* True when both NAME=VALUE have the same NAME. */
int		 value_env_same(const char *, const char *);

#endif
