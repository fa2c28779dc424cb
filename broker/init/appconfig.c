/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What runs in a container: the image's app record merged with the run
 * record.  Pure; berth-init calls it before anything is mounted.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "../../common/record.h"
#include "init.h"

#define ENV_DEFAULTS	8	/* room for appconfig_default() */

struct source {			/* one record */
	const void	*data;
	size_t		 len;
	enum record_key	 first, last;	/* keys that it may hold */
	enum appconfig_error damaged;
};

/* Values that come once, as the records say them. */
struct once {
	const char	*value[REC_MAX];
};

static int
is_list(enum record_key key)
{
	return (key == REC_ENTRYPOINT || key == REC_CMD || key == REC_ENV ||
	    key == REC_VOLUME || key == REC_ARG || key == REC_SETENV ||
	    key == REC_ENVIRONMENT);
}

/* Checks a record, counts its items by key and notes what comes once. */
static enum appconfig_error
scan(struct appconfig *c, const struct source *s, struct once *once,
    size_t *count)
{
	const char	*value;
	size_t		 off = 0, len;
	enum record_key	 key;

	if (record_check(s->data, s->len) == -1)
		return (s->damaged);
	while ((key = record_next(s->data, s->len, &off, &value, &len)) !=
	    REC_NONE) {
		if (key < s->first || key > s->last)
			return (s->damaged);
		if (count[key]++ > 0 && !is_list(key)) {
			c->bad = value;
			return (APPCONFIG_TWICE);
		}
		once->value[key] = value;
	}
	return (APPCONFIG_OK);
}

/* Appends every item with this key. */
static size_t
collect(const struct source *s, enum record_key want, const char **list,
    size_t n)
{
	const char	*value;
	size_t		 off = 0, len;
	enum record_key	 key;

	while ((key = record_next(s->data, s->len, &off, &value, &len)) !=
	    REC_NONE)
		if (key == want)
			list[n++] = value;
	return (n);
}

/* A command is entrypoint and cmd, where arguments stand in for cmd. */
static enum appconfig_error
merge_argv(struct appconfig *c, const struct source *app,
    const struct source *run, const struct once *once, const size_t *count)
{
	c->argv = calloc(count[REC_ENTRYPOINT] + count[REC_CMD] +
	    count[REC_ARG] + 2, sizeof(*c->argv));
	if (c->argv == NULL)
		return (APPCONFIG_MEMORY);
	if (once->value[REC_EXEC] != NULL)
		c->argv[c->argc++] = once->value[REC_EXEC];
	else
		c->argc = collect(app, REC_ENTRYPOINT, c->argv, 0);
	if (once->value[REC_EXEC] != NULL || count[REC_HASARGS] > 0)
		c->argc = collect(run, REC_ARG, c->argv, c->argc);
	else
		c->argc = collect(app, REC_CMD, c->argv, c->argc);
	return (c->argc == 0 ? APPCONFIG_COMMAND : APPCONFIG_OK);
}

/* Bytes of an entry's name; all of it when there is no "=" behind one. */
static size_t
name_len(const char *entry)
{
	const char	*eq = strchr(entry, '=');

	return (eq == NULL || eq == entry ? strlen(entry) :
	    (size_t)(eq - entry));
}

static uint32_t
name_hash(const char *s, size_t len)
{
	uint32_t	 h = 2166136261U;

	while (len-- > 0)
		h = (h ^ (unsigned char)*s++) * 16777619U;
	return (h);
}

static int
name_same(const char *a, const char *b, size_t len)
{
	return (name_len(a) == len && memcmp(a, b, len) == 0);
}

/*
 * Of entries with one name the last wins, in the first one's place.  By a
 * table, as an image may carry ten thousands of them.
 */
static enum appconfig_error
env_unique(struct appconfig *c)
{
	size_t		*table, size, i, slot, len, n = 0;

	for (size = 64; size < 2 * c->nenv + 2; size *= 2)
		;
	if ((table = calloc(size, sizeof(*table))) == NULL)
		return (APPCONFIG_MEMORY);
	for (i = 0; i < c->nenv; i++) {
		len = name_len(c->env[i]);
		slot = name_hash(c->env[i], len) & (size - 1);
		while (table[slot] != 0 &&
		    !name_same(c->env[table[slot] - 1], c->env[i], len))
			slot = (slot + 1) & (size - 1);
		if (table[slot] == 0) {
			c->env[n++] = c->env[i];
			table[slot] = n;
		} else
			c->env[table[slot] - 1] = c->env[i];
	}
	/* no stale entry behind the end, where defaults are added */
	memset(c->env + n, 0, (c->env_size - n) * sizeof(*c->env));
	c->nenv = n;
	free(table);
	return (APPCONFIG_OK);
}

static enum appconfig_error
merge_env(struct appconfig *c, const struct source *app,
    const struct source *run, const size_t *count)
{
	c->env_size = count[REC_ENV] + count[REC_SETENV] +
	    count[REC_ENVIRONMENT] + ENV_DEFAULTS + 1;
	if ((c->env = calloc(c->env_size, sizeof(*c->env))) == NULL)
		return (APPCONFIG_MEMORY);
	c->nenv = collect(app, REC_ENV, c->env, 0);
	c->nenv = collect(run, REC_SETENV, c->env, c->nenv);
	c->nenv = collect(run, REC_ENVIRONMENT, c->env, c->nenv);
	return (env_unique(c));
}

