/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The app record (common/record.h) of an image's config, made in
 * berth-unpack so that berth-init needs no JSON.  Pure.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "image.h"

/* The kernel's numbers; the C library's SIGRTMIN depends on who asks. */
#define RTMIN	34	/* as glibc and every image's documentation counts */
#define RTMAX	64

/* One or two decimal digits and nothing else, or -1. */
static int
small_number(const char *s)
{
	size_t	 len = strspn(s, "0123456789");

	if (len == 0 || len > 2 || s[len] != '\0')
		return (-1);
	return (len == 1 ? s[0] - '0' : (s[0] - '0') * 10 + s[1] - '0');
}

/* The part behind "RT": MIN, MAX, MIN+n, MAX-n. */
static int
realtime(const char *s)
{
	int	 n = 0;

	if (strncasecmp(s, "MIN", 3) != 0 && strncasecmp(s, "MAX", 3) != 0)
		return (-1);
	if (s[3] != '\0') {
		if (s[3] != (strncasecmp(s, "MIN", 3) == 0 ? '+' : '-') ||
		    (n = small_number(s + 4)) == -1 || n > RTMAX - RTMIN)
			return (-1);
	}
	return (strncasecmp(s, "MIN", 3) == 0 ? RTMIN + n : RTMAX - n);
}

int
apprecord_signal(const char *s)
{
	const char	*name;
	int		 n;

	if ((n = small_number(s)) != -1)
		return (n >= 1 && n <= RTMAX ? n : -1);
	if (strncasecmp(s, "SIG", 3) == 0)
		s += 3;
	if (strncasecmp(s, "RT", 2) == 0)
		return (realtime(s + 2));
	if (strcasecmp(s, "IOT") == 0)
		s = "ABRT";
	if (strcasecmp(s, "IO") == 0)
		s = "POLL";
	if (strcasecmp(s, "CLD") == 0)
		s = "CHLD";
	for (n = 1; n < 32; n++)
		if ((name = sigabbrev_np(n)) != NULL &&
		    strcasecmp(s, name) == 0)
			return (n);
	return (-1);
}

static void
add_words(struct record *r, enum record_key key, const json_t *words)
{
	const json_t	*word;
	size_t		 i;

	for (i = 0; i < json_array_size(words); i++) {
		word = json_array_get(words, i);
		record_add(r, key, json_string_value(word),
		    json_string_length(word));
	}
}

/*
 * An entry without a name or without "=" cannot be set; it stays in the
 * ACI's annotations alone.
 */
static void
add_env(struct record *r, const json_t *env)
{
	const json_t	*word;
	const char	*s;
	size_t		 i;

	for (i = 0; i < json_array_size(env); i++) {
		word = json_array_get(env, i);
		s = json_string_value(word);
		if (*s != '=' && strchr(s, '=') != NULL)
			record_add(r, REC_ENV, s, json_string_length(word));
	}
}

int
apprecord_build(const struct config *c, struct record *r, struct why *why)
{
	char	 number[12];
	size_t	 i, items;

	record_init(r);
	items = json_array_size(c->entrypoint) + json_array_size(c->cmd) +
	    json_array_size(c->env) + c->nvolumes + 3;
	if (items > RECORD_ITEMS_MAX)
		return (why_refuse(why, "Entrypoint, Cmd, Env and Volumes have "
		    "more than %d items together", RECORD_ITEMS_MAX));
	add_words(r, REC_ENTRYPOINT, c->entrypoint);
	add_words(r, REC_CMD, c->cmd);
	add_env(r, c->env);
	if (c->user != NULL)
		record_add(r, REC_USER, c->user, strlen(c->user));
	if (c->workdir != NULL)
		record_add(r, REC_WORKDIR, c->workdir, strlen(c->workdir));
	if (c->stopsignal != NULL) {
		snprintf(number, sizeof(number), "%d", c->signo);
		record_add(r, REC_STOPSIGNAL, number, strlen(number));
	}
	for (i = 0; i < c->nvolumes; i++)
		record_add(r, REC_VOLUME, c->volumes[i],
		    strlen(c->volumes[i]));
	if (r->error != 0)
		return (why_refuse(why, "app record: %s", r->error == E2BIG ?
		    "too large" : strerror(r->error)));
	return (0);
}
