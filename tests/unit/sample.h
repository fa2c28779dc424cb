/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Samples are files, named after what is wrong with them; "good…" are not. */
#ifndef UNIT_SAMPLE_H
#define UNIT_SAMPLE_H

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../broker/unpack/image.h"

#define DIGEST(c) "sha256:" c c c c c c c c c c c c c c c c c c c c c c c c c \
    c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c \
    c c

/* A sample's file name and a part of the line that refuses it. */
struct refusal {
	const char	*name, *why;
};

/* unpack.c is not linked here. */
void
why_set(struct why *w, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
}

/* The caller frees b.data. */
static inline struct blob
sample_load(const char *dir, const char *name)
{
	struct blob	 b;
	char		 path[256];
	FILE		*f;
	long		 size;

	snprintf(path, sizeof(path), "tests/unit/samples/%s/%s.json", dir,
	    name);
	if ((f = fopen(path, "rb")) == NULL)
		fail_msg("%s: no such sample", path);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	assert_true((size = ftell(f)) >= 0);
	rewind(f);
	b.len = (size_t)size;
	assert_non_null(b.data = malloc(b.len + 1));
	assert_int_equal(fread(b.data, 1, b.len, f), b.len);
	fclose(f);
	return (b);
}

static inline void
sample_refused(const struct refusal *r, const struct why *why)
{
	size_t	 i;

	if (strstr(why->text, r->why) == NULL)
		fail_msg("%s: expected \"%s\", got \"%s\"", r->name, r->why,
		    why->text);
	for (i = 0; why->text[i] != '\0'; i++)
		assert_in_range(why->text[i], 0x20, 0x7e);
}

/* Every bad sample of the directory stands in a table of n. */
static inline void
sample_all_used(const char *dir, const struct refusal *table, size_t n)
{
	struct dirent	*e;
	char		 path[256];
	size_t		 i, files = 0;
	DIR		*d;

	snprintf(path, sizeof(path), "tests/unit/samples/%s", dir);
	assert_non_null(d = opendir(path));
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' || strncmp(e->d_name, "good", 4) == 0)
			continue;
		for (i = 0; i < n; i++)
			if (strncmp(e->d_name, table[i].name,
			    strlen(table[i].name)) == 0 &&
			    strcmp(e->d_name + strlen(table[i].name),
			    ".json") == 0)
				break;
		if (i == n)
			fail_msg("%s/%s: no test uses it", dir, e->d_name);
		files++;
	}
	closedir(d);
	assert_int_equal(files, n);
}

#endif
