/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The tables of commands and options and the one parser that they drive,
 * for the command line.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../common/log.h"
#include "../../common/valid.h"
#include "options.h"

#define BIT(c)		(1U << CMD_##c)

const struct command_info command_table[CMD_MAX] = {
	[CMD_FETCH] = { "fetch", "IMAGE ...", 1, SIZE_MAX, 0,
	    "fetch images into the store" },
	[CMD_RUN] = { "run", "IMAGE [-- ARG ...]", 1, 1, 1,
	    "run an image, fetching it if needed" },
	[CMD_IMAGE_LIST] = { "image list", "", 0, 0, 0,
	    "list the images of the store" },
	[CMD_IMAGE_CAT_MANIFEST] = { "image cat-manifest", "IMAGE", 1, 1, 0,
	    "print an image's manifest" },
	[CMD_IMAGE_EXPORT] = { "image export", "IMAGE DEST", 2, 2, 0,
	    "write an image out of the store" },
	[CMD_IMAGE_VERIFY] = { "image verify", "IMAGE ...", 1, SIZE_MAX, 0,
	    "prove that what is stored is what the ID pins" },
	[CMD_IMAGE_RM] = { "image rm", "IMAGE ...", 1, SIZE_MAX, 0,
	    "remove images" },
	[CMD_IMAGE_GC] = { "image gc", "", 0, 0, 0,
	    "remove what no image needs" },
	[CMD_CHECK] = { "check", "", 0, 0, 0,
	    "say what this host can enforce, and what is missing" },
	[CMD_VERSION] = { "version", "", 0, 0, 0,
	    "print the version" },
	[CMD_HELP] = { "help", "[COMMAND]", 0, 2, 0,
	    "print what a command takes" },
};

/* A function that writes the option's value where it belongs. */
#define SET(name, expr)							\
static const char *							\
set_##name(struct options *o, const char *v)				\
{									\
	return (expr);							\
}

/* A word that must not be empty. */
static const char *
word(const char **where, const char *v)
{
	if (*v == '\0')
		return ("must not be empty");
	*where = v;
	return (NULL);
}

/* true or false, as rkt takes them; alone it is true. */
static const char *
flag(int *where, const char *v)
{
	if (v == NULL || strcmp(v, "true") == 0)
		*where = 1;
	else if (strcmp(v, "false") == 0)
		*where = 0;
	else
		return ("expected true or false");
	return (NULL);
}

static const char *
env(struct strings *list, const char *v)
{
	const char	*why;

	if ((why = value_env(v, list)) != NULL)
		return (why);
	return (strings_add(list, v) == -1 ? strerror(errno) : NULL);
}

/* One of the words, or what was expected; *where becomes its number. */
static const char *
choice(int *where, const char *const *words, const char *expected,
    const char *v)
{
	int	 i;

	for (i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], v) != 0)
			continue;
		*where = i;
		return (NULL);
	}
	return (expected);
}

/* In the order of enum pull_policy; of "is it the host's"; of "is it JSON". */
static const char *const	 policies[] = { "new", "update", "never",
				    NULL };
static const char *const	 nets[] = { "none", "host", NULL };
static const char *const	 formats[] = { "table", "json", NULL };

static const char *
set_form(struct options *o, int form, const char *v)
{
	int	 on = 0;

	if (flag(&on, v) != NULL || !on)
		return ("takes no value");
	if (o->form != -1 && o->form != form)
		return ("--oci and --layered exclude each other");
	o->form = form;
	return (NULL);
}

static const char *
set_hostname(struct options *o, const char *v)
{
	if (!valid_hostname(v))
		return ("expected letters, digits, \"-\" and \".\", 64 at "
		    "most");
	o->hostname = v;
	return (NULL);
}

static const char *
set_workdir(struct options *o, const char *v)
{
	if (*v != '/')
		return ("expected an absolute path");
	o->workdir = v;
	return (NULL);
}

static const char *
set_envfile(struct options *o, const char *v)
{
	if (*v == '\0')
		return ("must not be empty");
	return (strings_add(&o->envfiles, v) == -1 ? strerror(errno) : NULL);
}

