/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The app record (made of an image's config) and the run record (made of a
 * command line or a declared app): a flat list of keyed strings for
 * berth-init, which therefore needs no JSON.
 *
 * Layout: the eight bytes "berthR1\n", then items, each a struct
 * record_item in the machine's byte order followed by len bytes and a NUL,
 * padded with zeros to a multiple of 4.  A value holds no NUL.
 */
#ifndef COMMON_RECORD_H
#define COMMON_RECORD_H

#include <stdint.h>
#include <stddef.h>

#define RECORD_MAGIC	"berthR1\n"

enum record_key {
	REC_NONE,
	/* In an app record, from the image's config: */
	REC_ENTRYPOINT,		/* each word of Entrypoint */
	REC_CMD,		/* each word of Cmd */
	REC_ENV,		/* each NAME=VALUE */
	REC_USER,		/* "user[:group]" as the image says; once */
	REC_WORKDIR,		/* once */
	REC_STOPSIGNAL,		/* decimal number; once */
	REC_VOLUME,		/* each absolute path */
	/* In a run record, stronger than the image's: */
	REC_EXEC,		/* --exec: replaces entrypoint and cmd; once */
	REC_ARG,		/* each word after "--" */
	REC_HASARGS,		/* empty value: "--" was given; once */
	REC_SETENV,		/* each NAME=VALUE of --set-env */
	REC_ENVIRONMENT,	/* each NAME=VALUE of --environment */
	REC_RUNUSER,		/* --user; once */
	REC_RUNGROUP,		/* --group; once */
	REC_RUNWORKDIR,		/* --working-dir; once */
	REC_MAX
};

struct record_item {
	uint32_t	 key;	/* enum record_key */
	uint32_t	 len;	/* bytes, without NUL and padding */
};

struct record {			/* a record being built, or held whole */
	unsigned char	*data;
	size_t		 len, size;
	int		 error;	/* ENOMEM, E2BIG, EINVAL (a NUL) */
};

/*
 * Building: errors are kept until record_finish().  len is the value's
 * length in bytes.
 */
void	 record_init(struct record *);
/* Goes on with what a descriptor holds, unread. */
void	 record_load(struct record *, int fd);
void	 record_add(struct record *, enum record_key, const char *value,
	    size_t len);
void	 record_free(struct record *);
/*
 * A sealed memfd with the record (caller closes), or -1 with errno.  The
 * record is freed, on failure too.
 */
int	 record_finish(struct record *);

/*
 * Reading: checks all of it first, so that record_next() cannot fail.
 * data is kept by the caller.  0, or -1 with errno EINVAL or E2BIG.
 */
int	 record_check(const void *data, size_t len);
/*
 * *off begins at 0.  Returns the key, or REC_NONE at the end; *value points
 * into data and ends with a NUL.
 */
enum record_key record_next(const void *data, size_t len, size_t *off,
	    const char **value, size_t *valuelen);

#endif
