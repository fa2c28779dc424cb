/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What each line of berthd.conf(5) may say and what it sets, for the
 * grammar.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "../../common/ref.h"
#include "../../common/valid.h"
#include "../file.h"
#include "../insecure.h"
#include "conf.h"

#define GROUPS_MAXSIZE	(16 * MIB)	/* of /etc/group */
#define MEMORY_MIN	(1 * MIB)
#define MEMORY_MAX	(1024 * 1024 * GIB)
#define CPU_MAX		1000000	/* 1000 CPUs */
#define PIDS_MAX	4194304	/* what Linux can count */

static const char no_memory[] = "out of memory";

/*
 * Decimal or 0x hex digits at the head of s, at most max; *end is behind
 * them.  -1 when there are none or they are too many.
 */
static int64_t
number(const char *s, const char **end, int64_t max)
{
	char		*e;
	long long	 n;

	if (*s < '0' || *s > '9')	/* strtoll() takes blanks and signs */
		return (-1);
	errno = 0;
	n = strtoll(s, &e, strncmp(s, "0x", 2) == 0 ? 16 : 10);
	*end = e;
	return (errno == 0 && n <= max ? n : -1);
}

static int64_t
whole_number(const char *s, int64_t max)
{
	const char	*end;
	int64_t		 n = number(s, &end, max);

	return (n >= 0 && *end == '\0' ? n : -1);
}

const char *
config_set_listen(struct config *c, const char *address, const char *port)
{
	int64_t	 n;
	char	*copy;

	if ((n = whole_number(port, 65535)) < 1)
		return ("port is not a number from 1 to 65535");
	memset(c->addr, 0, sizeof(c->addr));
	if (inet_pton(AF_INET, address, c->addr) == 1)
		c->family = CONF_INET;
	else if (inet_pton(AF_INET6, address, c->addr) == 1)
		c->family = CONF_INET6;
	else
		return ("not a numeric IPv4 or IPv6 address");
	if ((copy = strdup(address)) == NULL)
		return (no_memory);
	free(c->listen);
	c->listen = copy;
	c->port = (uint16_t)n;
	return (NULL);
}