SET(dir, word(&o->dir, v))
SET(socket, word(&o->socket, v))
SET(insecure, value_insecure(v, &o->insecure, &o->insecure_seen))
SET(debug, flag(&o->debug, v))
SET(processes, flag(&o->processes, v))
SET(help, flag(&o->help, v))
SET(full, flag(&o->full, v))
SET(sync, flag(&o->sync, v))
SET(format, choice(&o->json, formats, "expected table or json", v))
SET(policy, choice(&o->policy, policies, "expected new, update or never", v))
SET(platform, value_platform(v, &o->platform))
SET(oci, set_form(o, EXPORT_OCI, v))
SET(layered, set_form(o, EXPORT_LAYERED, v))
SET(exec, word(&o->exec, v))
SET(environment, env(&o->environment, v))
SET(setenv, env(&o->setenv, v))
SET(user, word(&o->user, v))
SET(group, word(&o->group, v))
SET(interactive, flag(&o->interactive, v))
SET(readonly, flag(&o->readonly, v))
SET(net, choice(&o->nethost, nets, "expected none or host", v))
SET(memory, value_memory(v, &o->memory))
SET(cpu, value_cpu(v, &o->cpu))
SET(pids, value_count(v, &o->pids))

const struct option option_table[] = {
	{ "connect", "SOCKET", OPTION_ALL, set_socket,
	    "ask the daemon on this socket" },
	{ "debug", NULL, OPTION_ALL, set_debug,
	    "say more on standard error" },
	{ "dir", "DIR", OPTION_ALL, set_dir,
	    "the store (default /var/lib/berth)" },
	{ "help", NULL, OPTION_ALL, set_help,
	    "print what the command takes" },
	{ "insecure-options", "LIST", OPTION_ALL, set_insecure,
	    "checks that are left out" },
	{ "cpu", "CPUS", BIT(RUN), set_cpu,
	    "limit, such as 1.5 or 500m" },
	{ "environment", "NAME=VALUE", BIT(RUN), set_environment,
	    "set a variable, above all others; repeatable" },
	{ "exec", "PATH", BIT(RUN), set_exec,
	    "run this instead of the image's command" },
	{ "format", "table|json", BIT(IMAGE_LIST) | BIT(CHECK), set_format,
	    "how to print" },
	{ "full", NULL, BIT(FETCH) | BIT(IMAGE_LIST), set_full,
	    "print IDs whole" },
	{ "group", "GROUP", BIT(RUN), set_group,
	    "run as this group, a name or a number" },
	{ "hostname", "NAME", BIT(RUN), set_hostname,
	    "the host name inside" },
	{ "interactive", NULL, BIT(RUN), set_interactive,
	    "give the app a terminal of its own" },
	{ "layered", NULL, BIT(IMAGE_EXPORT), set_layered,
	    "write the image's ACI and its layers as files" },
	{ "memory", "BYTES", BIT(RUN), set_memory,
	    "limit, such as 64M or 1.5Gi" },
	{ "net", "none|host", BIT(RUN), set_net,
	    "the network (default none)" },
	{ "oci", NULL, BIT(IMAGE_EXPORT), set_oci,
	    "write an OCI archive" },
	{ "pids", "NUMBER", BIT(RUN), set_pids,
	    "limit on processes" },
	{ "platform", "OS/ARCH[/VARIANT]", BIT(FETCH) | BIT(RUN),
	    set_platform, "what to take from an index" },
	{ "processes", NULL, BIT(CHECK), set_processes,
	    "say what confines each process of the store" },
	{ "pull-policy", "new|update|never", BIT(FETCH) | BIT(RUN),
	    set_policy, "when to ask the registry" },
	{ "readonly-rootfs", NULL, BIT(RUN), set_readonly,
	    "mount the root file system read-only" },
	{ "set-env", "NAME=VALUE", BIT(RUN), set_setenv,
	    "set a variable, above the image's; repeatable" },
	{ "set-env-file", "FILE", BIT(RUN), set_envfile,
	    "read variables, below --set-env; repeatable" },
	{ "sync", NULL, BIT(FETCH) | BIT(RUN), set_sync,
	    "wait until the image is safe on the disk" },
	{ "user", "USER", BIT(RUN), set_user,
	    "run as this user, a name or a number" },
	{ "working-dir", "DIR", BIT(RUN), set_workdir,
	    "start in this directory" },
};
const size_t	 option_count = sizeof(option_table) / sizeof(option_table[0]);

