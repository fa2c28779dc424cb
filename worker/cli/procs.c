/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * berth check --processes: what confines each living process of a store, as
 * the kernel tells it in /proc.  Nobody is asked what he thinks he is.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "cli.h"

#define NAMESPACES	8
#define PATH_SIZE	64

static const char *const ns_names[NAMESPACES] = { "user", "mnt", "pid", "ipc",
    "uts", "net", "cgroup", "time" };

struct proc {
	pid_t		 pid, ppid;
	int		 ours;
	char		 program[128];	/* argv[0], encoded */
	long		 uid;		/* effective; -1: not readable */
	char		 capeff[20], capbnd[20];
	int		 seccomp, filters, nnp;
	unsigned int	 ns;		/* 1 << index: not the caller's */
	int		 nfds;		/* -1: not readable */
};

struct procs {
	struct proc	*v;
	size_t		 n, size;
};

/* A whole small file of /proc, NUL behind it; its length, or -1. */
static ssize_t
slurp(pid_t pid, const char *file, char *buf, size_t size)
{
	char	 path[PATH_SIZE];
	ssize_t	 n;
	int	 fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return (-1);
	n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return (n);
}

/* The value of a line of /proc/PID/status, or "". */
static const char *
field(const char *status, const char *name, char *buf, size_t size)
{
	const char	*p;
	size_t		 len = strlen(name);

	for (p = status; p != NULL; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, name, len) != 0 || p[len] != ':')
			continue;
		p += len + 1;
		p += strspn(p, " \t");
		snprintf(buf, size, "%.*s", (int)strcspn(p, "\n"), p);
		return (buf);
	}
	*buf = '\0';
	return (buf);
}

/* What the kernel prints is a number; 0 where it prints none. */
static int
number(const char *s)
{
	return ((int)strtol(s, NULL, 10));
}

/* 0, or -1 when it is on its way out: without memory nothing runs. */
static int
read_status(struct proc *p)
{
	char	 status[8192], buf[128], *uid;

	if (slurp(p->pid, "status", status, sizeof(status)) <= 0 ||
	    *field(status, "VmSize", buf, sizeof(buf)) == '\0')
		return (-1);
	/* real, effective, saved, file system */
	(void)field(status, "Uid", buf, sizeof(buf));
	if ((uid = strchr(buf, '\t')) != NULL)
		p->uid = strtol(uid, NULL, 10);
	snprintf(p->capeff, sizeof(p->capeff), "%llx", strtoull(field(status,
	    "CapEff", buf, sizeof(buf)), NULL, 16));
	snprintf(p->capbnd, sizeof(p->capbnd), "%llx", strtoull(field(status,
	    "CapBnd", buf, sizeof(buf)), NULL, 16));
	p->nnp = number(field(status, "NoNewPrivs", buf, sizeof(buf)));
	p->seccomp = number(field(status, "Seccomp", buf, sizeof(buf)));
	p->filters = number(field(status, "Seccomp_filters", buf, sizeof(buf)));
	return (0);
}

static void
read_namespaces(struct proc *p)
{
	char		 path[PATH_SIZE];
	struct stat	 mine, theirs;
	unsigned int	 i;

	for (i = 0; i < NAMESPACES; i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", ns_names[i]);
		if (stat(path, &mine) == -1)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)p->pid,
		    ns_names[i]);
		if (stat(path, &theirs) == 0 && mine.st_ino != theirs.st_ino)
			p->ns |= 1U << i;
	}
}

/* Descriptors, each printed as JSON when asked to; how many, or -1. */
static int
read_fds(pid_t pid, int json)
{
	char		 path[PATH_SIZE], target[PATH_MAX];
	struct dirent	*de;
	ssize_t		 len;
	DIR		*d;
	int		 n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	if ((d = opendir(path)) == NULL)
		return (-1);
	while ((de = readdir(d)) != NULL) {
		if (*de->d_name == '.')
			continue;
		if (json) {
			len = readlinkat(dirfd(d), de->d_name, target,
			    sizeof(target) - 1);
			target[len > 0 ? len : 0] = '\0';
			printf("%s{\"fd\": %s, \"target\": ", n == 0 ? "" :
			    ", ", de->d_name);
			format_json_string(target);
			putchar('}');
		}
		n++;
	}
	closedir(d);
	return (n);
}

static void
read_program(struct proc *p)
{
	char		 argv[256];
	const char	*name;

	if (slurp(p->pid, "cmdline", argv, sizeof(argv)) <= 0)
		snprintf(argv, sizeof(argv), "?");
	name = strrchr(argv, '/') != NULL ? strrchr(argv, '/') + 1 : argv;
	log_encode(p->program, sizeof(p->program), name, strlen(name));
}

/* Every process of this host.  0, or -1 with errno. */
static int
list_all(struct procs *ps)
{
	struct dirent	*de;
	struct proc	*v;
	char		 stat[512], *end;
	DIR		*d;

	if ((d = opendir("/proc")) == NULL)
		return (-1);
	while ((de = readdir(d)) != NULL) {
		if (*de->d_name < '0' || *de->d_name > '9')
			continue;
		if (ps->n == ps->size) {
			ps->size = ps->size == 0 ? 256 : 2 * ps->size;
			v = reallocarray(ps->v, ps->size, sizeof(*v));
			if (v == NULL) {
				closedir(d);
				return (-1);
			}
			ps->v = v;
		}
		v = &ps->v[ps->n];
		memset(v, 0, sizeof(*v));
		v->uid = -1;
		v->pid = number(de->d_name);
		/* a name may hold anything, also ")": the last one ends it */
		if (slurp(v->pid, "stat", stat, sizeof(stat)) > 0 &&
		    (end = strrchr(stat, ')')) != NULL && strlen(end) > 4) {
			v->ppid = number(end + 4);
			ps->n++;
		}
	}
	closedir(d);
	return (0);
}

