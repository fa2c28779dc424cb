/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* One header block of a tar, for the walker of berth-unpack.  Pure. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tarwalk.h"

#define OFF_TYPE	TAR_OFF_TYPE

struct field {
	size_t	 off, len;
};

static const struct field	 f_name = { 0, 100 }, f_mode = { 100, 8 },
				 f_uid = { 108, 8 }, f_gid = { 116, 8 },
				 f_size = { 124, 12 }, f_mtime = { 136, 12 },
				 f_sum = { 148, 8 }, f_link = { 157, 100 },
				 f_prefix = { 345, 155 },
				 f_atime = { 345, 12 }, f_ctime = { 357, 12 },
				 f_realsize = { 483, 12 };
#define OFF_MAGIC	257

int
tar_zeros(const unsigned char *p, size_t len)
{
	size_t	 i;

	for (i = 0; i < len; i++)
		if (p[i] != 0)
			return (0);
	return (1);
}

/*
 * Octal, or GNU's base-256 (also negative).  Anything else in the field is
 * an error, not zero.
 */
static int
field_number(const unsigned char *h, struct field f, int64_t *v)
{
	const unsigned char	*p = h + f.off;
	size_t			 i = 0;
	uint64_t		 n = 0, high;

	if (p[0] & 0x80) {
		/* two's complement over the field but its topmost bit */
		high = (p[0] & 0x40) ? UINT64_MAX : 0;
		n = (high << 7) | (p[0] & 0x7f);
		for (i = 1; i < f.len; i++) {
			if ((n >> 55) != 0 && (n >> 55) != 0x1ff)
				return (-1);
			n = n << 8 | p[i];
		}
		*v = (int64_t)n;
		return (0);
	}
	while (i < f.len && p[i] == ' ')
		i++;
	for (; i < f.len && p[i] >= '0' && p[i] <= '7'; i++) {
		if (n >> 60)
			return (-1);
		n = n << 3 | (uint64_t)(p[i] - '0');
	}
	for (; i < f.len; i++)
		if (p[i] != ' ' && p[i] != '\0')
			return (-1);
	*v = (int64_t)n;
	return (0);
}

static int
checksum_ok(const unsigned char *h)
{
	int64_t	 want, plain = 0, sign = 0;
	size_t	 i;

	if (field_number(h, f_sum, &want) == -1)
		return (0);
	for (i = 0; i < TAR_BLOCKSIZE; i++) {
		int c = i >= f_sum.off && i < f_sum.off + f_sum.len ? ' ' :
		    h[i];

		plain += c;
		sign += (signed char)c;
	}
	return (want == plain || want == sign);
}

static int
is_gnu(const unsigned char *h)
{
	return (memcmp(h + OFF_MAGIC, "ustar  ", 8) == 0);
}

static int
is_ustar(const unsigned char *h)
{
	return (memcmp(h + OFF_MAGIC, "ustar", 6) == 0);
}

/*
 * A ustar or GNU header, or one from before both.  Old Go programs wrote a
 * prefix into GNU headers, where the times stand: readers differ about it.
 */
const char *
tar_head_check(const unsigned char *h)
{
	int64_t	 v;

	if (!checksum_ok(h))
		return ("bad header checksum");
	if (is_ustar(h))
		return (NULL);
	if (is_gnu(h)) {
		if (field_number(h, f_atime, &v) == -1 ||
		    field_number(h, f_ctime, &v) == -1)
			return ("GNU header with a prefix");
		return (NULL);
	}
	return (tar_zeros(h + OFF_MAGIC, 8) ? NULL : "unknown tar format");
}

/*
 * The same path without "/", "." and empty components; the caller frees.
 * NULL with *rule.
 */
