/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * berth-unpack: one job for one broker, about bytes that nobody has looked
 * at yet.  It is id 0 of a user namespace that means nothing outside; its
 * first message says what the job is, its second act is to shut itself in.
 */
#include <sys/stat.h>

#include <linux/capability.h>

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <langinfo.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../common/fence.h"
#include "../../common/log.h"
#include "../../common/sandbox.h"
#include "../../common/selftest.h"
#include "unpack.bpf.h"
#include "unpack.h"

#define CAP(x)		(1ULL << CAP_##x)
#define PIPE_SIZE	(1024 * 1024)

/* What applying a tar needs; each within the user namespace only. */
#define CAPS_APPLY	(CAP(CHOWN) |		/* owners */ \
			    CAP(FOWNER) |	/* modes, times of others' */ \
			    CAP(FSETID) |	/* setgid of other groups */ \
			    CAP(DAC_OVERRIDE) |	/* directories 0555, 0000 */ \
			    CAP(SETFCAP))	/* file capabilities */
/* What reading any stored file needs. */
#define CAPS_READ	CAP(DAC_READ_SEARCH)
/* What removing any file needs. */
#define CAPS_REMOVE	(CAP(DAC_OVERRIDE) | CAP(FOWNER))

/* The same for the second fence. */
#define FS(x)		LANDLOCK_ACCESS_FS_##x
#define FS_READ		(FS(READ_FILE) | FS(READ_DIR))
#define FS_REMOVE	(FS(READ_DIR) | FS(REMOVE_FILE) | FS(REMOVE_DIR))
#define FS_EXPORT	(FS(READ_FILE) | FS(WRITE_FILE) | FS(TRUNCATE) | \
			    FS(MAKE_REG) | FS(REMOVE_FILE))
#define FS_APPLY	(FS_READ | FS_REMOVE | FS(WRITE_FILE) | \
			    FS(TRUNCATE) | FS(REFER) | FS(MAKE_REG) | \
			    FS(MAKE_DIR) | FS(MAKE_SYM) | FS(MAKE_FIFO) | \
			    FS(MAKE_CHAR))	/* whiteouts */

static int	 sync_job(struct chan *, struct msg *);
static int	 root_layer(const struct msg *);
static int	 root_none(const struct msg *);
static int	 fence_empty(void);
static int	 fence_layer(void);
static int	 fence_none(void);
static int	 fence_stack(void);

#define TEST_EMPTY	(SELFTEST_FILES | SELFTEST_ROOT | SELFTEST_ALONE)

static const struct job {
	enum msg_type	 type;
	int		(*root)(const struct msg *);
	int		(*fence)(void);
	uint64_t	 caps;
	unsigned int	 selftest;
	int		(*run)(struct chan *, struct msg *);
} jobs[] = {
	{ MSG_UNPACK_IMAGE,	root_none,	fence_none,	0,
	    TEST_EMPTY,		image_job },
	{ MSG_UNPACK_LAYER,	root_layer,	fence_layer,	CAPS_APPLY,
	    SELFTEST_ALONE,	layer_job },	/* "/" is the layer's */
	{ MSG_UNPACK_VERIFY,	root_none,	fence_stack,	CAPS_READ,
	    TEST_EMPTY,		verify_job },
	{ MSG_UNPACK_EXPORT,	root_none,	fence_stack,	CAPS_READ,
	    TEST_EMPTY,		export_job },
	{ MSG_UNPACK_EMPTY,	root_none,	fence_empty,	CAPS_REMOVE,
	    TEST_EMPTY,		empty_job },
	{ MSG_UNPACK_SYNC,	root_none,	fence_none,	0,
	    TEST_EMPTY,		sync_job },
};

void
why_set(struct why *w, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
}

int
unpack_fail(struct chan *c, uint32_t id, const char *fmt, ...)
{
	struct msg_failure	 f;
	va_list			 ap;

	memset(&f, 0, sizeof(f));
	f.status = 1;
	va_start(ap, fmt);
	vsnprintf(f.text, sizeof(f.text), fmt, ap);
	va_end(ap);
	/* a broker that is gone has no use for it */
	(void)chan_send(c, MSG_UNPACK_FAIL, id, &f, -1);
	return (1);
}

static int
root_none(const struct msg *m)
{
	(void)m;
	return (sandbox_root_empty(NULL, 0));
}

/*
 * iconv(3), by which libarchive reads the names of pax headers, learns of
 * its modules once, from files, and loads those from where they say.  Let
 * these be the host's: in a view of all layers they would be an image's.
 */
static int
learn_iconv(void)
{
	iconv_t	 cd;

	cd = iconv_open(nl_langinfo(CODESET), "UTF-8");
	if (cd == (iconv_t)-1)
		return (-1);
	return (iconv_close(cd));
}

