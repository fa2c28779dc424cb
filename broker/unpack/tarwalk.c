/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The raw header walker of berth-unpack: see tarwalk.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../common/log.h"
#include "../../proto/msg.h"
#include "tarwalk.h"

#define BLOCK		512

enum state {
	ST_HEADER,		/* a block that is a header or zeros */
	ST_META,		/* the body of an extended header */
	ST_SPARSE,		/* GNU: more of the sparse map */
	ST_BODY,		/* a body that the receiver keeps elsewhere */
	ST_RAWBODY,		/* a body that goes to raw() */
	ST_PAD,			/* to the next block */
	ST_END			/* behind the end marker */
};

struct tarwalk {
	const struct tarwalk_ops *ops;
	void		*arg;
	enum state	 state;
	unsigned char	 block[BLOCK];
	size_t		 fill;		/* of block */
	uint64_t	 left;		/* of the body */
	size_t		 pad;
	uint64_t	 bytes, raw, entries, content, slack;
	int		 zeros;		/* blocks of zeros seen */
	/* Extended headers that wait for their entry. */
	char		 metatype;
	char		*meta;
	size_t		 metalen, metasize;
	struct tar_pax	 pax;
	char		*longname, *longlink;
	int		 pending, haspax;
	struct tar_entry *entry;	/* waits for its sparse map */
	char		 why[MSG_TEXT_SIZE];
};

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
#define OFF_TYPE	156
#define OFF_MAGIC	257
#define OFF_ISEXT	482	/* in a header of type S */
#define OFF_EXTMORE	504	/* in a block of more map */

static int	 refuse(struct tarwalk *, const char *name, const char *rule);

static int
give_raw(struct tarwalk *w, const unsigned char *p, size_t len)
{
	w->raw += len;
	return (w->ops->raw(w->arg, p, len));
}

