/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* berthd.conf: what is taken prints back as a file that means the same. */
#include <stdio.h>

#include <stdlib.h>
#include <string.h>

#include "../../worker/conf/conf.h"
#include "fuzz.h"

/* Nobody opens anything for us. */
int
conf_open(enum conf_file kind, const char *path, const char **why)
{
	(void)kind;
	(void)path;
	*why = "not here";
	return (-1);
}

static char *
print(const struct config *c, size_t *len)
{
	char	*text = NULL;
	FILE	*f;

	MUST((f = open_memstream(&text, len)) != NULL);
	config_print(c, f);
	MUST(fclose(f) == 0);
	return (text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct config	*c, *c2;
	char		*copy, *one, *two;
	size_t		 onelen, twolen;

	if (len > CONFIG_MAXSIZE)
		return (0);
	copy = fuzz_copy(data, len);
	MUST((c = config_new()) != NULL);
	if (config_parse_text(c, "fuzz", copy, len) == 0) {
		one = print(c, &onelen);
		MUST((c2 = config_new()) != NULL);
		MUST(config_parse_text(c2, "again", one, onelen) == 0);
		two = print(c2, &twolen);
		MUST(onelen == twolen && memcmp(one, two, onelen) == 0);
		config_free(c2);
		free(one);
		free(two);
	}
	config_free(c);
	free(copy);
	return (0);
}
