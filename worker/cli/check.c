/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * berth check: what this host can enforce and what is missing.  Each line
 * was tried by a child a moment ago; no version is asked for.
 */
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <linux/magic.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../common/limits.h"
#include "../../common/log.h"
#include "cli.h"
#include "probe.h"

struct result {
	int	 error;			/* 0: it works */
	char	 detail[PROBE_DETAIL];
};

static const struct probe	 probes[] = {
	{ "privilege", 1, probe_root, 0,
	    "berthd runs as root, with the capabilities of berthd(8)" },
	{ "user namespace", 1, probe_ids, 1, "nothing can be confined" },
	{ "id range", 1, probe_ids, IDRANGE_COUNT,
	    "a container's ids would be the host's" },
	{ "mount namespace", 1, probe_namespaces, CLONE_NEWNS,
	    "no root of its own" },
	{ "pid namespace", 1, probe_namespaces, CLONE_NEWPID,
	    "apps would see the host's processes" },
	{ "ipc namespace", 1, probe_namespaces, CLONE_NEWIPC,
	    "apps would share memory with the host" },
	{ "uts namespace", 1, probe_namespaces, CLONE_NEWUTS,
	    "no host name of its own" },
	{ "network namespace", 1, probe_namespaces, CLONE_NEWNET,
	    "only --net=host would be left" },
	{ "cgroup namespace", 0, probe_namespaces, CLONE_NEWCGROUP,
	    "apps see the names of the host's cgroups" },
	{ "mounts by descriptor", 1, probe_mounts, 0,
	    "roots cannot be built" },
	{ "overlay", 1, probe_overlay, 0, "layers cannot be stacked" },
	{ "overlay, layer by layer", 0, probe_lowerdirs, 0,
	    "images of very many layers do not fit" },
	{ "new /proc", 1, probe_proc, 0,
	    "the host's own /proc is masked (a container?)" },
	{ "new /sys", 1, probe_sysfs, 0, "the host's own /sys is masked" },
	{ "new /dev/pts", 1, probe_devpts, 0, "no terminals" },
	{ "openat2", 1, probe_openat2, 0, "paths of images cannot be kept in" },
	{ "close_range", 1, probe_close_range, 0, "descriptors could leak" },
	{ "pidfd", 1, probe_pidfd, 0, "processes cannot be followed" },
	{ "sealed programs", 1, probe_memfd, 0,
	    "berth-init cannot be kept from apps" },
	{ "seccomp", 1, probe_seccomp, 0, "system calls are not filtered" },
	{ "landlock", 0, probe_landlock, 0,
	    "helpers go without their second fence" },
	{ "memory limit", 0, probe_cgroup, 0, "--memory is refused" },
	{ "cpu limit", 0, probe_cgroup, 1, "--cpu is refused" },
	{ "pids limit", 0, probe_cgroup, 2, "--pids is refused" },
};

#define PROBES	(sizeof(probes) / sizeof(probes[0]))

/* The child writes what it found; a child that dies found something too. */
static void
probe_one(const struct probe *p, struct result *r)
{
	int	 io[2], status;
	pid_t	 pid;

	memset(r, 0, sizeof(*r));
	if (pipe2(io, O_CLOEXEC) == -1 || (pid = fork()) == -1) {
		r->error = errno;
		return;
	}
	if (pid == 0) {
		r->error = p->try(p->arg, r->detail);
		_exit(write(io[1], r, sizeof(*r)) != sizeof(*r));
	}
	close(io[1]);
	if (read(io[0], r, sizeof(*r)) != sizeof(*r)) {
		memset(r, 0, sizeof(*r));
		r->error = EFAULT;
		snprintf(r->detail, sizeof(r->detail), "the try died");
	}
	close(io[0]);
	(void)waitpid(pid, &status, 0);
}

/* Whether a file can be marked as overlayfs does, where the store is. */
static void
probe_store(const struct options *o, struct probe *p, struct result *r)
{
	char		 path[PATH_MAX], *slash;
	struct statfs	 fs;
	int		 fd;

	memset(r, 0, sizeof(*r));
	if (connect_store(o, path) == -1) {
		r->error = ENOENT;
		return;
	}
	/* a store that is not there yet will be made on this one */
	while (access(path, F_OK) == -1 && errno == ENOENT &&
	    (slash = strrchr(path, '/')) != NULL)
		slash[slash == path] = '\0';
	log_encode(r->detail, sizeof(r->detail), path, strlen(path));
	fd = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd == -1 || fsetxattr(fd, "user.overlay.opaque", "y", 1, 0) == -1)
		r->error = errno;
	else if (fstatfs(fd, &fs) == 0 &&
	    fs.f_type == OVERLAYFS_SUPER_MAGIC) {
		r->error = EINVAL;	/* the kernel's word for it */
		p->lack = "an overlay, as most containers' root, cannot have "
		    "another's changes";
	}
	if (fd != -1)
		close(fd);
}

static void
print_one(const struct probe *p, const struct result *r, int json, int first)
{
	const char	*why = r->error == 0 ? "" : strerror(r->error);

	if (!json) {
		printf("%-8s  %s", r->error == 0 ? "yes" :
		    p->required ? "MISSING" : "missing", p->name);
		if (*r->detail != '\0')
			printf(": %s", r->detail);
		if (r->error != 0)
			printf(": %s; %s", why, p->lack);
		putchar('\n');
		return;
	}
	printf("%s\n  {\"name\": ", first ? "" : ",");
	format_json_string(p->name);
	printf(", \"enforced\": %s, \"required\": %s, \"detail\": ",
	    r->error == 0 ? "true" : "false", p->required ? "true" : "false");
	format_json_string(r->detail);
	printf(", \"error\": ");
	if (r->error == 0)
		printf("null, \"lack\": null}");
	else {
		format_json_string(why);
		printf(", \"lack\": ");
		format_json_string(p->lack);
		putchar('}');
	}
}

static int
check_host(const struct options *o)
{
	struct probe	 store = { "store's file system", 1, NULL, 0,
			    "no layer can be stored, which takes user.* "
			    "attributes" };
	struct result	 r;
	size_t		 i, missing = 0;

	if (o->json)
		putchar('[');
	/* a child must not write again what waits here */
	fflush(stdout);
	for (i = 0; i < PROBES; i++) {
		probe_one(&probes[i], &r);
		missing += r.error != 0 && probes[i].required;
		print_one(&probes[i], &r, o->json, i == 0);
		fflush(stdout);
	}
	probe_store(o, &store, &r);
	missing += r.error != 0;
	print_one(&store, &r, o->json, 0);
	if (o->json)
		printf("\n]\n");
	fflush(stdout);
	if (missing > 0)
		log_warnx("this host cannot run containers: %zu of what is "
		    "needed %s missing", missing, missing == 1 ? "is" : "are");
	return (missing > 0);
}

int
cmd_check(const struct options *o)
{
	return (o->processes ? procs_print(o) : check_host(o));
}
