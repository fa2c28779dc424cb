/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* What a host can enforce: each ability, and the try that shows it. */
#ifndef CLI_PROBE_H
#define CLI_PROBE_H

#include <stddef.h>

#define PROBE_DETAIL	128

struct probe {
	const char	*name;
	int		 required;	/* nothing runs without it */
	/*
	 * Runs in a child that is thrown away: 0, or an errno.  detail is
	 * for what else there is to say.
	 */
	int		(*try)(unsigned long arg, char *detail);
	unsigned long	 arg;
	const char	*lack;		/* what follows when it is missing */
};

/* probe.c, probens.c: the tries.  All return 0 or an errno. */
int	 probe_root(unsigned long, char *);
int	 probe_openat2(unsigned long, char *);
int	 probe_pidfd(unsigned long, char *);
int	 probe_close_range(unsigned long, char *);
int	 probe_memfd(unsigned long, char *);
int	 probe_seccomp(unsigned long, char *);
int	 probe_landlock(unsigned long, char *);
/* arg: index of "memory", "cpu", "pids" */
int	 probe_cgroup(unsigned long, char *);
/* arg: how many ids are mapped */
int	 probe_ids(unsigned long, char *);
/* arg: CLONE_NEW*, beside the user namespace */
int	 probe_namespaces(unsigned long, char *);
int	 probe_mounts(unsigned long, char *);
int	 probe_overlay(unsigned long, char *);
/* arg: may the layers be named one by one? */
int	 probe_lowerdirs(unsigned long, char *);
int	 probe_proc(unsigned long, char *);
int	 probe_sysfs(unsigned long, char *);
int	 probe_devpts(unsigned long, char *);

#endif
