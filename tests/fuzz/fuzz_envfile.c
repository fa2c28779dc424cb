/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The caller's own file of NAME=VALUE lines. */
#include <sys/mman.h>

#include <stdio.h>
#include <unistd.h>

#include "../../common/log.h"
#include "../../worker/cli/cli.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static int	 fd = -1;
	struct strings	 list;
	char		 path[64];
	size_t		 i;

	if (fd == -1) {
		log_init("fuzz", 0);
		MUST((fd = memfd_create("env", 0)) != -1);
	}
	MUST(ftruncate(fd, 0) == 0);
	MUST(pwrite(fd, data, len, 0) == (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	memset(&list, 0, sizeof(list));
	if (envfile_read(path, &list) == 0)
		for (i = 0; i < list.n; i++)
			MUST(list.v[i][0] != '=' &&
			    strchr(list.v[i], '=') != NULL &&
			    strchr(list.v[i], '\n') == NULL);
	strings_free_copies(&list);
	return (0);
}
