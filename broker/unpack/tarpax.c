/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Extended headers of pax archives (in berth-unpack).  Pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tarwalk.h"

#define XATTR_PREFIX	"SCHILY.xattr."

static const char	*take_path(struct tar_pax *, const char *, size_t);
static const char	*take_link(struct tar_pax *, const char *, size_t);
static const char	*take_size(struct tar_pax *, const char *, size_t);
static const char	*take_uid(struct tar_pax *, const char *, size_t);
static const char	*take_gid(struct tar_pax *, const char *, size_t);
static const char	*take_mtime(struct tar_pax *, const char *, size_t);
static const char	*take_realsize(struct tar_pax *, const char *, size_t);
static const char	*take_sparsename(struct tar_pax *, const char *,
			    size_t);
static const char	*take_sparse(struct tar_pax *, const char *, size_t);
static const char	*take_pieces(struct tar_pax *, const char *, size_t);
static const char	*take_map(struct tar_pax *, const char *, size_t);

/*
 * What decides about the entry.  All other keys are kept in the skeleton
 * and mean nothing here, as to Docker: user names, atime, ctime, vendors'
 * own; also SCHILY.acl.* and LIBARCHIVE.xattr.*, second forms of what
 * SCHILY.xattr.* says.
 */
static const struct {
	const char	*key;
	const char	*(*take)(struct tar_pax *, const char *, size_t);
} keys[] = {
	{ "path",		take_path },
	{ "linkpath",		take_link },
	{ "size",		take_size },
	{ "uid",		take_uid },
	{ "gid",		take_gid },
	{ "mtime",		take_mtime },
	{ "GNU.sparse.name",	take_sparsename },
	{ "GNU.sparse.size",	take_realsize },
	{ "GNU.sparse.realsize", take_realsize },
	{ "GNU.sparse.major",	take_sparse },
	{ "GNU.sparse.minor",	take_sparse },
	{ "GNU.sparse.map",	take_map },
	{ "GNU.sparse.offset",	take_sparse },
	{ "GNU.sparse.numbytes", take_sparse },
	{ "GNU.sparse.numblocks", take_pieces },
};

/* Decimal digits and nothing else, up to INT64_MAX. */
static int
number(const char *s, size_t len, uint64_t *v)
{
	size_t	 i;

	if (len == 0 || len > 19)
		return (-1);
	for (*v = 0, i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return (-1);
		*v = *v * 10 + (uint64_t)(s[i] - '0');
	}
	return (*v > INT64_MAX ? -1 : 0);
}

static const char *
take_string(char **dst, const char *s, size_t len)
{
	if (len == 0)
		return ("pax: empty name");
	if (len > PATH_MAXLEN + 1)	/* one for a directory's slash */
		return ("pax: name too long");
	if (memchr(s, '\0', len) != NULL)
		return ("pax: NUL in a name");
	if (*dst != NULL)
		return ("pax: name given twice");
	if ((*dst = strndup(s, len)) == NULL)
		return ("out of memory");
	return (NULL);
}

static const char *
take_number(struct tar_pax *p, unsigned int bit, uint64_t *v, const char *s,
    size_t len)
{
	if (p->has & bit)
		return ("pax: number given twice");
	if (number(s, len, v) == -1)
		return ("pax: bad number");
	p->has |= bit;
	return (NULL);
}

/* GNU tar names a sparse file twice; the key for it is the real one. */
static const char *
take_path(struct tar_pax *p, const char *s, size_t len)
{
	if (p->has & PAX_SPARSENAME)
		return (NULL);
	return (take_string(&p->path, s, len));
}

static const char *
take_sparsename(struct tar_pax *p, const char *s, size_t len)
{
	if (p->has & PAX_SPARSENAME)
		return ("pax: name given twice");
	free(p->path);
	p->path = NULL;
	p->has |= PAX_SPARSENAME | PAX_SPARSE;
	return (take_string(&p->path, s, len));
}

static const char *
take_link(struct tar_pax *p, const char *s, size_t len)
{
	return (take_string(&p->link, s, len));
}

static const char *
take_size(struct tar_pax *p, const char *s, size_t len)
{
	return (take_number(p, PAX_SIZE, &p->size, s, len));
}

static const char *
take_uid(struct tar_pax *p, const char *s, size_t len)
{
	return (take_number(p, PAX_UID, &p->uid, s, len));
}

static const char *
take_gid(struct tar_pax *p, const char *s, size_t len)
{
	return (take_number(p, PAX_GID, &p->gid, s, len));
}

static const char *
take_realsize(struct tar_pax *p, const char *s, size_t len)
{
	p->has |= PAX_SPARSE;
	return (take_number(p, PAX_REALSIZE, &p->realsize, s, len));
}

/* libarchive takes the rest of a map for absent when a number is bad. */
static const char *
take_sparse(struct tar_pax *p, const char *s, size_t len)
{
	uint64_t	 v;

	if (number(s, len, &v) == -1)
		return ("pax: bad number");
	p->has |= PAX_SPARSE;
	return (NULL);
}