/* True when the process executes berthd with the store as its directory. */
static int
is_broker(pid_t pid, const struct stat *store)
{
	char		 path[PATH_SIZE], exe[PATH_MAX];
	const char	*name;
	struct stat	 st;
	ssize_t		 len;

	snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
	if (stat(path, &st) == -1 || st.st_dev != store->st_dev ||
	    st.st_ino != store->st_ino)
		return (0);
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if ((len = readlink(path, exe, sizeof(exe) - 1)) == -1)
		return (0);
	exe[len] = '\0';
	name = strrchr(exe, '/') != NULL ? strrchr(exe, '/') + 1 : exe;
	/* replaced on disk since it was started: "berthd (deleted)" */
	return (strcmp(name, "berthd") == 0 ||
	    strcmp(name, "berthd (deleted)") == 0);
}

/* Brokers of the store first, then who was started by somebody of ours. */
static void
mark_ours(struct procs *ps, const struct stat *store)
{
	size_t	 i, k;
	int	 more = 1;

	for (i = 0; i < ps->n; i++)
		ps->v[i].ours = is_broker(ps->v[i].pid, store);
	while (more) {
		more = 0;
		for (i = 0; i < ps->n; i++)
			for (k = 0; k < ps->n && !ps->v[i].ours; k++)
				if (ps->v[k].ours &&
				    ps->v[k].pid == ps->v[i].ppid)
					more = ps->v[i].ours = 1;
	}
}

static const char *
seccomp_text(const struct proc *p, char *buf, size_t size)
{
	if (p->seccomp == 2)
		snprintf(buf, size, "filter/%d", p->filters);
	else
		snprintf(buf, size, "%s", p->seccomp == 0 ? "no" : "strict");
	return (buf);
}

static void
print_row(const struct proc *p)
{
	char		 buf[32];
	unsigned int	 i;
	int		 n = 0;

	printf("%-7d %-14s %10ld %12s %12s %-9s %-3s %-8s %3d  ", (int)p->pid,
	    p->program, p->uid, p->capeff, p->capbnd,
	    seccomp_text(p, buf, sizeof(buf)), p->nnp ? "yes" : "no", "?",
	    p->nfds);
	for (i = 0; i < NAMESPACES; i++)
		if ((p->ns & 1U << i) != 0)
			printf("%s%s", n++ == 0 ? "" : ",", ns_names[i]);
	printf("%s\n", n == 0 ? "-" : "");
}

static void
print_object(const struct proc *p)
{
	static const char *const modes[] = { "no", "strict", "filter" };
	unsigned int	 i;
	int		 n = 0;

	printf("  {\"pid\": %d, \"program\": ", (int)p->pid);
	format_json_string(p->program);
	printf(", \"uid\": %ld, \"cap_effective\": \"%s\", "
	    "\"cap_bounding\": \"%s\", \"seccomp\": \"%s\", "
	    "\"seccomp_filters\": %d, \"no_new_privs\": %s, "
	    "\"landlock\": null, \"namespaces\": [", p->uid, p->capeff,
	    p->capbnd, modes[p->seccomp == 2 ? 2 : p->seccomp == 1], p->filters,
	    p->nnp ? "true" : "false");
	for (i = 0; i < NAMESPACES; i++)
		if ((p->ns & 1U << i) != 0)
			printf("%s\"%s\"", n++ == 0 ? "" : ", ", ns_names[i]);
	printf("], \"descriptors\": [");
	(void)read_fds(p->pid, 1);
	printf("]}");
}

static void
print_all(struct procs *ps, int json)
{
	struct proc	*p;
	size_t		 i, n = 0;

	if (json)
		putchar('[');
	else
		printf("%-7s %-14s %10s %12s %12s %-9s %-3s %-8s %3s  %s\n",
		    "PID", "PROGRAM", "UID", "CAPS", "BOUNDING", "SECCOMP",
		    "NNP", "LANDLOCK", "FDS", "NAMESPACES");
	for (i = 0; i < ps->n; i++) {
		p = &ps->v[i];
		if (!p->ours)
			continue;
		read_program(p);
		if (read_status(p) == -1)
			continue;
		read_namespaces(p);
		p->nfds = json ? 0 : read_fds(p->pid, 0);
		if (json) {
			printf("%s\n", n++ == 0 ? "" : ",");
			print_object(p);
		} else
			print_row(p);
	}
	if (json)
		printf("%s]\n", n == 0 ? "" : "\n");
}

int
procs_print(const struct options *o)
{
	char		 store[PATH_MAX], enc[512];
	struct procs	 ps = { 0 };
	struct stat	 st;

	if (connect_store(o, store) == -1)
		return (1);
	if (stat(store, &st) == -1) {
		log_encode(enc, sizeof(enc), store, strlen(store));
		log_warn("store %s", enc);
		return (1);
	}
	if (list_all(&ps) == -1) {
		log_warn("/proc");
		free(ps.v);
		return (1);
	}
	mark_ours(&ps, &st);
	print_all(&ps, o->json);
	free(ps.v);
	return (0);
}