int
strings_add(struct strings *list, const char *s)
{
	const char	**v;
	size_t		 size;

	if (list->n == list->size) {
		size = list->size == 0 ? 8 : 2 * list->size;
		if ((v = reallocarray(list->v, size, sizeof(*v))) == NULL)
			return (-1);
		list->v = v;
		list->size = size;
	}
	list->v[list->n++] = s;
	return (0);
}

int
strings_add_copy(struct strings *list, const char *s)
{
	char	*copy;

	if ((copy = strdup(s)) != NULL && strings_add(list, copy) == 0)
		return (0);
	free(copy);
	return (-1);
}

void
strings_free_copies(struct strings *list)
{
	size_t	 i;

	for (i = 0; i < list->n; i++)
		free((char *)(uintptr_t)list->v[i]);
	strings_free(list);
}

void
strings_free(struct strings *list)
{
	free(list->v);
	memset(list, 0, sizeof(*list));
}

void
options_free(struct options *o)
{
	strings_free(&o->setenv);
	strings_free(&o->environment);
	strings_free(&o->envfiles);
	strings_free(&o->operands);
}

enum command
command_find(const char *first, const char *second)
{
	const char	*name;
	unsigned int	 c;

	for (c = CMD_NONE + 1; c < CMD_MAX; c++) {
		name = command_table[c].name;
		if (second == NULL ? strcmp(name, first) == 0 :
		    command_in((enum command)c, first) &&
		    strcmp(name + strlen(first) + 1, second) == 0)
			return ((enum command)c);
	}
	return (CMD_NONE);
}

int
command_in(enum command c, const char *group)
{
	const char	*name = command_table[c].name;
	size_t		 len = strlen(group);

	return (strncmp(name, group, len) == 0 && name[len] == ' ');
}

int
command_group(const char *word)
{
	unsigned int	 c;

	for (c = CMD_NONE + 1; c < CMD_MAX; c++)
		if (command_in((enum command)c, word))
			return (1);
	return (0);
}

/* A word of the command line, encoded, and what is wrong with it. */
static int
fail(char *why, size_t size, const char *foreign, const char *reason)
{
	char	 enc[256];

	log_encode(enc, sizeof(enc), foreign, strlen(foreign));
	snprintf(why, size, "%s: %s", enc, reason);
	return (-1);
}

/* The same of an option; what follows NAME= may be a secret. */
static int
fail_value(char *why, size_t size, const struct option *opt,
    const char *value, const char *reason)
{
	char	 enc[256];

	log_encode(enc, sizeof(enc), value == NULL ? "" : value,
	    value == NULL ? 0 : strcspn(value, "="));
	snprintf(why, size, "--%s%s%s: %s", opt->name,
	    value == NULL ? "" : "=", enc, reason);
	return (-1);
}

static const struct option *
option_find(const char *name, size_t len)
{
	size_t	 i;

	for (i = 0; i < option_count; i++)
		if (strlen(option_table[i].name) == len &&
		    memcmp(option_table[i].name, name, len) == 0)
			return (&option_table[i]);
	return (NULL);
}

/* What the parser is at. */
struct parse {
	struct options	*o;
	char *const	*argv;
	int		 argc, i;
	char		*why;
	size_t		 whysize;
};