/* Absolute, below the root, not ours, and without "..". */
static int
volume_ok(const char *path)
{
	static const char *const ours[] = { "proc", "sys", "dev" };
	const char	*part = path;
	size_t		 len, i, depth = 0;

	if (*path != '/' || strlen(path) > PATH_MAXLEN)
		return (0);
	for (; *part != '\0'; part += len) {
		part += strspn(part, "/");
		len = strcspn(part, "/");
		if (len == 0 || (len == 1 && part[0] == '.'))
			continue;
		if (len == 2 && part[0] == '.' && part[1] == '.')
			return (0);
		for (i = 0; depth == 0 && i < 3; i++)
			if (len == strlen(ours[i]) &&
			    strncmp(part, ours[i], len) == 0)
				return (0);
		depth++;
	}
	return (depth > 0);
}

static enum appconfig_error
merge_volumes(struct appconfig *c, const struct source *app,
    const size_t *count)
{
	size_t	 i;

	if ((c->volumes = calloc(count[REC_VOLUME] + 1,
	    sizeof(*c->volumes))) == NULL)
		return (APPCONFIG_MEMORY);
	c->nvolumes = collect(app, REC_VOLUME, c->volumes, 0);
	for (i = 0; i < c->nvolumes; i++)
		if (!volume_ok(c->volumes[i])) {
			c->bad = c->volumes[i];
			return (APPCONFIG_VOLUME);
		}
	return (APPCONFIG_OK);
}

/* A decimal number of a signal; TERM when the image names none. */
static enum appconfig_error
stopsignal(struct appconfig *c, const char *s)
{
	c->stopsignal = SIGTERM;
	if (s == NULL)
		return (APPCONFIG_OK);
	c->bad = s;
	if (s[0] < '1' || s[0] > '9')
		return (APPCONFIG_STOPSIGNAL);
	c->stopsignal = s[0] - '0';
	if (s[1] != '\0') {
		if (s[1] < '0' || s[1] > '9' || s[2] != '\0')
			return (APPCONFIG_STOPSIGNAL);
		c->stopsignal = c->stopsignal * 10 + s[1] - '0';
	}
	return (c->stopsignal > 64 ? APPCONFIG_STOPSIGNAL : APPCONFIG_OK);
}

enum appconfig_error
appconfig_merge(struct appconfig *c, const void *app, size_t applen,
    const void *run, size_t runlen)
{
	const struct source	 a = { app, applen, REC_ENTRYPOINT, REC_VOLUME,
				     APPCONFIG_APP };
	const struct source	 r = { run, runlen, REC_EXEC, REC_RUNWORKDIR,
				     APPCONFIG_RUN };
	struct once		 once;
	size_t			 count[REC_MAX] = { 0 };
	enum appconfig_error	 error;

	memset(c, 0, sizeof(*c));
	memset(&once, 0, sizeof(once));
	c->bad = c->user = "";
	if ((error = scan(c, &a, &once, count)) != APPCONFIG_OK ||
	    (error = scan(c, &r, &once, count)) != APPCONFIG_OK ||
	    (error = merge_argv(c, &a, &r, &once, count)) != APPCONFIG_OK ||
	    (error = merge_env(c, &a, &r, count)) != APPCONFIG_OK ||
	    (error = merge_volumes(c, &a, count)) != APPCONFIG_OK ||
	    (error = stopsignal(c, once.value[REC_STOPSIGNAL])) !=
	    APPCONFIG_OK)
		return (error);
	if (once.value[REC_USER] != NULL)
		c->user = once.value[REC_USER];
	if (once.value[REC_RUNUSER] != NULL)
		c->user = once.value[REC_RUNUSER];
	c->group = once.value[REC_RUNGROUP];
	c->workdir = once.value[REC_WORKDIR];
	if (once.value[REC_RUNWORKDIR] != NULL)
		c->workdir = once.value[REC_RUNWORKDIR];
	if (c->workdir == NULL || *c->workdir == '\0')
		c->workdir = "/";
	c->bad = "";
	return (APPCONFIG_OK);
}

const char *
appconfig_env(const struct appconfig *c, const char *name)
{
	size_t	 i, len = strlen(name);

	for (i = 0; i < c->nenv; i++)
		if (strncmp(c->env[i], name, len) == 0 &&
		    c->env[i][len] == '=')
			return (c->env[i] + len + 1);
	return (NULL);
}

void
appconfig_default(struct appconfig *c, const char *entry)
{
	size_t	 i, len = name_len(entry);

	for (i = 0; i < c->nenv; i++)
		if (name_same(c->env[i], entry, len))
			return;
	if (c->nenv + 1 < c->env_size)
		c->env[c->nenv++] = entry;
}

const char *
appconfig_strerror(enum appconfig_error error)
{
	switch (error) {
	case APPCONFIG_OK:
		break;
	case APPCONFIG_MEMORY:
		return ("out of memory");
	case APPCONFIG_APP:
		return ("the image's app record is damaged");
	case APPCONFIG_RUN:
		return ("the run record is damaged");
	case APPCONFIG_TWICE:
		return ("given twice");
	case APPCONFIG_COMMAND:
		return ("the image names no command: give one with --exec");
	case APPCONFIG_STOPSIGNAL:
		return ("not a signal's number");
	case APPCONFIG_VOLUME:
		return ("not a path that a volume can have");
	}
	return ("no error");
}

void
appconfig_free(struct appconfig *c)
{
	free(c->argv);
	free(c->env);
	free(c->volumes);
	memset(c, 0, sizeof(*c));
}
