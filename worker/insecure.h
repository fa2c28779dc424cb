/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The words of --insecure-options and of berthd.conf(5)'s statement. */
#ifndef WORKER_INSECURE_H
#define WORKER_INSECURE_H

#include <stddef.h>
#include <stdint.h>

/* All but the last, which is "all". */
#define INSECURE_WORDS	"none, image, tls, http, capabilities, paths, " \
			    "seccomp, all-fetch, all-run"

/*
 * The number of a word of len bytes and its INSECURE_* in *bits ("none": 0),
 * or -1.  differ: strncmp() or strncasecmp().
 */
int		 insecure_find(const char *word, size_t len,
		    int (*differ)(const char *, const char *, size_t),
		    uint32_t *bits);
/* The word of a single bit. */
const char	*insecure_word(uint32_t bit);

#endif
