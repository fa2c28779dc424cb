/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What each helper does to itself first: a root of its own, no capability,
 * no new privileges, limits, seccomp.  spawn() has put it into new
 * namespaces, in which it is id 0.  All return 0, or -1 with errno.
 */
#ifndef COMMON_SANDBOX_H
#define COMMON_SANDBOX_H

#include <linux/filter.h>

#include <stddef.h>
#include <stdint.h>

#include "limits.h"

#define SANDBOX_FILES_MAX	16

/*
 * Built with a sanitizer: terabytes of address space and system calls that
 * nobody lists are its own, so the filter and the limit are left out.  All
 * other walls stand.
 */
#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANDBOX_SANITIZED	1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define SANDBOX_SANITIZED	1
#endif
#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED	0
#endif

/* A file of the host that stays readable in the new root. */
struct sandbox_file {
	const char	*path;		/* absolute, on the host and inside */
};

/*
 * The root becomes an empty read-only tmpfs with these files (those that the
 * host has) bound read-only.  Needs a mount namespace of our own.
 */
int	 sandbox_root_empty(const struct sandbox_file *, size_t n);
/* The root becomes this directory (opened in this mount namespace). */
int	 sandbox_root_dir(int dirfd);
/*
 * The root becomes an overlay of upper and lowers (top first), all opened in
 * this mount namespace; userxattr, nosuid, nodev.
 */
int	 sandbox_root_overlay(int upper, int work, const int *lowers, size_t n);

struct sandbox_limits {
	uint64_t	 nofile, nproc, fsize, as;	/* UINT64_MAX: as is */
};
/* Lowers soft and hard limits (never raises); core is always 0. */
int	 sandbox_limit(const struct sandbox_limits *);

/*
 * Mounts an overlay of upper (or -1: read-only) and lowers (top first) and
 * returns the detached mount's descriptor, or -1.  Needs /proc.  No fsync(2)
 * in it and no end of it waits for the disk, and work serves once.
 */
int	 sandbox_overlay(int upper, int work, const int *lowers, size_t n);

/* drop.c: for the broker too */

/* Every capability but those of keep (bits 1 << CAP_*) goes, for ever. */
int	 sandbox_drop(uint64_t keep);

/*
 * Installs a filter made at build time (seccomp-gen).  A debug build says
 * what it refused.
 */
int	 sandbox_seccomp(const struct sock_filter *, size_t n);

#endif
