/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* berth image: what the store holds, its proof and its end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../common/log.h"
#include "cli.h"

/* Rows of "image list", as they came. */
struct rows {
	struct msg_image_entry	*v;
	size_t			 n, size;
	int			 error;
};

static void
rows_add(void *arg, const struct msg_image_entry *e)
{
	struct rows		*rows = arg;
	struct msg_image_entry	*v;
	size_t			 size;

	if (rows->n == rows->size) {
		size = rows->size == 0 ? 16 : 2 * rows->size;
		v = reallocarray(rows->v, size, sizeof(*v));
		if (v == NULL) {
			rows->error = 1;
			return;
		}
		rows->v = v;
		rows->size = size;
	}
	rows->v[rows->n++] = *e;
}

static void
print_time(int64_t when, const char *format, int utc)
{
	struct tm	 tm;
	char		 buf[64] = "-";
	time_t		 t = (time_t)when;

	if ((utc ? gmtime_r(&t, &tm) : localtime_r(&t, &tm)) != NULL)
		strftime(buf, sizeof(buf), format, &tm);
	fputs(buf, stdout);
}

static void
print_json(const struct rows *rows)
{
	const struct msg_image_entry	*e;
	size_t				 i;

	putchar('[');
	for (i = 0; i < rows->n; i++) {
		e = &rows->v[i];
		printf("%s\n  {\"id\": ", i == 0 ? "" : ",");
		format_json_string(e->id);
		printf(", \"name\": ");
		if (*e->ref == '\0')
			printf("null");
		else
			format_json_string(e->ref);
		printf(", \"platform\": ");
		format_json_string(e->platform);
		printf(", \"size\": %llu, \"fetched\": \"",
		    (unsigned long long)e->size);
		print_time(e->time, "%Y-%m-%dT%H:%M:%SZ", 1);
		printf("\", \"layers\": %u}", (unsigned int)e->layers);
	}
	printf("%s]\n", rows->n == 0 ? "" : "\n");
}

static int
width(size_t now, const char *s)
{
	return ((int)(strlen(s) > now ? strlen(s) : now));
}

static void
print_table(const struct rows *rows, int full)
{
	const struct msg_image_entry	*e;
	char				 size[32];
	size_t				 i;
	int				 name = 4, platform = 8, digits;

	digits = 7 + (full ? IMAGEID_HEXLEN : IMAGEID_PRINTLEN);
	for (i = 0; i < rows->n; i++) {
		name = width((size_t)name, rows->v[i].ref);
		platform = width((size_t)platform, rows->v[i].platform);
	}
	printf("%-*s  %-*s  %-*s  %10s  %-16s  %s\n", digits, "ID", name,
	    "NAME", platform, "PLATFORM", "SIZE", "FETCHED", "LAYERS");
	for (i = 0; i < rows->n; i++) {
		e = &rows->v[i];
		printf("%.*s  %-*s  %-*s  %10s  ", digits, e->id, name,
		    *e->ref == '\0' ? "-" : e->ref, platform, e->platform,
		    format_size(size, sizeof(size), e->size));
		print_time(e->time, "%Y-%m-%d %H:%M", 0);
		printf("  %u\n", (unsigned int)e->layers);
	}
}

int
cmd_image_list(const struct options *o)
{
	struct session	 s;
	struct rows	 rows = { 0 };
	int		 status = 1;

	if (session_open(&s, o, 1) == -1)
		return (1);
	s.entry = rows_add;
	s.entry_arg = &rows;
	if (session_call(&s, MSG_IMAGE_LIST, NULL, -1) == 0) {
		if (rows.error)
			log_warnx("list: out of memory");
		else {
			if (o->json)
				print_json(&rows);
			else
				print_table(&rows, o->full);
			status = 0;
		}
	}
	free(rows.v);
	session_close(&s);
	return (status);
}

/*
 * The manifest's bytes as they are; on a terminal whatever could steer it
 * is shown instead of sent.
 */
static int
copy_file(int fd, int tty)
{
	static const char	 hex[] = "0123456789abcdef";
	unsigned char		 in[4096], out[4 * sizeof(in)], last = '\n';
	ssize_t			 n;
	size_t			 i, len;

	(void)lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, in, sizeof(in))) > 0) {
		for (i = 0, len = 0; i < (size_t)n; i++) {
			if (!tty || in[i] == '\n' || in[i] == '\t' ||
			    (in[i] >= 0x20 && in[i] < 0x7f)) {
				out[len++] = in[i];
				continue;
			}
			out[len++] = '\\';
			out[len++] = 'x';
			out[len++] = (unsigned char)hex[in[i] >> 4];
			out[len++] = (unsigned char)hex[in[i] & 15];
		}
		last = in[n - 1];
		/* main() reports what could not be written */
		if (fwrite(out, 1, len, stdout) != len)
			return (0);
	}
	if (tty && last != '\n')
		putchar('\n');
	return (n == -1 ? -1 : 0);
}

int
cmd_image_cat_manifest(const struct options *o)
{
	struct session	 s;
	struct msg_image m;
	int		 status = 1;

	memset(&m, 0, sizeof(m));
	if (name_parse(o->operands.v[0], m.name) == -1 ||
	    session_open(&s, o, 1) == -1)
		return (1);
	if (session_call(&s, MSG_IMAGE_CAT, &m, -1) == 0) {
		if (s.answer != ANSWER_FILE)
			log_warnx("the broker answered with no manifest");
		else if (copy_file(s.file, isatty(STDOUT_FILENO)) == -1)
			log_warn("manifest");
		else
			status = 0;
	}
	session_close(&s);
	return (status);
}

/*
 * One request per operand, whose ID is printed; the first that fails ends
 * it.
 */
static int
each_image(const struct options *o, enum msg_type type)
{
	struct session	 s;
	struct msg_image m;
	size_t		 i;

	for (i = 0; i < o->operands.n; i++)
		if (name_parse(o->operands.v[i], m.name) == -1)
			return (1);
	if (session_open(&s, o, 1) == -1)
		return (1);
	for (i = 0; i < o->operands.n; i++) {
		memset(&m, 0, sizeof(m));
		if (name_parse(o->operands.v[i], m.name) == -1 ||
		    session_call(&s, type, &m, -1) == -1)
			break;
		if (s.answer == ANSWER_RESULT)
			printf("%.*s\n", 7 + IMAGEID_PRINTLEN, s.text);
	}
	session_close(&s);
	return (i == o->operands.n ? 0 : 1);
}

int
cmd_image_verify(const struct options *o)
{
	return (each_image(o, MSG_IMAGE_VERIFY));
}

int
cmd_image_rm(const struct options *o)
{
	return (each_image(o, MSG_IMAGE_RM));
}

int
cmd_image_gc(const struct options *o)
{
	struct session	 s;
	int		 status = 1;

	if (session_open(&s, o, 1) == -1)
		return (1);
	if (session_call(&s, MSG_IMAGE_GC, NULL, -1) == 0) {
		if (s.answer == ANSWER_RESULT)
			printf("layers removed: %s\n", s.text);
		status = 0;
	}
	session_close(&s);
	return (status);
}
