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

#define BLOCK		TAR_BLOCKSIZE
#define OFF_TYPE	TAR_OFF_TYPE
#define OFF_ISEXT	482	/* in a header of type S */
#define OFF_EXTMORE	504	/* in a block of more map */

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
	char		 metatype;	/* an extended header */
	char		*meta;
	size_t		 metalen, metasize;
	struct tar_pending pending;
	struct tar_entry *entry;	/* waits for its sparse map */
	char		 why[MSG_TEXT_SIZE];
};

static int	 refuse(struct tarwalk *, const char *name, const char *rule);

static int
give_raw(struct tarwalk *w, const unsigned char *p, size_t len)
{
	w->raw += len;
	return (w->ops->raw(w->arg, p, len));
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
	if ((rule = tar_head_entry(h, &w->pending, e, &w->left)) != NULL)
		return (refuse(w, e->name, rule));
	w->content += e->size;
	if (w->content > LAYER_BYTES_MAX)
		return (refuse(w, e->name, "layer too large"));
	if (++w->entries > LAYER_ENTRIES_MAX)
		return (refuse(w, e->name, "too many entries"));
	w->pending.any = w->pending.haspax = 0;
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

	if ((size = tar_head_size(h)) == -1)
		return (refuse(w, NULL, "size out of range"));
	if (size > (int64_t)(type == 'x' || type == 'g' ? PAX_HEADER_MAX :
	    PATH_MAXLEN + 2))
		return (refuse(w, NULL, "extended header too long"));
	if ((type == 'x' && w->pending.haspax) ||
	    (type == 'L' && w->pending.longname != NULL) ||
	    (type == 'K' && w->pending.longlink != NULL))
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

	if (len == 0 || !tar_zeros((unsigned char *)w->meta + len,
	    w->metasize - len))
		return (refuse(w, NULL, "bad long name"));
	w->meta[w->metasize] = '\0';
	*dst = w->meta;
	w->meta = NULL;
	w->pending.any = 1;
	return (0);
}

static int
meta_end(struct tarwalk *w)
{
	const char	*rule;

	w->state = w->pad > 0 ? ST_PAD : ST_HEADER;
	if (w->metatype == 'L')
		return (meta_long(w, &w->pending.longname));
	if (w->metatype == 'K')
		return (meta_long(w, &w->pending.longlink));
	rule = tar_pax_parse(&w->pending.pax, w->meta, w->metasize,
	    w->metatype == 'g');
	if (rule != NULL)
		return (refuse(w, w->pending.pax.path, rule));
	if (w->metatype == 'x')
		w->pending.any = w->pending.haspax = 1;
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
	if (h[0] == 0 && tar_zeros(h, BLOCK)) {
		if (w->pending.any)
			return (refuse(w, NULL,
			    "extended header without an entry"));
		if (++w->zeros == 2)
			w->state = ST_END;
		return (0);
	}
	if (w->zeros > 0)
		return (refuse(w, NULL, "entry behind a block of zeros"));
	if ((rule = tar_head_check(h)) != NULL)
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
	if (!tar_zeros(p, len))
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
	if (w->state != ST_HEADER || w->fill != 0 || w->pending.any)
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
	tar_pax_free(&w->pending.pax);
	tar_entry_free(w->entry);
	free(w->meta);
	free(w->pending.longname);
	free(w->pending.longlink);
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
