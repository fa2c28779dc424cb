/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Extended headers of the tars that berth-unpack writes (POSIX.1-2001 pax,
 * "pax Extended Header").  Pure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export.h"

#define NAME_SIZE	100	/* of name and linkname in a ustar header */

struct records {
	unsigned char	*data;
	size_t		 len;
	int		 error;
};

/* "LENGTH KEY=VALUE\n", where LENGTH counts its own digits too. */
static void
add(struct records *r, const char *prefix, const char *key,
    const void *value, size_t valuelen)
{
	unsigned char	*p;
	char		 number[24];
	size_t		 rest, digits = 1, n;

	rest = strlen(prefix) + strlen(key) + valuelen + 3; /* ' ' '=' '\n' */
	while ((n = (size_t)snprintf(number, sizeof(number), "%zu",
	    rest + digits)) != digits)
		digits = n;
	if (r->error || (p = realloc(r->data, r->len + rest + digits + 1)) ==
	    NULL) {
		r->error = 1;
		return;
	}
	r->data = p;
	p += r->len;
	p += sprintf((char *)p, "%s %s%s=", number, prefix, key);
	memcpy(p, value, valuelen);
	p[valuelen] = '\n';
	r->len += rest + digits;
}

static void
add_string(struct records *r, const char *key, const char *value)
{
	add(r, "", key, value, strlen(value));
}

/* What ustar has no room for. */
static void
collect(struct records *r, const struct tarout *t, const struct tar_entry *e)
{
	char	 number[40];
	size_t	 i;

	if (strlen(t->name) > NAME_SIZE)
		add_string(r, "path", t->name);
	if (t->link != NULL && strlen(t->link) > NAME_SIZE)
		add_string(r, "linkpath", t->link);
	if (e->nsec != 0) {
		/* a time before 1970 counts its fraction upward too */
		if (e->mtime >= 0)
			snprintf(number, sizeof(number), "%lld.%09u",
			    (long long)e->mtime, e->nsec);
		else
			snprintf(number, sizeof(number), "-%lld.%09u",
			    (long long)-(e->mtime + 1), 1000000000 - e->nsec);
		add_string(r, "mtime", number);
	}
	for (i = 0; i < e->nxattrs; i++)
		add(r, "SCHILY.xattr.", e->xattrs[i].name, e->xattrs[i].value,
		    e->xattrs[i].len);
}

int
tarpaxout_headers(const struct tarout *entry, const struct tar_entry *e,
    struct blob *out)
{
	struct tarout	 t = *entry, x;
	struct records	 r;
	char		 name[NAME_SIZE + 1], link[NAME_SIZE + 1];
	size_t		 ext;

	memset(&r, 0, sizeof(r));
	collect(&r, entry, e);
	ext = r.len == 0 ? 0 : TAROUT_BLOCK + r.len + tarout_padding(r.len);
	if (r.error || (out->data = calloc(1, ext + TAROUT_BLOCK)) == NULL) {
		free(r.data);
		return (-1);
	}
	out->len = ext + TAROUT_BLOCK;
	if (ext > 0) {
		memset(&x, 0, sizeof(x));
		x.type = 'x';
		x.name = "PaxHeaders/entry";
		x.mode = 0644;
		x.size = r.len;
		tarout_header(out->data, &x);
		memcpy(out->data + TAROUT_BLOCK, r.data, r.len);
	}
	free(r.data);
	/* the fields keep what fits; pax readers take the record */
	snprintf(name, sizeof(name), "%s", entry->name);
	t.name = name;
	if (entry->link != NULL) {
		snprintf(link, sizeof(link), "%s", entry->link);
		t.link = link;
	}
	return (tarout_header(out->data + ext, &t));
}
