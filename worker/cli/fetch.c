/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* berth fetch: images into the store, their IDs on standard output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../common/log.h"
#include "../../common/valid.h"
#include "cli.h"

uint32_t
fetch_insecure(const struct options *o)
{
	return (o->policy == PULL_NEVER ? 0 :
	    o->insecure & INSECURE_ALL_FETCH);
}

int
fetch_image(struct session *s, const char *typed, const char *name,
    enum pull_policy policy)
{
	const struct options	*o = s->options;
	struct msg_fetch	 m;

	memset(&m, 0, sizeof(m));
	m.insecure = o->insecure;
	m.policy = (uint32_t)policy;
	m.sync = (uint32_t)o->sync;
	m.platform = o->platform;
	memcpy(m.ref, name, strlen(name));
	s->typed = typed;
	if (session_call(s, MSG_FETCH, &m, -1) == -1)
		return (-1);
	if (s->answer != ANSWER_RESULT ||
	    !valid_imageid(s->text, IMAGEID_HEXLEN)) {
		log_warnx("the broker answered a fetch with no image ID");
		s->status = s->failure;
		return (-1);
	}
	return (0);
}

/* Every name is good before the first packet leaves. */
static int
check_names(const struct options *o, char (*names)[REF_MAXLEN + 1])
{
	size_t	 i;

	for (i = 0; i < o->operands.n; i++) {
		if (name_parse(o->operands.v[i], names[i]) == -1)
			return (-1);
		if (name_is_id(names[i])) {
			log_warnx("%s: an ID says nothing about where to "
			    "fetch from", names[i]);
			return (-1);
		}
		if (name_policy(o, names[i]) == -1)
			return (-1);
	}
	return (0);
}

static int
fetch_all(const struct options *o, char (*names)[REF_MAXLEN + 1])
{
	struct session	 s;
	size_t		 i;
	int		 digits;

	if (session_open(&s, o, 1) == -1)
		return (1);
	s.warn = fetch_insecure(o);
	digits = 7 + (o->full ? IMAGEID_HEXLEN : IMAGEID_PRINTLEN);
	for (i = 0; i < o->operands.n; i++) {
		if (fetch_image(&s, o->operands.v[i], names[i],
		    o->policy == -1 ? PULL_UPDATE :
		    (enum pull_policy)o->policy) == -1)
			break;
		printf("%.*s\n", digits, s.text);
		fflush(stdout);
	}
	session_close(&s);
	return (i == o->operands.n ? 0 : 1);
}

int
cmd_fetch(const struct options *o)
{
	char	(*names)[REF_MAXLEN + 1];
	int	 status = 1;

	if ((names = calloc(o->operands.n, sizeof(*names))) == NULL)
		log_warn("names");
	else if (check_names(o, names) == 0)
		status = fetch_all(o, names);
	free(names);
	return (status);
}
