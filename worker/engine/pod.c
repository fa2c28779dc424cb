/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * One container, in the engine: its directory, its pid 1, and
 * what that says.  Image and run record go to pid 1 unread.
 */
#include <sys/file.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/openat2.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "../../common/valid.h"
#include "engine.h"

#define POD_PATH	(UUID_SIZE + 40)
#define TTYAUX_MAJOR	5	/* Linux, admin-guide/devices.txt */
#define PTMX_MINOR	2

struct pod {
	LIST_ENTRY(pod)	 entry;
	char		 uuid[UUID_SIZE];
	char		 image[IMAGEID_SIZE];
	struct msg_run	 m;
	struct pod_cb	 cb;
	struct audit	 audit;
	uint64_t	 intent;
	struct child	*init;
	int		 dirfd;		/* pods/<uuid>, locked */
	int		 imagefd;	/* images/<id>, shared lock */
	int		 ended;		/* pid 1 has said how */
	uint32_t	 status;
	char		 rule[APPNAME_MAXLEN + 80];
	char		 why[MSG_TEXT_SIZE];
};

static LIST_HEAD(, pod)	 pods = LIST_HEAD_INITIALIZER(pods);
static unsigned int	 npods;
static struct layers	 layers;	/* of the pod being started: 10 KiB */

unsigned int
pod_count(void)
{
	return (npods);
}

static char *
pod_path(const struct pod *p, char *buf, const char *part)
{
	snprintf(buf, POD_PATH, "pods/%s%s%s", p->uuid,
	    *part != '\0' ? "/" : "", part);
	return (buf);
}

/*
 * upper and work are the container's; the directory around them is ours,
 * and its lock says that somebody looks after the pod.
 */
