/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* struct config back to berthd.conf(5), for berthd -nn. */
#include <stdio.h>

#include "../insecure.h"
#include "conf.h"

/* keyword "value", or nothing for NULL. */
static void
print_string(FILE *f, const char *keyword, const char *s)
{
	if (s == NULL)
		return;
	fprintf(f, "%s \"", keyword);
	for (; *s != '\0'; s++) {
		if (*s == '\n')
			fputs("\\n", f);
		else if (*s == '\t')
			fputs("\\t", f);
		else {
			if (*s == '"' || *s == '\\')
				putc('\\', f);
			putc(*s, f);
		}
	}
	putc('"', f);
}

static void
print_line(FILE *f, const char *keyword, const char *s)
{
	print_string(f, keyword, s);
	if (s != NULL)
		putc('\n', f);
}

static void
print_insecure(FILE *f, uint32_t bits)
{
	uint32_t	 bit;

	fputs("insecure-options {", f);
	for (bit = 1; bit <= INSECURE_ALL; bit <<= 1)
		if (bits & bit)
			fprintf(f, " %s", insecure_word(bit));
	fputs(" }\n", f);
}

static void
print_app(FILE *f, const struct config_app *a)
{
	const struct config_param	*p;
	size_t				 i;

	fprintf(f, "\napp \"%s\" {\n", a->name);
	print_line(f, "\timage", a->image);
	for (i = 0; i < a->nenv; i++)
		print_line(f, "\tenvironment", a->env[i]);
	print_line(f, "\texec", a->exec);
	for (i = 0; i < a->nargs; i++)
		print_line(f, "\targument", a->args[i]);
	for (i = 0; i < a->nparams; i++) {
		p = &a->params[i];
		print_string(f, "\tparameter", p->name);
		fputs(p->flags & PARAM_SECRET ? " secret" : "", f);
		fputs(p->flags & PARAM_REQUIRED ? " required" : "", f);
		print_string(f, " argument", p->argument);
		print_string(f, " environment", p->environment);
		putc('\n', f);
	}
	fprintf(f, "\tnet %s\n", a->flags & RUN_NETHOST ? "host" : "none");
	if (a->memory != 0)
		fprintf(f, "\tmemory %llu\n", (unsigned long long)a->memory);
	if (a->cpu != 0)
		fprintf(f, "\tcpu %um\n", a->cpu);
	if (a->pids != 0)
		fprintf(f, "\tpids %u\n", a->pids);
	fputs(a->flags & RUN_NOLIMITS ? "\tlimits optional\n" : "", f);
	print_line(f, "\tuser", a->user);
	print_line(f, "\tgroup", a->group);
	fputs(a->flags & RUN_READONLY ? "\treadonly-rootfs\n" : "", f);
	print_line(f, "\tworking-directory", a->workdir);
	print_line(f, "\thostname", a->hostname);
	fputs("}\n", f);
}

void
config_print(const struct config *c, FILE *f)
{
	size_t	 i;

	print_line(f, "store", c->store);
	fprintf(f, "listen on %s port %u\n", c->listen, c->port);
	print_line(f, "token file", c->tokenfile);
	print_insecure(f, c->insecure);
	fprintf(f, "id range 0x%x count %u\n", c->idbase, c->idcount);
	print_line(f, "control group", c->group);
	for (i = 0; i < c->napps; i++)
		print_app(f, &c->apps[i]);
}