static int
all_zeros(const unsigned char *p, size_t len)
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
	for (i = 0; i < BLOCK; i++) {
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
static const char *
format_check(const unsigned char *h)
{
	int64_t	 v;

	if (is_ustar(h))
		return (NULL);
	if (is_gnu(h)) {
		if (field_number(h, f_atime, &v) == -1 ||
		    field_number(h, f_ctime, &v) == -1)
			return ("GNU header with a prefix");
		return (NULL);
	}
	return (all_zeros(h + OFF_MAGIC, 8) ? NULL : "unknown tar format");
}

static int
refuse(struct tarwalk *w, const char *name, const char *rule)
{
	char	 enc[512];

	if (name == NULL)
		snprintf(w->why, sizeof(w->why), "tar, byte %llu: %s",
		    (unsigned long long)w->bytes, rule);
	else
		snprintf(w->why, sizeof(w->why), "%s: %s", log_encode(enc,
		    sizeof(enc), name, strlen(name)), rule);
	return (-1);
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
entry_names(struct tarwalk *w, struct tar_entry *e, const unsigned char *h)
{
	char	*name, *prefix;

	if ((w->longname != NULL && w->pax.path != NULL) ||
	    (w->longlink != NULL && w->pax.link != NULL))
		return ("name given by a pax and by a GNU header");
	e->name = w->pax.path != NULL ? w->pax.path : w->longname;
	e->rawlink = w->pax.link != NULL ? w->pax.link : w->longlink;
	w->pax.path = w->pax.link = w->longname = w->longlink = NULL;
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
entry_numbers(struct tarwalk *w, struct tar_entry *e, const unsigned char *h)
{
	int64_t	 mode, uid, gid, size, mtime;

	if (field_number(h, f_mode, &mode) == -1 ||
	    field_number(h, f_uid, &uid) == -1 ||
	    field_number(h, f_gid, &gid) == -1 ||
	    field_number(h, f_size, &size) == -1 ||
	    field_number(h, f_mtime, &mtime) == -1)
		return ("bad number in a header");
	if (w->pax.has & PAX_UID)
		uid = (int64_t)w->pax.uid;
	if (w->pax.has & PAX_GID)
		gid = (int64_t)w->pax.gid;
	if (w->pax.has & PAX_SIZE)
		size = (int64_t)w->pax.size;
	if (w->pax.has & PAX_MTIME) {
		mtime = w->pax.mtime;
		e->nsec = w->pax.nsec;
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
	e->size = w->left = (uint64_t)size;
	return (NULL);
}

static const char *
entry_sparse(struct tarwalk *w, struct tar_entry *e, const unsigned char *h)
{
	int64_t	 real;

	if (e->sparse) {
		if (!is_gnu(h) || (w->pax.has & PAX_SPARSE))
			return ("sparse file of an unknown form");
		if (field_number(h, f_realsize, &real) == -1 || real < 0)
			return ("size out of range");
	} else if (w->pax.has & PAX_SPARSE) {
		if (e->type != TAR_FILE || !(w->pax.has & PAX_REALSIZE))
			return ("sparse file of an unknown form");
		real = (int64_t)w->pax.realsize;
		e->sparse = 1;
	} else
		return (NULL);
	if ((uint64_t)real > LAYER_BYTES_MAX)
		return ("size out of range");
	e->size = (uint64_t)real;
	return (NULL);
}

static const char *
entry_check(struct tarwalk *w, struct tar_entry *e)
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
	w->content += e->size;
	return (w->content > LAYER_BYTES_MAX ? "layer too large" : NULL);
}

/* Hands the waiting entry over; its body, if any, follows. */
static int
entry_give(struct tarwalk *w)
{
	struct tar_entry	*e = w->entry;

	e->body = w->raw;
	w->pad = (size_t)(-w->left & (BLOCK - 1));
	w->state = w->left == 0 ? ST_HEADER : e->sparse ? ST_RAWBODY : ST_BODY;
	w->entry = NULL;
	return (w->ops->entry(w->arg, e));
}

static int
entry_begin(struct tarwalk *w, const unsigned char *h)
{
	struct tar_entry	*e;
	const char		*rule;

	if ((e = calloc(1, sizeof(*e))) == NULL)
		return (refuse(w, NULL, "out of memory"));
	w->entry = e;
	if ((rule = entry_names(w, e, h)) != NULL ||
	    (rule = entry_type(e, h[OFF_TYPE])) != NULL ||
	    (rule = entry_numbers(w, e, h)) != NULL ||
	    (rule = entry_sparse(w, e, h)) != NULL ||
	    (rule = entry_check(w, e)) != NULL)
		return (refuse(w, e->name, rule));
	if (++w->entries > LAYER_ENTRIES_MAX)
		return (refuse(w, e->name, "too many entries"));
	e->xattrs = w->pax.xattrs;
	e->nxattrs = w->pax.nxattrs;
	w->pax.xattrs = NULL;
	w->pax.nxattrs = 0;
	tar_pax_free(&w->pax);
	w->pending = w->haspax = 0;
	if (h[OFF_TYPE] == 'S' && h[OFF_ISEXT] != 0) {
		w->state = ST_SPARSE;
		return (0);
	}
	return (entry_give(w));
}

static int
meta_begin(struct tarwalk *w, const unsigned char *h)
{
	int64_t	 size;
	char	 type = (char)h[OFF_TYPE];

	if (field_number(h, f_size, &size) == -1 || size < 0)
		return (refuse(w, NULL, "size out of range"));
	if (size > (int64_t)(type == 'x' || type == 'g' ? PAX_HEADER_MAX :
	    PATH_MAXLEN + 2))
		return (refuse(w, NULL, "extended header too long"));
	if ((type == 'x' && w->haspax) || (type == 'L' && w->longname) ||
	    (type == 'K' && w->longlink))
		return (refuse(w, NULL, "two extended headers for one entry"));
	w->metatype = type;
	w->metalen = 0;
	w->metasize = (size_t)size;
	free(w->meta);
	if ((w->meta = malloc(w->metasize + 1)) == NULL)
		return (refuse(w, NULL, "out of memory"));
	w->pad = (size_t)(-size & (BLOCK - 1));
	w->state = ST_META;
	return (0);
}

/* A long name ends with its NUL, and there is but one. */
static int
meta_long(struct tarwalk *w, char **dst)
{
	size_t	 len = strnlen(w->meta, w->metasize);

	if (len == 0 || !all_zeros((unsigned char *)w->meta + len,
	    w->metasize - len))
		return (refuse(w, NULL, "bad long name"));
	w->meta[w->metasize] = '\0';
	*dst = w->meta;
	w->meta = NULL;
	w->pending = 1;
	return (0);
}

static int
meta_end(struct tarwalk *w)
{
	const char	*rule;

	w->state = w->pad > 0 ? ST_PAD : ST_HEADER;
	if (w->metatype == 'L')
		return (meta_long(w, &w->longname));
	if (w->metatype == 'K')
		return (meta_long(w, &w->longlink));
	rule = tar_pax_parse(&w->pax, w->meta, w->metasize,
	    w->metatype == 'g');
	if (rule != NULL)
		return (refuse(w, w->pax.path, rule));
	if (w->metatype == 'x')
		w->pending = w->haspax = 1;
	return (0);
}

static int
on_block(struct tarwalk *w, const unsigned char *h)
{
	const char	*rule;

	if (give_raw(w, h, BLOCK) == -1)
		return (-1);
	if (w->state == ST_SPARSE)
		return (h[OFF_EXTMORE] != 0 ? 0 : entry_give(w));
	if (h[0] == 0 && all_zeros(h, BLOCK)) {
		if (w->pending)
			return (refuse(w, NULL,
			    "extended header without an entry"));
		if (++w->zeros == 2)
			w->state = ST_END;
		return (0);
	}
	if (w->zeros > 0)
		return (refuse(w, NULL, "entry behind a block of zeros"));
	if (!checksum_ok(h))
		return (refuse(w, NULL, "bad header checksum"));
	if ((rule = format_check(h)) != NULL)
		return (refuse(w, NULL, rule));
	if (h[OFF_TYPE] != 0 && strchr("xgLK", h[OFF_TYPE]) != NULL) {
		if (meta_begin(w, h) == -1)
			return (-1);
		return (w->metasize == 0 ? meta_end(w) : 0);
	}
	return (entry_begin(w, h));
}

/* Each feed_*() takes at least one byte of the piece; returns how many. */
static ssize_t
feed_block(struct tarwalk *w, const unsigned char *p, size_t len)
{
	size_t	 n = BLOCK - w->fill;

	if (w->fill == 0 && len >= BLOCK) {
		w->bytes += BLOCK;
		return (on_block(w, p) == -1 ? -1 : BLOCK);
	}
	if (n > len)
		n = len;
	memcpy(w->block + w->fill, p, n);
	w->fill += n;
	w->bytes += n;
	if (w->fill == BLOCK) {
		w->fill = 0;
		if (on_block(w, w->block) == -1)
			return (-1);
	}
	return ((ssize_t)n);
}

static ssize_t
feed_meta(struct tarwalk *w, const unsigned char *p, size_t len)
{
	size_t	 n = w->metasize - w->metalen;

	if (n > len)
		n = len;
	memcpy(w->meta + w->metalen, p, n);
	w->metalen += n;
	w->bytes += n;
	if (give_raw(w, p, n) == -1)
		return (-1);
	if (w->metalen == w->metasize && meta_end(w) == -1)
		return (-1);
	return ((ssize_t)n);
}

static ssize_t
feed_body(struct tarwalk *w, const unsigned char *p, size_t len)
{
	size_t	 n = w->left < len ? (size_t)w->left : len;

	w->left -= n;
	w->bytes += n;
	if (w->state == ST_RAWBODY ? give_raw(w, p, n) == -1 :
	    w->ops->body != NULL && w->ops->body(w->arg, p, n) == -1)
		return (-1);
	if (w->left == 0)
		w->state = w->pad > 0 ? ST_PAD : ST_HEADER;
	return ((ssize_t)n);
}

static ssize_t
feed_pad(struct tarwalk *w, const unsigned char *p, size_t len)
{
	size_t	 n = w->pad < len ? w->pad : len;

	w->pad -= n;
	w->bytes += n;
	if (give_raw(w, p, n) == -1)
		return (-1);
	if (w->pad == 0)
		w->state = ST_HEADER;
	return ((ssize_t)n);
}

static ssize_t
feed_end(struct tarwalk *w, const unsigned char *p, size_t len)
{
	w->slack += len;
	if (w->slack > TAR_SLACK_MAX)
		return (refuse(w, NULL, "too much behind the end marker"));
	if (!all_zeros(p, len))
		return (refuse(w, NULL, "garbage behind the end marker"));
	w->bytes += len;
	return (give_raw(w, p, len) == -1 ? -1 : (ssize_t)len);
}

int
tarwalk_feed(struct tarwalk *w, const void *data, size_t len)
{
	static ssize_t	(*const feed[])(struct tarwalk *,
			    const unsigned char *, size_t) = {
		[ST_HEADER] = feed_block,
		[ST_META] = feed_meta,
		[ST_SPARSE] = feed_block,
		[ST_BODY] = feed_body,
		[ST_RAWBODY] = feed_body,
		[ST_PAD] = feed_pad,
		[ST_END] = feed_end,
	};
	const unsigned char	*p = data;
	ssize_t			 n;

	while (len > 0) {
		if (w->bytes > LAYER_BYTES_MAX)
			return (refuse(w, NULL, "layer too large"));
		if ((n = feed[w->state](w, p, len)) == -1)
			return (-1);
		p += n;
		len -= (size_t)n;
	}
	return (0);
}

/* No end marker at all, or half of one, is usual enough to be taken. */
int
tarwalk_end(struct tarwalk *w)
{
	if (w->state == ST_END)
		return (0);
	if (w->state != ST_HEADER || w->fill != 0 || w->pending)
		return (refuse(w, NULL, "truncated"));
	return (0);
}

struct tarwalk *
tarwalk_new(const struct tarwalk_ops *ops, void *arg)
{
	struct tarwalk	*w;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		return (NULL);
	w->ops = ops;
	w->arg = arg;
	w->state = ST_HEADER;
	return (w);
}

void
tarwalk_free(struct tarwalk *w)
{
	if (w == NULL)
		return;
	tar_pax_free(&w->pax);
	tar_entry_free(w->entry);
	free(w->meta);
	free(w->longname);
	free(w->longlink);
	free(w);
}

const char *
tarwalk_why(const struct tarwalk *w)
{
	return (w->why);
}

uint64_t
tarwalk_bytes(const struct tarwalk *w)
{
	return (w->bytes);
}

uint64_t
tarwalk_entries(const struct tarwalk *w)
{
	return (w->entries);
}