static char *
path_normal(const char *s, const char **rule)
{
	char		*out, *o;
	const char	*end;
	size_t		 len = strlen(s), n, depth = 0;

	*rule = "path too long";
	if (len > PATH_MAXLEN + 1)
		return (NULL);
	*rule = "out of memory";
	if ((out = o = malloc(len + 2)) == NULL)
		return (NULL);
	for (; *s != '\0'; s = end) {
		if (*s == '/') {
			end = s + 1;
			continue;
		}
		end = strchrnul(s, '/');
		n = (size_t)(end - s);
		if (n == 1 && s[0] == '.')
			continue;
		*rule = n == 2 && s[0] == '.' && s[1] == '.' ?
		    "\"..\" in a path" : n > PATH_NAME_MAXLEN ?
		    "name too long" : ++depth > PATH_DEPTH_MAX ?
		    "path too deep" : NULL;
		if (*rule != NULL)
			goto fail;
		if (o != out)
			*o++ = '/';
		memcpy(o, s, n);
		o += n;
	}
	*o = '\0';
	*rule = "path too long";
	if (o - out > PATH_MAXLEN)
		goto fail;
	*rule = NULL;
	return (out);
 fail:
	free(out);
	return (NULL);
}

void
tar_entry_free(struct tar_entry *e)
{
	size_t	 i;

	if (e == NULL)
		return;
	for (i = 0; i < e->nxattrs; i++) {
		free(e->xattrs[i].name);
		free(e->xattrs[i].value);
	}
	free(e->xattrs);
	free(e->name);
	free(e->path);
	free(e->link);
	free(e->rawlink);
	free(e);
}

static char *
field_string(const unsigned char *h, struct field f)
{
	return (strndup((const char *)h + f.off, f.len));
}

/* The name and link name: extended headers go before the block's fields. */
static const char *
entry_names(struct tar_pending *p, struct tar_entry *e, const unsigned char *h)
{
	char	*name, *prefix;

	if ((p->longname != NULL && p->pax.path != NULL) ||
	    (p->longlink != NULL && p->pax.link != NULL))
		return ("name given by a pax and by a GNU header");
	e->name = p->pax.path != NULL ? p->pax.path : p->longname;
	e->rawlink = p->pax.link != NULL ? p->pax.link : p->longlink;
	p->pax.path = p->pax.link = p->longname = p->longlink = NULL;
	if (e->rawlink == NULL)
		e->rawlink = field_string(h, f_link);
	if (e->rawlink == NULL)
		return ("out of memory");
	if (e->name != NULL)
		return (NULL);
	e->name = field_string(h, f_name);
	if (e->name == NULL || !is_ustar(h) || h[f_prefix.off] == 0)
		return (e->name == NULL ? "out of memory" : NULL);
	prefix = field_string(h, f_prefix);
	if (prefix == NULL || asprintf(&name, "%s/%s", prefix, e->name) == -1)
		name = NULL;
	free(prefix);
	free(e->name);
	e->name = name;
	return (name == NULL ? "out of memory" : NULL);
}

static const char *
entry_type(struct tar_entry *e, unsigned char type)
{
	switch (type) {
	case '\0':
	case '0':
		e->type = TAR_FILE;
		break;
	case 'S':
		e->type = TAR_FILE;
		e->sparse = 1;
		break;
	case '1':
		e->type = TAR_LINK;
		break;
	case '2':
		e->type = TAR_SYMLINK;
		break;
	case '3':
		e->type = TAR_CHAR;
		break;
	case '4':
		e->type = TAR_BLOCK;
		break;
	case '5':
		e->type = TAR_DIR;
		break;
	case '6':
		e->type = TAR_FIFO;
		break;
	default:
		return ("entry of an unknown type");
	}
	return (NULL);
}