static int
pod_mkdir(struct pod *p)
{
	char	 path[POD_PATH];

	if (mkdir(pod_path(p, path, ""), 0700) == -1)
		return (-1);
	if ((p->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return (-1);
	if (flock(p->dirfd, LOCK_EX | LOCK_NB) == -1 ||
	    store_mkdir_mapped(pod_path(p, path, "upper"), 0755) == -1)
		return (-1);
	return (store_mkdir_mapped(pod_path(p, path, "work"), 0700));
}

/* A directory of the pod's, through no link and no mount; -1: not there. */
static int
pod_open(const struct pod *p, const char *path)
{
	struct open_how	 how;

	memset(&how, 0, sizeof(how));
	how.flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
	return ((int)syscall(SYS_openat2, p->dirfd, path, &how, sizeof(how)));
}

/*
 * Takes out of upper what pid 1 puts there itself when the image has no
 * place for its mounts: these few names, and nothing else.
 */
static void
pod_unmake_places(struct pod *p)
{
	static const char *const files[] = { "hosts", "hostname",
	    "resolv.conf" };
	static const char *const dirs[] = { "upper/etc", "upper/dev",
	    "upper/proc", "upper/sys" };
	size_t		 i;
	int		 fd;

	if ((fd = pod_open(p, dirs[0])) != -1) {
		for (i = 0; i < 3; i++)
			(void)unlinkat(fd, files[i], 0);
		close(fd);
	}
	for (i = 0; i < 4; i++)
		(void)unlinkat(p->dirfd, dirs[i], AT_REMOVEDIR);
}

/* What the kernel leaves in work of an overlay that it does not sync. */
static void
pod_unmake_work(struct pod *p)
{
	int	 fd = pod_open(p, "work/work/incompat/volatile");

	if (fd != -1) {
		(void)unlinkat(fd, "dirty", 0);
		close(fd);
	}
}

/*
 * Mostly nothing was written and the directories go at once; a tree that
 * was written to is a stranger's and goes to the trash whole.
 */
static void
pod_rmdir(struct pod *p)
{
	static const char *const parts[] = { "work/work/incompat/volatile",
	    "work/work/incompat", "work/work", "work", "upper" };
	char	 path[POD_PATH];
	size_t	 i;

	if (p->dirfd == -1)
		return;
	pod_unmake_places(p);
	pod_unmake_work(p);
	for (i = 0; i < 5; i++)
		if (rmdir(pod_path(p, path, parts[i])) == -1 && i > 2 &&
		    errno != ENOENT && trash_put(path) == -1)
			log_warn("%s: to trash", path);
	(void)unlink(pod_path(p, path, "status"));
	if (rmdir(pod_path(p, path, "")) == -1)
		log_warn("%s: rmdir", path);
	close(p->dirfd);
	p->dirfd = -1;
}

static void
pod_free(struct pod *p)
{
	child_kill(p->init);
	pod_rmdir(p);
	image_close(p->imagefd);
	LIST_REMOVE(p, entry);
	npods--;
	free(p);
	engine_idle();
}

/* An app's status is no failure of ours; a reason is. */
static void
pod_record(const struct pod *p)
{
	char	 text[32];

	snprintf(text, sizeof(text), "exit status %u", p->status);
	audit_outcome(&p->audit, p->intent, *p->why != '\0' ? "failed" : "ok",
	    *p->why != '\0' ? p->why : text);
}

/* pid 1 is gone, and with it everything that it was pid 1 of. */
static void
pod_done(void *arg, const char *why, int status)
{
	struct pod	*p = arg;

	p->init = NULL;
	if (status == -1) {
		p->status = 125;
		snprintf(p->why, sizeof(p->why), "%s", why);
	} else if (!p->ended) {
		/* of itself it has ended before it was pid 1 of anything */
		p->status = WIFEXITED(status) ? 125 : 137;
		snprintf(p->why, sizeof(p->why), "pod %s: %s", p->uuid,
		    child_fate("berth-init", why, status));
	}
	pod_record(p);
	/* what is left on disk goes before anybody hears of the end */
	pod_rmdir(p);
	if (p->cb.ended != NULL)
		p->cb.ended(p->cb.arg, p->status,
		    *p->why != '\0' ? p->why : NULL);
	pod_free(p);
}

static void
pod_fill(struct pod *p, struct birth *b, int appfd, int recordfd,
    int statusfd)
{
	static char	 lower[LAYERS_MAX][STORE_NAME_SIZE + 16];
	static char	 upper[POD_PATH], work[POD_PATH];
	unsigned int	 i, n = layers.n;

	child_birth(b, SPAWN_INIT);
	b->flags = p->m.flags & (RUN_NETHOST | RUN_NOLIMITS);
	b->limits = &p->m;
	b->uuid = p->uuid;
	b->fds[INIT_FD_APP - 3].fd = appfd;
	b->fds[INIT_FD_RUN - 3].fd = recordfd;
	b->fds[INIT_FD_STATUS - 3].fd = statusfd;
	/* of the host's network the broker puts the host's here */
	b->fds[INIT_FD_RESOLV - 3].fd = NULL_FD;
	b->fds[INIT_FD_UPPER - 3].fd = -1;
	b->fds[INIT_FD_UPPER - 3].path = pod_path(p, upper, "upper");
	b->fds[INIT_FD_WORK - 3].fd = -1;
	b->fds[INIT_FD_WORK - 3].path = pod_path(p, work, "work");
	/* kept bottom first, wanted top first */
	for (i = 0; i < n; i++) {
		snprintf(lower[i], sizeof(lower[i]), "layers/%s/fs",
		    layers.name[n - 1 - i]);
		b->fds[INIT_FD_LAYERS - 3 + i].fd = -1;
		b->fds[INIT_FD_LAYERS - 3 + i].path = lower[i];
	}
	b->nfds = INIT_FD_LAYERS - 3 + n;
}

/* What cannot be enforced, and the user said that he can live with. */
static void
pod_born(void *arg, const char *lacking)
{
	struct pod	*p = arg;

	if (*lacking != '\0' && p->cb.warn != NULL)
		p->cb.warn(p->cb.arg, lacking);
}

/* Else a status of 137 would be all that is known. */
static void
pod_oom(void *arg, uint32_t n)
{
	struct pod	*p = arg;
	char		 text[MSG_TEXT_SIZE];

	snprintf(text, sizeof(text), "pod %s: the memory limit of %llu bytes "
	    "was reached: the kernel killed %u process%s", p->uuid,
	    (unsigned long long)p->m.memory, n, n == 1 ? "" : "es");
	if (p->cb.warn != NULL)
		p->cb.warn(p->cb.arg, text);
}

/* Opens what pid 1 is born with; paths are opened by the child itself. */
static int
pod_spawn(struct pod *p, int recordfd)
{
	char		 app[IMAGEID_SIZE + 32], status[POD_PATH];
	struct birth	 b;
	int		 appfd, statusfd, saved_errno;

	snprintf(app, sizeof(app), "images/%s/app", p->image);
	appfd = open(app, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	statusfd = open(pod_path(p, status, "status"), O_WRONLY | O_CREAT |
	    O_EXCL | O_CLOEXEC, 0600);
	if (appfd != -1 && statusfd != -1) {
		pod_fill(p, &b, appfd, recordfd, statusfd);
		if ((p->init = child_start(&b, PEER_INIT, dispatch_init,
		    pod_done, p)) != NULL)
			child_watch(p->init, pod_born, pod_oom);
	}
	saved_errno = errno;
	if (appfd != -1)
		close(appfd);
	if (statusfd != -1)
		close(statusfd);
	errno = saved_errno;
	return (p->init == NULL ? -1 : 0);
}

static int
pod_send_start(struct pod *p)
{
	struct msg_init_start	 s;

	memset(&s, 0, sizeof(s));
	s.flags = p->m.flags;
	s.insecure = p->m.insecure;
	s.nlayers = layers.n;
	s.cgroup_ns = 1;	/* unshared by pid 1, which is in its place */
	s.rows = p->m.rows;
	s.cols = p->m.cols;
	memcpy(s.uuid, p->uuid, sizeof(s.uuid));
	if (*p->m.hostname != '\0')
		memcpy(s.hostname, p->m.hostname, sizeof(s.hostname));
	else
		snprintf(s.hostname, sizeof(s.hostname), "berth-%.8s",
		    p->uuid);
	snprintf(s.app, sizeof(s.app), "%s", p->cb.app);
	evchan_phase(child_chan(p->init), PH_BUSY);
	return (child_send(p->init, MSG_INIT_START, 0, &s, -1));
}

/* What allowed it: named so that an auditor sees each option used. */
static const char *
pod_rule(struct pod *p, const struct msg_run *m, const char *app)
{
	snprintf(p->rule, sizeof(p->rule), "%s%s%s%s%s%s",
	    *app != '\0' ? "declared app " : "owner of the store", app,
	    (m->insecure & INSECURE_CAPABILITIES) ? ", capabilities" : "",
	    (m->insecure & INSECURE_PATHS) ? ", paths" : "",
	    (m->insecure & INSECURE_SECCOMP) ? ", seccomp" : "",
	    (m->flags & RUN_NETHOST) ? ", net=host" : "");
	return (p->rule);
}

static int
pod_begin(struct pod *p, int recordfd, char *why)
{
	if ((p->imagefd = image_open(p->image)) == -1 ||
	    image_layers(p->image, &layers) == -1) {
		snprintf(why, MSG_TEXT_SIZE, "image %.39s: %s", p->image,
		    strerror(errno));
		return (-1);
	}
	if (pod_mkdir(p) == -1) {
		snprintf(why, MSG_TEXT_SIZE, "store: pods: %s",
		    strerror(errno));
		return (-1);
	}
	if (pod_spawn(p, recordfd) == -1 || pod_send_start(p) == -1) {
		snprintf(why, MSG_TEXT_SIZE, "pod %s: cannot start: %s",
		    p->uuid, strerror(errno));
		return (-1);
	}
	return (0);
}

struct pod *
pod_start(const struct msg_run *m, int recordfd, const struct pod_cb *cb,
    char *why)
{
	enum image_find	 r;
	struct pod	*p;

	*why = '\0';
	if (npods >= PODS_MAX || (p = calloc(1, sizeof(*p))) == NULL) {
		snprintf(why, MSG_TEXT_SIZE, "too many pods");
		close(recordfd);
		return (NULL);
	}
	LIST_INSERT_HEAD(&pods, p, entry);
	npods++;
	p->dirfd = p->imagefd = -1;
	p->m = *m;
	p->cb = *cb;
	store_uuid(p->uuid);
	p->audit.action = *cb->app != '\0' ? "start" : "run";
	p->audit.object = p->image;
	p->audit.detail = p->uuid;
	p->audit.rule = pod_rule(p, m, cb->app);
	p->audit.uid = cb->uid;
	p->audit.pid = cb->pid;
	if ((r = image_find(m->image, p->image)) != IMAGE_FOUND)
		snprintf(why, MSG_TEXT_SIZE, "%s", image_why(r, m->image));
	else if ((p->intent = audit_intent(&p->audit)) == 0)
		snprintf(why, MSG_TEXT_SIZE, "audit record: %s",
		    strerror(errno));
	else if (pod_begin(p, recordfd, why) == 0) {
		close(recordfd);
		return (p);
	} else
		audit_outcome(&p->audit, p->intent, "failed", why);
	close(recordfd);
	pod_free(p);
	return (NULL);
}

void
pod_signal(struct pod *p, int signo)
{
	struct msg_signal	 s;

	memset(&s, 0, sizeof(s));
	s.signo = (uint32_t)signo;
	if (p->init != NULL)
		child_send(p->init, MSG_INIT_SIGNAL, 0, &s, -1);
}

void
pod_kill(struct pod *p)
{
	if (p->init != NULL)
		child_sigkill(p->init);
}

void
pod_forget(struct pod *p)
{
	p->cb.stdio = NULL;
	p->cb.started = NULL;
	p->cb.warn = NULL;
	p->cb.ended = NULL;
}

void
pod_stopall(void)
{
	struct pod	*p;

	LIST_FOREACH(p, &pods, entry)
		if (*p->cb.app == '\0')	/* apps have been told */
			pod_signal(p, SIGTERM);
}

void
pod_killall(void)
{
	struct pod	*p;

	LIST_FOREACH(p, &pods, entry)
		pod_kill(p);
}

/*
 * A pipe or a terminal's master side, and nothing that our asking could
 * wait for: a container may have file systems of its own making.
 */
static int
stream_ok(int fd)
{
	struct statx	 sx;
	int		 flags;

	if (fcntl(fd, F_GETPIPE_SZ) != -1)
		return (1);
	flags = fcntl(fd, F_GETFL);
	return (flags != -1 && (flags & O_PATH) == 0 && statx(fd, "",
	    AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &sx) == 0 &&
	    S_ISCHR(sx.stx_mode) && sx.stx_rdev_major == TTYAUX_MAJOR &&
	    sx.stx_rdev_minor == PTMX_MINOR);
}

void
pod_on_init_stdio(void *child, struct msg *m)
{
	struct pod	*p = child_arg(child);

	if (!stream_ok(m->fd)) {
		p->ended = 1;
		p->status = 125;
		snprintf(p->why, sizeof(p->why), "pod %s: berth-init sent "
		    "what is no stream", p->uuid);
		pod_kill(p);
	} else if (p->cb.stdio != NULL)
		p->cb.stdio(p->cb.arg, m->u.init_stdio.which, m->fd);
}

void
pod_on_init_started(void *child, struct msg *m)
{
	struct pod	*p = child_arg(child);
	const pid_t	 pid = child_pid(child);

	(void)m;
	evchan_phase(child_chan(child), PH_RUN);
	/* behind the pid: to learn it may be to hear that nobody waits */
	if (p->cb.started != NULL)
		p->cb.started(p->cb.arg, p->uuid, pid);
}

void
pod_on_init_exited(void *child, struct msg *m)
{
	struct pod	*p = child_arg(child);

	p->ended = 1;
	p->status = m->u.init_exited.status;
	child_finish(child);	/* that was its last word */
}

void
pod_on_init_fail(void *child, struct msg *m)
{
	struct pod	*p = child_arg(child);

	p->ended = 1;
	p->status = m->u.init_fail.status;
	snprintf(p->why, sizeof(p->why), "%s", m->u.init_fail.text);
	child_finish(child);
}
