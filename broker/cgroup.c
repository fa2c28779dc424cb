/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Limits of a container, in the broker: one cgroup per controller that a
 * limit asks for, on v1, v2 or a mixture, controller by controller.  What
 * cannot be enforced is refused, or named when the operator said so.
 */
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../common/log.h"
#include "broker.h"

#define ROOT		"/sys/fs/cgroup"
#define PATH_SIZE	128
#define CPU_PERIOD	100000ULL	/* microseconds */

enum controller { MEMORY, CPU, PIDS, CONTROLLERS };

static const char *const names[CONTROLLERS] = { "memory", "cpu", "pids" };
/* The file whose presence shows that a v2 cgroup has the controller. */
static const char *const v2file[CONTROLLERS] = { "memory.max", "cpu.max",
    "pids.max" };

struct cgroup {
	int		 v2fd;			/* or -1 */
	char		 dir[CONTROLLERS + 1][PATH_SIZE]; /* to be removed */
	unsigned int	 ndirs;
	char		 procs[CONTROLLERS][PATH_SIZE + 16];
	const char	*list[CONTROLLERS + 1];	/* v1: to be joined */
	unsigned int	 nlist;
};

static int
is_fs(const char *path, unsigned long magic)
{
	struct statfs	 st;

	return (statfs(path, &st) == 0 &&
	    (unsigned long)st.f_type == magic);
}

/* printf of one value into dir/file. */
static int __attribute__((format(printf, 3, 4)))
put(const char *dir, const char *file, const char *fmt, ...)
{
	char	 path[PATH_SIZE + 64], value[64];
	va_list	 ap;
	ssize_t	 n;
	int	 fd, len, saved_errno;

	va_start(ap, fmt);
	len = vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1)
		return (-1);
	n = write(fd, value, (size_t)len);
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return (n == -1 ? -1 : 0);
}

static uint64_t
wanted(const struct msg_spawn *m, enum controller c)
{
	return (c == MEMORY ? m->memory : c == CPU ? m->cpu : m->pids);
}

static int
set_v1(const char *dir, enum controller c, uint64_t v)
{
	unsigned long long	 value = v;

	switch (c) {
	case MEMORY:
		if (put(dir, "memory.limit_in_bytes", "%llu", value) == -1)
			return (-1);
		/* swap on top makes it no limit; not every kernel counts */
		if (put(dir, "memory.memsw.limit_in_bytes", "%llu", value) ==
		    -1 && errno != ENOENT)
			return (-1);
		return (0);
	case CPU:
		if (put(dir, "cpu.cfs_period_us", "%llu", CPU_PERIOD) == -1)
			return (-1);
		return (put(dir, "cpu.cfs_quota_us", "%llu",
		    value * CPU_PERIOD / 1000));
	default:
		return (put(dir, "pids.max", "%llu", value));
	}
}

static int
set_v2(const char *dir, enum controller c, uint64_t v)
{
	unsigned long long	 value = v;

	switch (c) {
	case MEMORY:
		if (put(dir, "memory.max", "%llu", value) == -1)
			return (-1);
		if (put(dir, "memory.swap.max", "0") == -1 && errno != ENOENT)
			return (-1);
		return (0);
	case CPU:
		return (put(dir, "cpu.max", "%llu %llu", value * CPU_PERIOD /
		    1000, CPU_PERIOD));
	default:
		return (put(dir, "pids.max", "%llu", value));
	}
}

/* One hierarchy of v1 holds the controller: 1 set, 0 not there, -1. */
static int
try_v1(struct cgroup *cg, const char *uuid, enum controller c, uint64_t v)
{
	char	*dir = cg->dir[cg->ndirs];
	char	 root[64];

	snprintf(root, sizeof(root), "%s/%s", ROOT, names[c]);
	if (!is_fs(root, CGROUP_SUPER_MAGIC))
		return (0);
	snprintf(dir, PATH_SIZE, "%s/berth-%s", root, uuid);
	if (mkdir(dir, 0755) == -1)
		return (-1);
	cg->ndirs++;
	if (set_v1(dir, c, v) == -1)
		return (-1);
	snprintf(cg->procs[cg->nlist], sizeof(cg->procs[0]),
	    "%s/berth-%s/cgroup.procs", root, uuid);
	cg->list[cg->nlist] = cg->procs[cg->nlist];
	cg->nlist++;
	return (1);
}

