/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Image references by Docker's rules: Docker Hub when no registry is named,
 * "library/" for a bare name of the Hub, tag "latest".  Pure.
 */
#ifndef COMMON_REF_H
#define COMMON_REF_H

#include <stddef.h>
#include <stdint.h>

#include "limits.h"

struct ref {
	char		 host[REF_HOST_MAXLEN + 1];	/* or "[::1]" */
	uint16_t	 port;		/* 0: none given */
	char		 repository[REF_NAME_MAXLEN + 1]; /* "library/redis" */
	char		 tag[REF_TAG_MAXLEN + 1];	/* or empty */
	char		 digest[DIGEST_SIZE];		/* or empty */
};

enum ref_error {
	REF_OK,
	REF_EMPTY,
	REF_LONG,
	REF_HOST,		/* bad registry host or port */
	REF_NAME,		/* bad repository name */
	REF_UPPER,		/* repository name has upper case */
	REF_TAG,
	REF_DIGEST,		/* not sha256: and 64 lower case hex digits */
	REF_HEX			/* a bare 64 digit name looks like an ID */
};

/*
 * Parses what a user typed behind "docker://".  With a digest the tag is
 * dropped (the digest wins).  On failure *r is undefined.
 */
enum ref_error	 ref_parse(const char *, struct ref *);
/* "repository name must be lower case", … */
const char	*ref_strerror(enum ref_error);
/*
 * The normal form, "host[:port]/repository(:tag|@digest)".  REF_MAXLEN + 1
 * bytes at most; 0, or -1 with errno ENAMETOOLONG.
 */
int		 ref_format(const struct ref *, char *, size_t size);

/* refname.c */

#define REF_HUB_HOST	"docker.io"
#define REF_HUB_OLDHOST	"index.docker.io"

/* True when s is its own normal form. */
int		 ref_normal(const char *s);
/* The digest that a reference in normal form names, or "". */
const char	*ref_pinned(const char *);
/* True when the part before the first slash is a host. */
int		 ref_is_host(const char *, size_t len);
/*
 * Bytes of the host in "host[:port]", 0 when it is none; *port is 0 without
 * one.
 */
size_t		 ref_host(const char *, size_t len, uint16_t *port);
/*
 * Components of [a-z0-9]+ with separators ".", "_", "__" or any number of
 * "-" between, joined by "/".
 */
int		 ref_name_ok(const char *, size_t len);
int		 ref_tag_ok(const char *, size_t len);

#endif
