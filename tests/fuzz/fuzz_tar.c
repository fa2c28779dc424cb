/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The walker over a tar: the same entries however the bytes are cut, and
 * no path that an applier would have to think about.
 */
#include "../../broker/unpack/tarwalk.h"
#include "fuzz.h"
#include "tarmutate.h"

struct walk {
	uint64_t	 hash, raw, body;
	size_t		 entries;
};

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max,
    unsigned int seed)
{
	return (tar_mutate(data, len, max, seed));
}

static void
mix(struct walk *w, const void *data, size_t len)
{
	const unsigned char	*p = data;

	while (len-- > 0)
		w->hash = (w->hash ^ *p++) * 0x100000001b3ULL;
}

static int
on_raw(void *arg, const unsigned char *p, size_t len)
{
	struct walk	*w = arg;

	MUST(len > 0);
	mix(w, p, len);
	w->raw += len;
	return (0);
}

static int
on_body(void *arg, const unsigned char *p, size_t len)
{
	struct walk	*w = arg;

	MUST(len > 0);
	mix(w, p, len);
	w->body += len;
	return (0);
}

static void
path_check(const char *p)
{
	size_t	 n, depth = 0;

	MUST(strlen(p) <= PATH_MAXLEN);
	for (; *p != '\0'; p += n + (p[n] == '/')) {
		n = strcspn(p, "/");
		MUST(n > 0 && n <= PATH_NAME_MAXLEN);
		MUST(!(n == 1 && p[0] == '.'));
		MUST(!(n == 2 && p[0] == '.' && p[1] == '.'));
		MUST(p[n] == '\0' || p[n + 1] != '\0');
		MUST(++depth <= PATH_DEPTH_MAX);
	}
}

static void
entry_check(const struct tar_entry *e)
{
	size_t	 i, bytes = 0;

	path_check(e->path);
	MUST(e->type <= TAR_BLOCK && e->mode <= 07777);
	MUST((e->type == TAR_LINK || e->type == TAR_SYMLINK) ==
	    (e->link != NULL));
	if (e->type == TAR_LINK)
		path_check(e->link);
	if (e->type == TAR_SYMLINK)
		MUST(e->link[0] != '\0' && strlen(e->link) <= PATH_MAXLEN);
	MUST(e->uid <= 0x7fffffff && e->gid <= 0x7fffffff);
	MUST(e->nsec < 1000000000);
	MUST(e->mtime >= MTIME_MIN && e->mtime <= MTIME_MAX);
	MUST(e->type == TAR_FILE || e->size == 0);
	MUST(e->nxattrs <= XATTRS_MAX);
	for (i = 0; i < e->nxattrs; i++)
		bytes += strlen(e->xattrs[i].name) + e->xattrs[i].len;
	MUST(bytes <= XATTR_BYTES_MAX);
}

static int
on_entry(void *arg, struct tar_entry *e)
{
	struct walk	*w = arg;
	size_t		 i;

	entry_check(e);
	MUST(e->body == w->raw);
	mix(w, e->path, strlen(e->path));
	if (e->link != NULL)
		mix(w, e->link, strlen(e->link));
	mix(w, &e->size, sizeof(e->size));
	mix(w, &e->mtime, sizeof(e->mtime));
	for (i = 0; i < e->nxattrs; i++)
		mix(w, e->xattrs[i].value, e->xattrs[i].len);
	w->entries++;
	tar_entry_free(e);
	return (0);
}

/* In pieces of at most this many bytes; 0 when it is a whole tar. */
static int
walk(const uint8_t *data, size_t len, size_t piece, struct walk *w)
{
	static const struct tarwalk_ops	 ops = { on_raw, on_entry, on_body };
	struct tarwalk			*t;
	size_t				 left = len, n;
	int				 r = 0;
	void				*copy;

	memset(w, 0, sizeof(*w));
	MUST((t = tarwalk_new(&ops, w)) != NULL);
	for (; left > 0 && r == 0; left -= n, data += n) {
		n = left < piece ? left : piece;
		copy = fuzz_copy(data, n);
		r = tarwalk_feed(t, copy, n);
		free(copy);
	}
	if (r == 0)
		r = tarwalk_end(t);
	if (r == 0) {
		MUST(w->raw + w->body == len && tarwalk_bytes(t) == len);
		MUST(w->entries == tarwalk_entries(t));
	} else {
		MUST(tarwalk_why(t)[0] != '\0');
		fuzz_text(tarwalk_why(t), 4096);
	}
	tarwalk_free(t);
	return (r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct walk	 whole, pieces;
	int		 r;

	r = walk(data, len, SIZE_MAX, &whole);
	MUST(walk(data, len, 499, &pieces) == r);
	MUST(whole.entries == pieces.entries);
	/* where a refused one stops depends on the pieces; an accepted not */
	MUST(r != 0 || whole.hash == pieces.hash);
	return (0);
}
