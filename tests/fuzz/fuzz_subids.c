/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * subuid(5): whatever else the file says, a line NAME:FIRST:COUNT that
 * shares an id with our range is counted.
 */
#include <sys/mman.h>

#include <ctype.h>
#include <stdio.h>
#include <unistd.h>

#include "../../common/limits.h"
#include "../../worker/subids.h"
#include "fuzz.h"

#define BASE	IDRANGE_BASE
#define LAST	(BASE + WORKERID_ENGINE)

/* Digits alone, at most 20 of them, and what ends them; NULL if not so. */
static const char *
number(const char *s, int end, unsigned __int128 *n)
{
	int	 i;

	for (*n = i = 0; isdigit((unsigned char)s[i]) && i < 20; i++)
		*n = *n * 10 + (unsigned int)(s[i] - '0');
	return (i > 0 && s[i] == end ? s + i + 1 : NULL);
}

/* A plain line, and an overlap: told without any arithmetic that wraps. */
static int
plain_overlap(const char *line)
{
	unsigned __int128	 first, count;
	const char		*p = strchr(line, ':');

	if (*line == '#' || p == NULL || p == line ||
	    (p = number(p + 1, ':', &first)) == NULL ||
	    number(p, '\0', &count) == NULL)
		return (0);
	return (count > 0 && first <= LAST && first + count > BASE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	unsigned int	 n, most = 0, least = 0;
	char		*text, *p, *line;
	int		 fd;

	MUST((fd = memfd_create("subuid", MFD_CLOEXEC)) != -1);
	MUST(write(fd, data, len) == (ssize_t)len);
	MUST(lseek(fd, 0, SEEK_SET) == 0);
	n = subids_overlap(fd, "subuid", BASE);
	MUST((text = malloc(len + 1)) != NULL);
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	for (p = text; (line = strsep(&p, "\n")) != NULL; most++)
		least += (unsigned int)plain_overlap(line);
	free(text);
	MUST(n >= least && n <= most);
	return (0);
}
