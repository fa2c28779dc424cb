/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Whose subordinate ids overlap ours: berth-conf asks for a daemon, the
 * command line for its private broker.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/limits.h"
#include "file.h"
#include "subids.h"

#define SUBIDS_MAXSIZE	MIB

unsigned int
subids_overlap(int fd, const char *path, uint32_t idbase)
{
	unsigned long long	 first, count;
	uint64_t		 end = (uint64_t)idbase + WORKERID_ENGINE;
	const char		*why;
	char			*line, *p, *text;
	size_t			 len;
	unsigned int		 overlaps = 0;

	if ((text = file_read(fd, SUBIDS_MAXSIZE, &len, &why)) == NULL)
		return (0);
	for (p = text; (line = strsep(&p, "\n")) != NULL;) {
		if (*line == '#' ||
		    sscanf(line, "%*[^:]:%llu:%llu", &first, &count) != 2 ||
		    first > end || count == 0 ||
		    (first < idbase && idbase - first >= count))
			continue;
		fprintf(stderr, "%s: %llu and %llu more overlap the id range "
		    "from %u (see berthd.conf(5), id range)\n", path, first,
		    count - 1, idbase);
		overlaps++;
	}
	free(text);
	return (overlaps);
}