/* The option at argv[i]; moves i to its value if that is the next word. */
static int
parse_option(struct parse *p)
{
	const struct option	*opt;
	const char		*arg = p->argv[p->i], *value = NULL, *reason;
	size_t			 len = 0;

	if (arg[1] != '-')
		return (fail(p->why, p->whysize, arg, "unknown option"));
	len = strcspn(arg + 2, "=");
	if ((opt = option_find(arg + 2, len)) == NULL)
		return (fail(p->why, p->whysize, arg, "unknown option"));
	if (opt->commands != OPTION_ALL &&
	    (opt->commands & 1U << p->o->command) == 0)
		return (fail(p->why, p->whysize, arg,
		    p->o->command == CMD_NONE ?
		    "stands behind the command that it belongs to" :
		    "not an option of this command"));
	if (arg[2 + len] == '=')
		value = arg + 2 + len + 1;
	else if (opt->value != NULL) {
		if (p->i + 1 == p->argc)
			return (fail(p->why, p->whysize, arg,
			    "needs a value"));
		value = p->argv[++p->i];
	}
	if ((reason = opt->set(p->o, value)) != NULL)
		return (fail_value(p->why, p->whysize, opt, value, reason));
	return (0);
}

static int
parse_word(struct parse *p)
{
	struct options	*o = p->o;
	const char	*arg = p->argv[p->i];

	if (o->command != CMD_NONE) {
		if (strings_add(&o->operands, arg) == -1)
			return (fail(p->why, p->whysize, arg,
			    strerror(errno)));
		return (0);
	}
	if (o->cmdgroup == NULL && command_group(arg)) {
		o->cmdgroup = arg;
		return (0);
	}
	if (o->cmdgroup == NULL)
		o->command = command_find(arg, NULL);
	else
		o->command = command_find(o->cmdgroup, arg);
	if (o->command == CMD_NONE)
		return (fail(p->why, p->whysize, arg, "unknown command"));
	return (0);
}

/* The whole line has been read: is it a command line? */
static int
parse_end(struct parse *p)
{
	struct options			*o = p->o;
	const struct command_info	*info = &command_table[o->command];

	if (o->help)
		return (0);
	if (o->command == CMD_NONE) {
		snprintf(p->why, p->whysize, "%s%sno command given",
		    o->cmdgroup == NULL ? "" : o->cmdgroup,
		    o->cmdgroup == NULL ? "" : ": ");
		return (-1);
	}
	if (o->dir != NULL && o->socket != NULL) {
		snprintf(p->why, p->whysize,
		    "--dir and --connect exclude each other");
		return (-1);
	}
	if (o->operands.n > info->max)
		return (fail(p->why, p->whysize, o->operands.v[info->max],
		    info->args ? "one IMAGE only; what the app shall get "
		    "stands behind \"--\"" : "too many arguments"));
	if (o->operands.n < info->min) {
		/* all but the " ..." or " [" of what may follow */
		snprintf(p->why, p->whysize, "%s: needs %.*s", info->name,
		    (int)strcspn(info->operands, ".[") -
		    (strpbrk(info->operands, ".[") != NULL), info->operands);
		return (-1);
	}
	if (o->command == CMD_IMAGE_EXPORT && o->form == -1) {
		snprintf(p->why, p->whysize,
		    "%s: needs --oci or --layered", info->name);
		return (-1);
	}
	return (0);
}

int
options_parse(struct options *o, int argc, char *const *argv, char *why,
    size_t whysize)
{
	struct parse	 p = { .o = o, .argv = argv, .argc = argc,
			    .why = why, .whysize = whysize };

	memset(o, 0, sizeof(*o));
	o->policy = o->form = -1;
	value_platform_here(&o->platform);
	for (p.i = 1; p.i < argc; p.i++) {
		if (strcmp(argv[p.i], "--") == 0) {
			if (!command_table[o->command].args)
				return (fail(why, whysize, "--",
				    "nothing here takes arguments"));
			if (o->operands.n == 0)
				return (fail(why, whysize, "--", "an image "
				    "is required before any app arguments"));
			o->args = argv + p.i + 1;
			o->nargs = (size_t)(argc - p.i - 1);
			break;
		}
		if ((argv[p.i][0] == '-' ? parse_option(&p) :
		    parse_word(&p)) == -1)
			return (-1);
	}
	return (parse_end(&p));
}