const char *
config_set_token(struct config *c, const char *path)
{
	const char	*why;
	char		*text;
	size_t		 i, len;
	int		 fd;

	if ((c->tokenfile = strdup(path)) == NULL)
		return (no_memory);
	if (*path != '/')
		return ("not an absolute path");
	if ((fd = conf_open(CONF_TOKEN, path, &why)) == -1)
		return (why);
	if ((text = file_read(fd, CONFIG_TOKEN_MAXLEN + 1, &len, &why)) ==
	    NULL)
		return (why);
	if (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	for (i = 0; i < len && text[i] > 0x20 && text[i] < 0x7f; i++)
		continue;
	if (i < len)
		why = "the token has a blank or a byte that is not ASCII";
	else if (len < CONFIG_TOKEN_MINLEN || len > CONFIG_TOKEN_MAXLEN)
		why = "the token is not of 16 to 127 characters";
	else
		memcpy(c->token, text, len);
	freezero(text, len);
	return (why);
}

const char *
config_set_insecure(struct config *c, const char *word)
{
	uint32_t	 bits;
	int		 i;

	if ((i = insecure_find(word, strlen(word), strncmp, &bits)) == -1)
		return ("not " INSECURE_WORDS " or all");
	if ((c->insecure_seen & 1U << i) != 0)
		return ("said twice");
	c->insecure_seen |= 1U << i;
	c->insecure |= bits;
	return (NULL);
}

const char *
config_set_ids(struct config *c, const char *base, const char *count)
{
	/* The workers' own ids lie behind a full range; -1 is no id. */
	int64_t	 first, n, last = UINT32_MAX - 1 - WORKERID_ENGINE;

	if ((first = whole_number(base, last)) < IDBASE_MIN)
		return ("not a number from 65536 to 4294901756");
	if ((n = whole_number(count, IDRANGE_COUNT)) < IDCOUNT_MIN)
		return ("count is not a number from 1024 to 65536");
	c->idbase = (uint32_t)first;
	c->idcount = (uint32_t)n;
	return (NULL);
}

/* "name:password:id:members" in a line of group(5); -1: no such line. */
static int64_t
group_find(char *text, const char *name)
{
	char	*line, *field;
	int64_t	 gid;

	while ((line = strsep(&text, "\n")) != NULL) {
		if ((field = strsep(&line, ":")) == NULL ||
		    strcmp(field, name) != 0 || strsep(&line, ":") == NULL ||
		    (field = strsep(&line, ":")) == NULL)
			continue;
		if ((gid = whole_number(field, UINT32_MAX - 1)) != -1)
			return (gid);
	}
	return (-1);
}

const char *
config_set_group(struct config *c, const char *name)
{
	const char	*why;
	char		*text;
	size_t		 len;
	int64_t		 gid;
	int		 fd;

	if ((fd = conf_open(CONF_GROUP, "", &why)) == -1 ||
	    (text = file_read(fd, GROUPS_MAXSIZE, &len, &why)) == NULL)
		return (why);
	gid = group_find(text, name);
	free(text);
	if (gid == -1)
		return ("no such group");
	if ((c->group = strdup(name)) == NULL)
		return (no_memory);
	c->gid = (uint32_t)gid;
	return (NULL);
}

const char *
config_set_image(struct config_app *a, const char *image)
{
	struct ref	 ref;
	enum ref_error	 error;

	if (strncmp(image, "docker://", 9) == 0) {
		if ((error = ref_parse(image + 9, &ref)) != REF_OK)
			return (ref_strerror(error));
		if (ref_format(&ref, a->ref, sizeof(a->ref)) == -1)
			return (ref_strerror(REF_LONG));
	} else if (valid_imageid(image, IMAGEID_PRINTLEN))
		strlcpy(a->ref, image, sizeof(a->ref));
	else
		return ("neither docker://NAME nor sha512- and 32 to 128 "
		    "hex digits");
	return ((a->image = strdup(image)) == NULL ? no_memory : NULL);
}

const char *
config_set_memory(struct config_app *a, const char *s)
{
	static const char	 units[] = "KMGT";
	const char		*end = "?", *unit;
	int64_t			 n, factor = 1;

	if ((n = number(s, &end, MEMORY_MAX)) != -1 && *end != '\0' &&
	    (unit = strchr(units, *end)) != NULL) {
		factor = 1024LL << (10 * (unit - units));
		end++;
	}
	if (n == -1 || *end != '\0' || n > (int64_t)MEMORY_MAX / factor ||
	    n * factor < (int64_t)MEMORY_MIN)
		return ("not bytes from 1M to 1024T, K, M, G or T behind them");
	a->memory = (uint64_t)(n * factor);
	return (NULL);
}

/* "2", "0.5" or "500m". */
const char *
config_set_cpu(struct config_app *a, const char *s)
{
	const char	*end = "?";
	int64_t		 n, digit = 100;

	n = number(s, &end, CPU_MAX);
	if (n != -1 && *end == 'm')
		end++;
	else if (n != -1) {
		n *= 1000;
		if (*end == '.' && end[1] != '\0')
			for (end++; digit > 0 && *end >= '0' && *end <= '9';
			    digit /= 10)
				n += (*end++ - '0') * digit;
	}
	if (*end != '\0' || n < 1 || n > CPU_MAX)
		return ("not CPUs from 0.001 to 1000, as 0.5 or 500m");
	a->cpu = (uint32_t)n;
	return (NULL);
}

const char *
config_set_pids(struct config_app *a, const char *s)
{
	int64_t	 n;

	if ((n = whole_number(s, PIDS_MAX)) < 1)
		return ("not a number from 1 to 4194304");
	a->pids = (uint32_t)n;
	return (NULL);
}

const char *
config_set_hostname(struct config_app *a, const char *s)
{
	if (!valid_hostname(s))
		return ("not a host name");
	return ((a->hostname = strdup(s)) == NULL ? no_memory : NULL);
}

const char *
config_add_word(char ***words, size_t *n, const char *word)
{
	char	**grown;

	if (*n == CONFIG_WORDS_MAX)
		return ("more than 256 of them");
	grown = recallocarray(*words, *n, *n + 1, sizeof(*grown));
	if (grown == NULL)
		return (no_memory);
	*words = grown;
	if ((grown[*n] = strdup(word)) == NULL)
		return (no_memory);
	(*n)++;
	return (NULL);
}

/* The first len bytes of s are the name of an environment variable. */
static int
is_envname(const char *s, size_t len)
{
	return (len > 0 && (*s < '0' || *s > '9') && strspn(s,
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789_") >= len);
}

const char *
config_add_env(struct config_app *a, const char *assignment)
{
	size_t	 i, len = strcspn(assignment, "=");

	if (assignment[len] != '=' || !is_envname(assignment, len))
		return ("not NAME=VALUE with letters, digits and _ in NAME");
	for (i = 0; i < a->nenv; i++)
		if (strncmp(a->env[i], assignment, len + 1) == 0)
			return ("said twice");
	return (config_add_word(&a->env, &a->nenv, assignment));
}

static const char *
param_check(const struct config_app *a, const char *name,
    const struct config_param *p)
{
	size_t	 i;

	if (!valid_paramname(name))
		return ("not 1 to 63 of a-z A-Z 0-9 . _ -");
	if (strcmp(name, "app") == 0)
		return ("the name is taken: /start?app= chooses the app");
	if (a->nparams == PARAMS_MAX)
		return ("more than 32 of them");
	if ((p->argument == NULL) == (p->environment == NULL))
		return ("needs either argument or environment");
	if (p->argument != NULL && *p->argument == '\0')
		return ("argument is empty");
	if (p->argument != NULL && (p->flags & PARAM_SECRET))
		return ("a secret cannot be an argument, which others see: "
		    "use environment");
	if (p->environment != NULL &&
	    !is_envname(p->environment, strlen(p->environment)))
		return ("environment is not of letters, digits and _");
	for (i = 0; i < a->nparams; i++) {
		if (strcmp(a->params[i].name, name) == 0)
			return ("said twice");
		if (p->environment != NULL &&
		    a->params[i].environment != NULL &&
		    strcmp(a->params[i].environment, p->environment) == 0)
			return ("another parameter sets that environment");
	}
	return (NULL);
}

void
config_param_clear(struct config_param *p)
{
	free(p->argument);
	free(p->environment);
	memset(p, 0, sizeof(*p));
}

const char *
config_add_param(struct config_app *a, const char *name,
    struct config_param *p)
{
	struct config_param	*grown;
	const char		*why;

	if ((why = param_check(a, name, p)) == NULL &&
	    (grown = recallocarray(a->params, a->nparams, a->nparams + 1,
	    sizeof(*grown))) == NULL)
		why = no_memory;
	if (why != NULL) {
		config_param_clear(p);
		return (why);
	}
	a->params = grown;
	strlcpy(p->name, name, sizeof(p->name));
	grown[a->nparams++] = *p;
	return (NULL);
}

struct config_app *
config_add_app(struct config *c, const char *name, const char **why)
{
	struct config_app	*grown;
	size_t			 i;

	*why = NULL;
	if (!valid_appname(name))
		*why = "not 1 to 63 of a-z 0-9 . _ - with a letter or digit "
		    "first";
	else if (c->napps == APPS_MAX)
		*why = "more than 32 of them";
	for (i = 0; i < c->napps; i++)
		if (strcmp(c->apps[i].name, name) == 0)
			*why = "said twice";
	if (*why != NULL)
		return (NULL);
	grown = recallocarray(c->apps, c->napps, c->napps + 1, sizeof(*grown));
	if (grown == NULL) {
		*why = no_memory;
		return (NULL);
	}
	c->apps = grown;
	strlcpy(grown[c->napps].name, name, sizeof(grown->name));
	return (&grown[c->napps++]);
}