/* The staging directory; or the view of all layers, to be changed. */
static int
root_layer(const struct msg *m)
{
	int	 lowers[LAYERS_MAX], upper, stage, r;
	size_t	 n;

	if (learn_iconv() == -1)
		return (-1);
	if (!(m->u.unpack_layer.flags & LAYER_MERGED)) {
		/* larger pieces; a refusal costs speed only */
		(void)fcntl(UNPACK_FD_PIPE, F_SETPIPE_SZ, PIPE_SIZE);
		return (sandbox_root_dir(UNPACK_FD_STAGE));
	}
	for (n = 0; n < LAYERS_MAX; n++) {
		lowers[n] = UNPACK_FD_LOWER + (int)n;
		if (fcntl(lowers[n], F_GETFD) == -1)
			break;
	}
	stage = UNPACK_FD_STAGE;
	if (mkdirat(stage, "fs", 0755) == -1 || (upper = openat(stage, "fs",
	    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		return (-1);
	r = sandbox_root_overlay(upper, UNPACK_FD_WORK, lowers, n);
	close(upper);
	return (r);
}

static int
fence_none(void)
{
	return (fence_raise(NULL, 0, 0));
}

/* The root, and the stage beneath it: of a merged view it is not part. */
static int
fence_layer(void)
{
	static const struct fence_path	 paths[] = {
		{ "/", -1, FS_APPLY },
		{ NULL, UNPACK_FD_STAGE, FS_APPLY }
	};

	return (fence_raise(paths, sizeof(paths) / sizeof(paths[0]), 0));
}

static int
fence_empty(void)
{
	static const struct fence_path	 path = { NULL, UNPACK_FD_TRASH,
					    FS_REMOVE };

	return (fence_raise(&path, 1, 0));
}

/* An image and its layers to be read, and where an export goes to. */
static int
fence_stack(void)
{
	static struct fence_path	 paths[LAYERS_MAX + 2];
	struct stat			 st;
	size_t				 n = 0;
	int				 fd;

	paths[n++] = (struct fence_path){ NULL, UNPACK_FD_IMAGE, FS_READ };
	for (fd = UNPACK_FD_LAYERS; n <= LAYERS_MAX &&
	    fcntl(fd, F_GETFD) != -1; fd++)
		paths[n++] = (struct fence_path){ NULL, fd, FS_READ };
	/* a file that is open needs no right */
	if (fstat(UNPACK_FD_OUT, &st) == -1)
		return (-1);
	if (S_ISDIR(st.st_mode))
		paths[n++] = (struct fence_path){ NULL, UNPACK_FD_OUT,
		    FS_EXPORT };
	return (fence_raise(paths, n, 0));
}

static int
confine(const struct job *j, const struct msg *m)
{
	static const struct sandbox_limits	 limits = {
		.nofile = 1024,
		.nproc = UINT64_MAX,	/* counted per id: not ours alone */
		.fsize = LAYER_BYTES_MAX,
		.as = 1 * GIB,		/* a zstd window, a skeleton, stacks */
	};

	if (j->root(m) == -1 || sandbox_limit(&limits) == -1 ||
	    sandbox_drop(j->caps) == -1 || j->fence() == -1)
		return (-1);
	selftest_confined(j->caps, j->selftest);
	if (sandbox_seccomp(unpack_filter, unpack_filter_len) == -1)
		return (-1);
	selftest_filter();
	return (0);
}

/* A commit is answered at once; that it is on the disk is seen to here. */
static int
sync_job(struct chan *c, struct msg *m)
{
	if (syncfs(UNPACK_FD_STORE) == -1)
		return (unpack_fail(c, m->hdr.id, "syncfs: %s",
		    strerror(errno)));
	return (0);
}

static const struct job *
job_find(unsigned int type)
{
	size_t	 i;

	for (i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
		if (jobs[i].type == type)
			return (&jobs[i]);
	return (NULL);
}

int
main(void)
{
	const struct job	*j;
	struct chan		 c;
	struct msg		 m;

	log_init("berth-unpack", 0);
	/* modes are the tar's own; a file too large is an error to report */
	umask(0);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	chan_init(&c, UNPACK_FD_CHAN, PEER_UNPACK, PEER_ENGINE);
	switch (chan_recv(&c, &m)) {
	case 1:
		break;
	case 0:
		return (0);
	default:
		fatal("channel: %s", c.why == NULL ? "receive" : c.why);
	}
	if ((j = job_find(m.hdr.type)) == NULL)
		fatalx("%s: no such job", msg_name(m.hdr.type));
	if (confine(j, &m) == -1)
		return (unpack_fail(&c, m.hdr.id, "berth-unpack: sandbox: %s",
		    strerror(errno)));
	c.phase = PH_BUSY;
	return (j->run(&c, &m));
}