static const char *
take_pieces(struct tar_pax *p, const char *s, size_t len)
{
	uint64_t	 n;

	if (number(s, len, &n) == -1 || n > SPARSE_MAX)
		return ("pax: bad number of pieces in a sparse file");
	p->has |= PAX_SPARSE;
	return (NULL);
}

/* "offset,length,offset,length" */
static const char *
take_map(struct tar_pax *p, const char *s, size_t len)
{
	const char	*comma;
	uint64_t	 v;
	size_t		 n, i;

	for (i = 0; len > 0; i++, s += n, len -= n) {
		comma = memchr(s, ',', len);
		n = comma == NULL ? len : (size_t)(comma - s);
		if (number(s, n, &v) == -1 || (comma != NULL && n + 1 == len))
			return ("pax: bad map of a sparse file");
		n += comma != NULL;
	}
	p->has |= PAX_SPARSE;
	return (i % 2 == 0 ? NULL : "pax: bad map of a sparse file");
}

/* [-]SECONDS[.FRACTION]; digits beyond nanoseconds are cut, as GNU does. */
static const char *
take_mtime(struct tar_pax *p, const char *s, size_t len)
{
	const char	*dot = memchr(s, '.', len);
	size_t		 whole = dot != NULL ? (size_t)(dot - s) : len, i;
	uint64_t	 v;
	uint32_t	 nsec = 0, unit = 100000000;
	int		 minus = whole > 0 && s[0] == '-';

	if (p->has & PAX_MTIME)
		return ("pax: number given twice");
	if (number(s + minus, whole - (size_t)minus, &v) == -1)
		return ("pax: bad time");
	for (i = whole + 1; i < len; i++, unit /= 10) {
		if (s[i] < '0' || s[i] > '9')
			return ("pax: bad time");
		nsec += (uint32_t)(s[i] - '0') * unit;
	}
	p->mtime = minus ? -(int64_t)v : (int64_t)v;
	if (minus && nsec != 0) {
		p->mtime--;
		nsec = 1000000000 - nsec;
	}
	p->nsec = nsec;
	p->has |= PAX_MTIME;
	return (NULL);
}

static const char *
take_xattr(struct tar_pax *p, const char *name, size_t namelen,
    const char *value, size_t len)
{
	struct tar_xattr	*x;
	size_t			 i;

	if (namelen == 0 || namelen > PATH_NAME_MAXLEN ||
	    memchr(name, '\0', namelen) != NULL)
		return ("pax: bad attribute name");
	for (i = 0; i < p->nxattrs; i++)
		if (strlen(p->xattrs[i].name) == namelen &&
		    memcmp(p->xattrs[i].name, name, namelen) == 0)
			return ("pax: attribute given twice");
	p->xattrbytes += namelen + len;
	if (p->nxattrs == XATTRS_MAX || p->xattrbytes > XATTR_BYTES_MAX)
		return ("too many extended attributes");
	x = reallocarray(p->xattrs, p->nxattrs + 1, sizeof(*x));
	if (x == NULL)
		return ("out of memory");
	p->xattrs = x;
	x += p->nxattrs;
	x->name = strndup(name, namelen);
	x->value = malloc(len + 1);
	x->len = len;
	p->nxattrs++;
	if (x->name == NULL || x->value == NULL)
		return ("out of memory");
	memcpy(x->value, value, len);
	return (NULL);
}

static const char *
record(struct tar_pax *p, const char *key, size_t keylen, const char *value,
    size_t len)
{
	size_t	 i, n = strlen(XATTR_PREFIX);

	if (keylen >= n && memcmp(key, XATTR_PREFIX, n) == 0)
		return (take_xattr(p, key + n, keylen - n, value, len));
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strlen(keys[i].key) == keylen &&
		    memcmp(keys[i].key, key, keylen) == 0)
			return (keys[i].take(p, value, len));
	return (NULL);
}

const char *
tar_pax_parse(struct tar_pax *p, const char *s, size_t len, int global)
{
	const char	*eq, *space, *why;
	uint64_t	 n;

	while (len > 0) {
		space = memchr(s, ' ', len < 20 ? len : 20);
		if (space == NULL || number(s, (size_t)(space - s), &n) == -1 ||
		    n > len || n < (uint64_t)(space - s) + 4 ||
		    s[n - 1] != '\n')
			return ("pax: bad record length");
		space++;
		eq = memchr(space, '=', (size_t)(s + n - space));
		if (eq == NULL || eq == space)
			return ("pax: record without a key");
		if (!global)
			why = record(p, space, (size_t)(eq - space), eq + 1,
			    (size_t)(s + n - 1 - (eq + 1)));
		else if (eq - space == 7 && memcmp(space, "comment", 7) == 0)
			why = NULL;
		else
			why = "pax: global header with more than a comment";
		if (why != NULL)
			return (why);
		s += n;
		len -= n;
	}
	return (NULL);
}

void
tar_pax_free(struct tar_pax *p)
{
	size_t	 i;

	for (i = 0; i < p->nxattrs; i++) {
		free(p->xattrs[i].name);
		free(p->xattrs[i].value);
	}
	free(p->xattrs);
	free(p->path);
	free(p->link);
	memset(p, 0, sizeof(*p));
}
