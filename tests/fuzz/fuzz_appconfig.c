/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What runs, by an app record and a run record: lines of a key's letter and
 * its value, those behind FUZZ_SEP for the run; a line that begins with "!"
 * damages the record in that place.
 */
#include "../../broker/init/init.h"
#include "../../common/record.h"
#include "fuzz.h"

static void
fill(struct record *r, const char *s)
{
	size_t	 n;
	int	 damage;

	record_init(r);
	for (; *s != '\0'; s += n + (s[n] == '\n')) {
		if ((damage = *s == '!'))
			s++;
		n = strcspn(s, "\n");
		if (n == 0)
			continue;
		record_add(r, (enum record_key)(1 + (*s & 31) %
		    (REC_MAX - 1)), s + 1, n - 1);
		if (damage && r->error == 0)
			r->data[r->len - 1 - (size_t)(*s & 31) % r->len] ^=
			    0x41;
	}
	MUST(r->error == 0);
}

static void
check(struct appconfig *c)
{
	size_t	 i;

	MUST(c->argc > 0 && c->argv[c->argc] == NULL);
	for (i = 0; i < c->argc; i++)
		MUST(c->argv[i] != NULL);
	for (i = 0; i < c->nenv; i++)
		MUST(c->env[i] != NULL);
	MUST(c->env[c->nenv] == NULL);
	appconfig_default(c, "PATH=/bin");
	appconfig_default(c, "HOME=/");
	appconfig_default(c, "HOSTNAME=fuzz");
	MUST(c->env[c->nenv] == NULL);
	(void)appconfig_env(c, "PATH");
	MUST(c->stopsignal > 0 && c->stopsignal <= 64);
	MUST(c->user != NULL && c->workdir != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_in		 in = { data, len };
	struct record		 app, run;
	struct appconfig	 c;
	enum appconfig_error	 error;
	char			*a = fuzz_part(&in, NULL);
	char			*r = fuzz_part(&in, NULL);

	fill(&app, a);
	fill(&run, r);
	error = appconfig_merge(&c, app.data, app.len, run.data, run.len);
	if (error == APPCONFIG_OK)
		check(&c);
	else
		MUST(appconfig_strerror(error) != NULL && c.bad != NULL);
	appconfig_free(&c);
	record_free(&app);
	record_free(&run);
	free(a);
	free(r);
	return (0);
}
