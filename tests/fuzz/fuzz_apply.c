/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The layer job from tar to tree: walker, libarchive, agreement, applier,
 * skeleton.  Nothing beside the tree is touched; what has been applied
 * gives its tar back and passes the verify job.  A byte behind the tar says
 * how it is applied.
 */
#include <sys/mman.h>

/* for struct layer and entries(), which are no one else's */
#include "../../broker/unpack/layer.c"
#include "fuzz.h"
#include "tarmutate.h"
#include "verifyone.h"

#define VERIFY_MAX	(16 * MIB)	/* a sparse file may claim terabytes */

static const char	 canary[] = "canary";
static int		 cage = -1, outside = -1;
static struct stat	 outside_was, canary_was;

static void
put(int dir, const char *name, const char *text)
{
	int	 fd;

	MUST((fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0644)) != -1);
	MUST(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int	 fd;

	(void)argc;
	(void)argv;
	cage = cage_enter();
	MUST(mkdirat(cage, "outside", 0755) == 0);
	MUST((outside = openat(cage, "outside", O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC)) != -1);
	put(outside, "canary", canary);
	MUST(fstat(outside, &outside_was) == 0);
	MUST(fstatat(outside, "canary", &canary_was, 0) == 0);
	MUST((fd = memfd_create("tar", MFD_CLOEXEC)) != -1);
	MUST(dup2(fd, UNPACK_FD_BLOB) == UNPACK_FD_BLOB);
	return (0);
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max,
    unsigned int seed)
{
	return (tar_mutate(data, len, max, seed));
}

static int
stat_same(const struct stat *a, const struct stat *b)
{
	return (a->st_ino == b->st_ino && a->st_mode == b->st_mode &&
	    a->st_uid == b->st_uid && a->st_size == b->st_size &&
	    a->st_nlink == b->st_nlink &&
	    a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	    a->st_ctim.tv_nsec == b->st_ctim.tv_nsec);
}

static void
nothing_outside(void)
{
	struct stat	 st;

	MUST(fstat(outside, &st) == 0 && stat_same(&st, &outside_was));
	MUST(fstatat(outside, "canary", &st, 0) == 0 &&
	    stat_same(&st, &canary_was));
	/* only outside/ and stage/ stand here */
	MUST(fstat(cage, &st) == 0 && st.st_nlink == 4);
}

/* What lies beneath, in the merged view. */
static void
lower(int dir)
{
	int	 d;

	MUST(mkdirat(dir, "d", 0755) == 0 && mkdirat(dir, "e", 0700) == 0);
	MUST((d = openat(dir, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) !=
	    -1);
	put(d, "f", "lower");
	MUST(mkdirat(d, "sub", 0755) == 0);
	close(d);
	put(dir, "f", "lower");
	MUST(symlinkat("d", dir, "l") == 0);
	MUST(symlinkat("/mnt/outside", dir, "abs") == 0);
	MUST(symlinkat("../../outside", dir, "up") == 0);
	MUST(symlinkat("loop", dir, "loop") == 0);
}

/* As open_tree(), in our directory. */
static void
tree(struct layer *l)
{
	int	 root;

	MUST(mkdirat(cage, "stage", 0755) == 0);
	MUST((l->stage = openat(cage, "stage", O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC)) != -1);
	MUST(dup2(l->stage, UNPACK_FD_LAYERS) == UNPACK_FD_LAYERS);
	MUST(mkdirat(l->stage, "fs", 0755) == 0);
	MUST((l->fs = openat(l->stage, "fs", O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC)) != -1);
	root = l->fs;
	if (l->job->flags & LAYER_MERGED)
		lower(root);
	MUST((l->skel = skelw_open(l->stage)) != NULL);
	MUST(apply_init(&l->apply, root, l->job->flags, l->skel, &l->why) ==
	    0);
}

struct given {
	const uint8_t	*data;
	size_t		 len, at;
};

static int
on_given(void *arg, const void *data, size_t len)
{
	struct given	*g = arg;

	MUST(len <= g->len - g->at);
	MUST(memcmp(g->data + g->at, data, len) == 0);
	g->at += len;
	return (0);
}

static void
check(struct layer *l, const uint8_t *data, size_t len)
{
	struct given	 g = { data, len, 0 };
	char		 why[MSG_TEXT_SIZE] = "";

	if (l->apply.bytes > VERIFY_MAX || (l->job->flags & LAYER_MERGED))
		return;
	MUST(skeleton_stream(l->stage, on_given, &g, why, sizeof(why)) == 0);
	MUST(g.at == len);
	if (verify_one(l->job->diffid, why, sizeof(why)) == -1) {
		fprintf(stderr, "verify: %s\n", why);
		abort();
	}
}

static void
done(struct layer *l)
{
	struct tar_entry	*e;

	archive_read_free(l->archive);
	ring_free(l->ring);
	decoder_free(l->decoder);
	hash_free(l->hash);
	tarwalk_free(l->walk);
	apply_free(&l->apply);
	skelw_free(l->skel);
	while ((e = l->first) != NULL) {
		l->first = e->next;
		tar_entry_free(e);
	}
	free(l->raw);
	cage_empty(l->stage);
	close(l->fs);
	close(l->stage);
	close(UNPACK_FD_LAYERS);
	MUST(unlinkat(cage, "stage", AT_REMOVEDIR) == 0);
}

static void
job_fill(struct msg_unpack_layer *job, const uint8_t *data, size_t len,
    unsigned int how)
{
	static const uint32_t	 flags[] = { LAYER_BOTTOM, 0, LAYER_MERGED };
	struct hash		*h;

	memset(job, 0, sizeof(*job));
	job->size = len;
	job->codec = CODEC_NONE;
	job->flags = flags[how % 3];
	MUST((h = hash_new()) != NULL);
	hash_add(h, data, len);
	hash_digest(h, job->diffid);
	hash_free(h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct msg_unpack_layer	 job;
	struct layer		 l;
	enum applied		 r;

	if (len == 0)
		return (0);
	len--;
	job_fill(&job, data, len, data[len]);
	memset(&l, 0, sizeof(l));
	l.job = &job;
	MUST(ftruncate(UNPACK_FD_BLOB, 0) == 0);
	MUST(pwrite(UNPACK_FD_BLOB, data, len, 0) == (ssize_t)len);
	tree(&l);
	/* libarchive reads ahead: some are refused here */
	r = open_tar(&l) == 0 ? entries(&l) : APPLY_FAIL;
	if (r == APPLY_OK)
		r = finish(&l);
	nothing_outside();
	if (r == APPLY_OK)
		check(&l, data, len);
	else if (r == APPLY_FAIL) {
		MUST(l.why.text[0] != '\0');
		fuzz_text(l.why.text, sizeof(l.why.text));
	}
	done(&l);
	return (0);
}