static const char *
entry_numbers(struct tar_pending *p, struct tar_entry *e,
    const unsigned char *h)
{
	int64_t	 mode, uid, gid, size, mtime;

	if (field_number(h, f_mode, &mode) == -1 ||
	    field_number(h, f_uid, &uid) == -1 ||
	    field_number(h, f_gid, &gid) == -1 ||
	    field_number(h, f_size, &size) == -1 ||
	    field_number(h, f_mtime, &mtime) == -1)
		return ("bad number in a header");
	if (p->pax.has & PAX_UID)
		uid = (int64_t)p->pax.uid;
	if (p->pax.has & PAX_GID)
		gid = (int64_t)p->pax.gid;
	if (p->pax.has & PAX_SIZE)
		size = (int64_t)p->pax.size;
	if (p->pax.has & PAX_MTIME) {
		mtime = p->pax.mtime;
		e->nsec = p->pax.nsec;
	}
	if (mode < 0)
		return ("negative mode");
	/* the largest number means "no id" to the kernel */
	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return ("owner out of range");
	if (size < 0 || (uint64_t)size > LAYER_BYTES_MAX)
		return ("size out of range");
	if (mtime < MTIME_MIN || mtime > MTIME_MAX)
		return ("time out of range");
	e->mode = (uint32_t)mode & 07777;
	e->uid = (uint32_t)uid;
	e->gid = (uint32_t)gid;
	e->mtime = mtime;
	e->size = (uint64_t)size;
	return (NULL);
}

static const char *
entry_sparse(struct tar_pending *p, struct tar_entry *e, const unsigned char *h)
{
	int64_t	 real;

	if (e->sparse) {
		if (!is_gnu(h) || (p->pax.has & PAX_SPARSE))
			return ("sparse file of an unknown form");
		if (field_number(h, f_realsize, &real) == -1 || real < 0)
			return ("size out of range");
	} else if (p->pax.has & PAX_SPARSE) {
		if (e->type != TAR_FILE || !(p->pax.has & PAX_REALSIZE))
			return ("sparse file of an unknown form");
		real = (int64_t)p->pax.realsize;
		e->sparse = 1;
	} else
		return (NULL);
	if ((uint64_t)real > LAYER_BYTES_MAX)
		return ("size out of range");
	e->size = (uint64_t)real;
	return (NULL);
}

static const char *
entry_check(struct tar_entry *e)
{
	const char	*rule;
	size_t		 len = strlen(e->name);

	if (e->type != TAR_FILE && e->size != 0)
		return ("size on an entry that has no contents");
	if (len == 0)
		return ("empty name");
	if (e->type != TAR_DIR && e->name[len - 1] == '/')
		return ("\"/\" behind the name of what is no directory");
	if ((e->path = path_normal(e->name, &rule)) == NULL)
		return (rule);
	if (e->path[0] == '\0' && e->type != TAR_DIR)
		return ("root directory of another type");
	if (e->type == TAR_SYMLINK) {
		len = strlen(e->rawlink);
		if (len == 0 || len > PATH_MAXLEN)
			return ("bad length of a link's target");
		e->link = strdup(e->rawlink);
		return (e->link == NULL ? "out of memory" : NULL);
	}
	if (e->type == TAR_LINK) {
		if ((e->link = path_normal(e->rawlink, &rule)) == NULL)
			return (rule);
		if (e->link[0] == '\0')
			return ("hard link to the root directory");
	}
	return (NULL);
}

int64_t
tar_head_size(const unsigned char *h)
{
	int64_t	 size;

	return (field_number(h, f_size, &size) == -1 || size < 0 ? -1 : size);
}

const char *
tar_head_entry(const unsigned char *h, struct tar_pending *p,
    struct tar_entry *e, uint64_t *stored)
{
	const char	*rule;

	if ((rule = entry_names(p, e, h)) != NULL ||
	    (rule = entry_type(e, h[OFF_TYPE])) != NULL ||
	    (rule = entry_numbers(p, e, h)) != NULL)
		return (rule);
	*stored = e->size;
	if ((rule = entry_sparse(p, e, h)) != NULL ||
	    (rule = entry_check(e)) != NULL)
		return (rule);
	e->xattrs = p->pax.xattrs;
	e->nxattrs = p->pax.nxattrs;
	p->pax.xattrs = NULL;
	p->pax.nxattrs = 0;
	tar_pax_free(&p->pax);
	return (NULL);
}
