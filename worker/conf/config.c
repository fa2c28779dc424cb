/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* berthd.conf(5) from text to struct config, for berth-conf. */
#include <stdlib.h>
#include <string.h>

#include <bsd/stdlib.h>

#include "../file.h"
#include "../subids.h"
#include "conf.h"

#define DEFAULT_STORE	"/var/lib/berth"
#define DEFAULT_ADDRESS	"127.0.0.1"
#define DEFAULT_PORT	"8080"

static unsigned int
subids_check(const struct config *c, enum conf_file file, const char *path)
{
	const char	*why;
	int		 fd;

	if ((fd = conf_open(file, "", &why)) == -1)
		return (0);	/* then nobody has any */
	return (subids_overlap(fd, path, c->idbase));
}

int
config_public(const struct config *c)
{
	static const uint8_t	 v6[16] = { [15] = 1 };

	if (c->family == CONF_INET)
		return (c->addr[0] != 127);
	return (memcmp(c->addr, v6, sizeof(v6)) != 0);
}

/* What no single line can tell.  Returns the errors told. */
static unsigned int
config_check(const struct config *c, const char *path)
{
	unsigned int	 errors;

	errors = subids_check(c, CONF_SUBUID, "/etc/subuid") +
	    subids_check(c, CONF_SUBGID, "/etc/subgid");
	if (config_public(c) && c->napps > 0 && c->tokenfile == NULL) {
		fprintf(stderr, "%s: listen on %s: others can connect, so "
		    "that the apps need a token file\n", path, c->listen);
		errors++;
	}
	return (errors);
}

struct config *
config_new(void)
{
	struct config	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	c->idbase = IDRANGE_BASE;
	c->idcount = IDRANGE_COUNT;
	if ((c->store = strdup(DEFAULT_STORE)) == NULL ||
	    config_set_listen(c, DEFAULT_ADDRESS, DEFAULT_PORT) != NULL) {
		config_free(c);
		return (NULL);
	}
	return (c);
}

struct config *
config_parse(int fd, const char *path)
{
	struct config	*c;
	const char	*why = "out of memory";
	char		*text;
	size_t		 len;
	unsigned int	 errors;

	c = config_new();
	text = file_read(fd, CONFIG_MAXSIZE, &len, &why);
	if (c == NULL || text == NULL) {
		fprintf(stderr, "%s: %s\n", path, why);
		config_free(c);
		return (NULL);
	}
	errors = config_parse_text(c, path, text, len);
	freezero(text, len);
	if (errors == 0)
		errors = config_check(c, path);
	if (errors > 0) {
		config_free(c);
		return (NULL);
	}
	return (c);
}

static void
words_free(char **words, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		freezero(words[i], strlen(words[i]));
	free(words);
}

void
config_app_clear(struct config_app *a)
{
	size_t	 i;

	for (i = 0; i < a->nparams; i++)
		config_param_clear(&a->params[i]);
	free(a->params);
	words_free(a->env, a->nenv);
	words_free(a->args, a->nargs);
	free(a->image);
	free(a->exec);
	free(a->user);
	free(a->group);
	free(a->workdir);
	free(a->hostname);
	memset(a, 0, sizeof(*a));
}

void
config_free(struct config *c)
{
	size_t	 i;

	if (c == NULL)
		return;
	for (i = 0; i < c->napps; i++)
		config_app_clear(&c->apps[i]);
	free(c->apps);
	free(c->store);
	free(c->listen);
	free(c->tokenfile);
	free(c->group);
	freezero(c, sizeof(*c));
}
