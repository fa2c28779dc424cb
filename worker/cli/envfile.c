/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The caller's own files of NAME=VALUE lines, for --set-env-file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../common/log.h"
#include "cli.h"

/* Takes one line, without its newline.  NULL, or what is wrong with it. */
static const char *
envfile_line(const char *line, size_t len, struct strings *list)
{
	const char	*why;

	if (memchr(line, '\0', len) != NULL)
		return ("holds a NUL byte");
	line += strspn(line, " \t");
	if (*line == '\0' || *line == '#' || *line == ';')
		return (NULL);
	if ((why = value_env(line, list)) != NULL)
		return (why);
	return (strings_add_copy(list, line) == -1 ? strerror(errno) : NULL);
}

int
envfile_read(const char *path, struct strings *list)
{
	FILE		*fp;
	char		*line = NULL, enc[256];
	const char	*why = NULL;
	size_t		 size = 0, total = 0;
	ssize_t		 len;
	unsigned int	 lineno = 0;

	log_encode(enc, sizeof(enc), path, strlen(path));
	if ((fp = fopen(path, "re")) == NULL) {
		log_warn("%s", enc);
		return (-1);
	}
	while (why == NULL && (len = getline(&line, &size, fp)) != -1) {
		lineno++;
		total += (size_t)len;
		if (len > 0 && line[len - 1] == '\n')
			line[--len] = '\0';
		why = total > RECORD_MAX ? "the file is too long" :
		    envfile_line(line, (size_t)len, list);
	}
	if (why != NULL)
		log_warnx("%s:%u: %s", enc, lineno, why);
	else if (ferror(fp)) {
		log_warn("%s", enc);
		why = "read error";
	}
	free(line);
	fclose(fp);
	return (why == NULL ? 0 : -1);
}