static int
open_v2(struct cgroup *cg, const char *uuid, const char *root)
{
	char	*dir = cg->dir[cg->ndirs];

	snprintf(dir, PATH_SIZE, "%s/berth-%s", root, uuid);
	if (mkdir(dir, 0755) == -1)
		return (-1);
	cg->ndirs++;
	cg->v2fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return (cg->v2fd == -1 ? -1 : 0);
}

static int
try_v2(struct cgroup *cg, const char *uuid, enum controller c, uint64_t v)
{
	const char	*root = is_fs(ROOT, CGROUP2_SUPER_MAGIC) ? ROOT :
			    ROOT "/unified";
	char		 path[PATH_SIZE + 64];

	if (!is_fs(root, CGROUP2_SUPER_MAGIC))
		return (0);
	/* not ours to enable everywhere: what counts is the file below */
	(void)put(root, "cgroup.subtree_control", "+%s", names[c]);
	if (cg->v2fd == -1 && open_v2(cg, uuid, root) == -1)
		return (-1);
	snprintf(path, sizeof(path), "%s/berth-%s/%s", root, uuid, v2file[c]);
	if (access(path, F_OK) == -1)
		return (0);
	snprintf(path, sizeof(path), "%s/berth-%s", root, uuid);
	return (set_v2(path, c, v) == -1 ? -1 : 1);
}

struct cgroup *
cgroup_new(const struct msg_spawn *m, char *why, char *lacking)
{
	const char	*uuid = m->uuid;
	struct cgroup	*cg;
	uint64_t	 v;
	int		 c, r;

	*why = *lacking = '\0';
	if ((cg = calloc(1, sizeof(*cg))) == NULL) {
		snprintf(why, MSG_TEXT_SIZE, "cgroup: %s", strerror(errno));
		return (NULL);
	}
	cg->v2fd = -1;
	for (c = 0; c < CONTROLLERS; c++) {
		if ((v = wanted(m, (enum controller)c)) == 0)
			continue;
		r = try_v1(cg, uuid, (enum controller)c, v);
		if (r == 0)
			r = try_v2(cg, uuid, (enum controller)c, v);
		if (r == 1)
			continue;
		snprintf((m->flags & RUN_NOLIMITS) != 0 ? lacking : why,
		    MSG_TEXT_SIZE, "the %s limit cannot be enforced on this "
		    "host: %s", names[c], r == 0 ? "no cgroup has the "
		    "controller" : strerror(errno));
		if (*why != '\0') {
			cgroup_free(cg);
			return (NULL);
		}
	}
	return (cg);
}

int
cgroup_fd(const struct cgroup *cg)
{
	return (cg->v2fd);
}

const char *const *
cgroup_procs(const struct cgroup *cg)
{
	return (cg->nlist > 0 ? cg->list : NULL);
}

/* A line "oom_kill N" of the kernel's, on v1 and on v2; else 0. */
static uint32_t
oom_kills(const char *dir, const char *file)
{
	char	 path[PATH_SIZE + 64], text[512], *p;
	ssize_t	 n;
	int	 fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return (0);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	p = strstr(text, "\noom_kill ");
	return (p == NULL ? 0 : (uint32_t)strtoul(p + 10, NULL, 10));
}

uint32_t
cgroup_oom(const struct cgroup *cg)
{
	unsigned int	 i;
	uint32_t	 n = 0;

	for (i = 0; cg != NULL && i < cg->ndirs; i++)
		n += oom_kills(cg->dir[i], "memory.oom_control") +
		    oom_kills(cg->dir[i], "memory.events");
	return (n);
}

/* The last process may still be on its way out: a second at most. */
static void
remove_dir(const char *dir)
{
	static const struct timespec	 pause = { 0, 2000000 };
	int				 tries;

	for (tries = 0; rmdir(dir) == -1 && errno != ENOENT; tries++) {
		if (tries == 500) {
			log_warn("%s: rmdir", dir);
			break;
		}
		nanosleep(&pause, NULL);
	}
}

void
cgroup_free(struct cgroup *cg)
{
	unsigned int	 i;

	if (cg == NULL)
		return;
	for (i = 0; i < cg->ndirs; i++)
		remove_dir(cg->dir[i]);
	if (cg->v2fd != -1)
		close(cg->v2fd);
	free(cg);
}

void
cgroup_sweep(const char *uuid)
{
	static const char *const roots[] = { ROOT, ROOT "/unified",
	    ROOT "/memory", ROOT "/cpu", ROOT "/pids" };
	char	 path[PATH_SIZE];
	size_t	 i;

	for (i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		snprintf(path, sizeof(path), "%s/berth-%s", roots[i], uuid);
		remove_dir(path);	/* mostly it never was */
	}
}
