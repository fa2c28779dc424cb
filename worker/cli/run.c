/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* berth run: an image, fetched if needed, in the foreground. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "../../common/record.h"
#include "cli.h"

static void
add(struct record *r, enum record_key key, const char *value)
{
	if (value != NULL)
		record_add(r, key, value, strlen(value));
}

static void
add_all(struct record *r, enum record_key key, const struct strings *list)
{
	size_t	 i;

	for (i = 0; i < list->n; i++)
		add(r, key, list->v[i]);
}

/* Is the variable set by one of files[i..n-1], or by --set-env? */
static int
set_later(const char *env, const struct strings *files, size_t i, size_t n,
    const struct strings *setenv)
{
	size_t	 j;

	for (; i < n; i++)
		for (j = 0; j < files[i].n; j++)
			if (value_env_same(env, files[i].v[j]))
				return (1);
	return (value_env(env, setenv) != NULL);
}

/* What the files say and no --set-env says otherwise; a later file wins. */
static int
add_envfiles(struct record *r, const struct options *o)
{
	struct strings	*files;
	size_t		 i, j, n = o->envfiles.n;
	int		 status = 0;

	if (n == 0)
		return (0);
	if ((files = calloc(n, sizeof(*files))) == NULL) {
		log_warn("environment");
		return (-1);
	}
	for (i = 0; i < n && status == 0; i++)
		status = envfile_read(o->envfiles.v[i], &files[i]);
	for (i = 0; i < n && status == 0; i++)
		for (j = 0; j < files[i].n; j++)
			if (!set_later(files[i].v[j], files, i + 1, n,
			    &o->setenv))
				add(r, REC_SETENV, files[i].v[j]);
	for (i = 0; i < n; i++)
		strings_free_copies(&files[i]);
	free(files);
	return (status);
}

/* What the command line asks of berth-init; the broker passes it unread. */
static int
run_record(const struct options *o)
{
	struct record	 r;
	size_t		 i;
	int		 fd;

	record_init(&r);
	add(&r, REC_EXEC, o->exec);
	if (o->args != NULL) {
		add(&r, REC_HASARGS, "");
		for (i = 0; i < o->nargs; i++)
			add(&r, REC_ARG, o->args[i]);
	}
	if (add_envfiles(&r, o) == -1) {
		record_free(&r);
		return (-1);
	}
	add_all(&r, REC_SETENV, &o->setenv);
	add_all(&r, REC_ENVIRONMENT, &o->environment);
	add(&r, REC_RUNUSER, o->user);
	add(&r, REC_RUNGROUP, o->group);
	add(&r, REC_RUNWORKDIR, o->workdir);
	if ((fd = record_finish(&r)) == -1)
		log_warn("arguments and environment");
	return (fd);
}

/* All of RUN but the image. */
static void
run_fill(struct msg_run *m, const struct options *o)
{
	memset(m, 0, sizeof(*m));
	m->flags = RUN_FOREGROUND;
	if (!isatty(STDIN_FILENO))
		m->flags |= RUN_STDIN;
	else if (o->interactive) {
		m->flags |= RUN_TTY;
		(void)tty_size(&m->rows, &m->cols);
	}
	if (o->readonly)
		m->flags |= RUN_READONLY;
	if (o->nethost)
		m->flags |= RUN_NETHOST;
	m->insecure = o->insecure & INSECURE_ALL_RUN;
	m->memory = o->memory;
	m->cpu = o->cpu;
	m->pids = o->pids;
	if (o->hostname != NULL)
		memcpy(m->hostname, o->hostname, strlen(o->hostname));
}

/* Fetches if the name is a reference, then runs.  The exit status. */
static int
run_image(struct session *s, const char *name, int record)
{
	const struct options	*o = s->options;
	struct msg_run		 m;

	run_fill(&m, o);
	if (name_is_id(name))
		memcpy(m.image, name, strlen(name));
	else {
		s->warn = fetch_insecure(o);
		if (fetch_image(s, o->operands.v[0], name, o->policy == -1 ?
		    PULL_NEW : (enum pull_policy)o->policy) == -1)
			return (s->status);
		memcpy(m.image, s->text, IMAGEID_SIZE - 1);
	}
	s->warn = m.insecure;
	name_warn(&s->warn);
	s->running = 1;
	if (session_call(s, MSG_RUN, &m, record) == -1)
		return (s->status);
	if (s->answer != ANSWER_EXITED) {
		log_warnx("the broker answered a run with no exit status");
		return (s->failure);
	}
	if (stream_error() != 0) {
		errno = stream_error();
		log_warn("output of the app");
		if (s->status == 0)
			return (s->failure);
	}
	return (s->status);
}

int
cmd_run(const struct options *o)
{
	struct session	 s;
	char		 name[REF_MAXLEN + 1];
	int		 record, status;

	if (name_parse(o->operands.v[0], name) == -1 ||
	    (!name_is_id(name) && name_policy(o, name) == -1))
		return (EXIT_BERTH);
	/* the broker starts while we write the record */
	if (session_open(&s, o, EXIT_BERTH) == -1)
		return (EXIT_BERTH);
	if ((record = run_record(o)) == -1) {
		session_close(&s);
		return (EXIT_BERTH);
	}
	status = run_image(&s, name, record);
	close(record);
	session_close(&s);
	return (status);
}
