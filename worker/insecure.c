/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The table of insecure words, for the command line and berth-conf. */
#include <string.h>

#include "../proto/msg.h"
#include "insecure.h"

static const struct {
	const char	*word;
	uint32_t	 bits;
} words[] = {
	{ "none",		0 },
	{ "image",		INSECURE_IMAGE },
	{ "tls",		INSECURE_TLS },
	{ "http",		INSECURE_HTTP },
	{ "capabilities",	INSECURE_CAPABILITIES },
	{ "paths",		INSECURE_PATHS },
	{ "seccomp",		INSECURE_SECCOMP },
	{ "all-fetch",		INSECURE_ALL_FETCH },
	{ "all-run",		INSECURE_ALL_RUN },
	{ "all",		INSECURE_ALL },
};
#define WORDS_N	((int)(sizeof(words) / sizeof(words[0])))

int
insecure_find(const char *word, size_t len,
    int (*differ)(const char *, const char *, size_t), uint32_t *bits)
{
	int	 i;

	for (i = 0; i < WORDS_N; i++) {
		if (strlen(words[i].word) != len ||
		    differ(words[i].word, word, len) != 0)
			continue;
		*bits = words[i].bits;
		return (i);
	}
	return (-1);
}

const char *
insecure_word(uint32_t bit)
{
	int	 i = 0;

	while (words[i].bits != bit)
		i++;
	return (words[i].word);
}
