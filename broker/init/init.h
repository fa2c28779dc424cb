/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* What the files of berth-init, pid 1 of a container, share. */
#ifndef INIT_INIT_H
#define INIT_INIT_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "../../common/limits.h"
#include "../../proto/chan.h"

#define STATUS_BERTH	125	/* it failed before the app ran */
#define STATUS_NOEXEC	126	/* found, cannot be executed */
#define STATUS_NOTFOUND	127

#define USER_GROUPS_MAX	1024
#define USER_ID_MAX	0x7fffffffU

/* appconfig.c */
enum appconfig_error {
	APPCONFIG_OK,
	APPCONFIG_MEMORY,
	APPCONFIG_APP,		/* the app record is damaged */
	APPCONFIG_RUN,		/* the run record is */
	APPCONFIG_TWICE,	/* an item that comes once came twice */
	APPCONFIG_COMMAND,	/* nothing to run */
	APPCONFIG_STOPSIGNAL,
	APPCONFIG_VOLUME
};

/* All strings lie in the records, which must outlive this. */
struct appconfig {
	const char	**argv;		/* ends with NULL */
	size_t		  argc;
	const char	**env;		/* ends with NULL; room for defaults */
	size_t		  nenv, env_size;
	const char	**volumes;
	size_t		  nvolumes;
	const char	 *user;		/* "user[:group]", or "" */
	const char	 *group;	/* stronger than user's, or NULL */
	const char	 *workdir;
	const char	 *bad;		/* what an error is about, or "" */
	int		  stopsignal;
};

/*
 * What runs: the image's app record, overruled by the run record.  On
 * failure, c->bad is the value that was refused; appconfig_free() either
 * way.
 */
enum appconfig_error appconfig_merge(struct appconfig *, const void *app,
	    size_t applen, const void *run, size_t runlen);
/* Sets "NAME=value" (kept, not copied) unless NAME is set. */
void	 appconfig_default(struct appconfig *, const char *);
/* The value of an environment variable, or NULL. */
const char *appconfig_env(const struct appconfig *, const char *name);
const char *appconfig_strerror(enum appconfig_error);
void	 appconfig_free(struct appconfig *);

/* user.c */
enum user_error {
	USER_OK,
	USER_SYNTAX,		/* neither a number nor a name */
	USER_RANGE,		/* over USER_ID_MAX */
	USER_UNKNOWN,
	USER_ENTRY,		/* its line in /etc/passwd is not valid */
	USER_PASSWD,		/* /etc/passwd has too many lines */
	USER_GROUP_SYNTAX,	/* all behind this are about the group */
	USER_GROUP_RANGE,
	USER_GROUP_UNKNOWN,
	USER_GROUP_ENTRY,
	USER_GROUP_FILE,
	USER_GROUP_MANY
};

struct user {
	uid_t	 uid;
	gid_t	 gid;
	gid_t	 groups[USER_GROUPS_MAX];
	size_t	 ngroups;
	char	 home[PATH_MAXLEN + 1];	/* "/" when nobody says */
};

struct user_text {		/* a file of the image; empty: none */
	const char	*data;
	size_t		 len;
};

/*
 * Who "user[:group]" (or "": id 0) is by the image's own files.  group, or
 * NULL, overrules the part behind the colon.  Text of digits is a number
 * and never looked up as a name.
 */
enum user_error user_resolve(struct user *, const char *spec,
	    const char *group, const struct user_text *passwd,
	    const struct user_text *groups);
const char *user_strerror(enum user_error);

/* init.c */
struct init {
	struct chan		 chan;
	struct msg_init_start	 start;
	struct appconfig	 conf;
	struct user		 user;
	int			 base;	/* tmpfs: dev/, empty/, copies */
	int			 root;	/* the overlay */
	int			 empty;	/* read-only mount, for masks */
	int			 proc, sys, dev;	/* mounts */
	int			 null;	/* mount of the host's null */
	int			 stdio[3];	/* the app's ends */
	int			 upper[3];	/* the others, to be sent up */
	enum stdio_which	 which[3];
	unsigned int		 nupper;
	pid_t			 app;
};

/* fail.c: the one line that says why no app runs. */
extern struct msg_failure	 init_failure;
/*
 * Notes "KIND NAME: REASON"; NAME is foreign and encoded, and quoted when
 * KIND is "user" or "group".  kind and name may be NULL; a NULL reason is
 * errno's.  The first failure stays.  Returns -1.
 */
int	 failed(uint32_t status, const char *kind, const char *name,
	    const char *reason);

/* mnt.c: mounts by descriptor.  All return -1 with errno. */
struct mnt_opt {
	const char	*key, *value;	/* a NULL key ends a list */
};
/* A detached mount of a new file system. */
int	 mnt_new(const char *type, uint64_t attr, const struct mnt_opt *);
/* A detached copy of the mount at path ("" is fd itself). */
int	 mnt_clone(int fd, const char *path);
int	 mnt_attr(int mnt, uint64_t set);
/* Attaches mnt at path beneath fd ("" is fd itself). */
int	 mnt_move(int mnt, int fd, const char *path);
/* openat2(2) with everything resolved inside root, no magic links. */
int	 mnt_open(int root, const char *path, int flags, uint64_t resolve);
/* Makes a directory and what is missing above it; returns it, O_PATH. */
int	 mnt_mkdir(int root, const char *path, uint64_t resolve);

/* upper.c */

/* Gives upper the attributes that the image gives its root.  0, or -1. */
int	 upper_root(struct init *);

/* rootfs.c */
int	 rootfs_build(struct init *);
int	 rootfs_enter(struct init *);

/* etc.c: hosts, hostname, resolv.conf; volumes; passwd and group. */
int	 etc_attach(struct init *);
int	 etc_volumes(struct init *);
int	 etc_user(struct init *);

/* dev.c */
int	 dev_nodes(struct init *);	/* looks at the host's */
int	 dev_attach(struct init *);

/* mask.c */
int	 mask_attach(struct init *);

/* stdio.c */
int	 stdio_open(struct init *);
/* Sends the upper ends away, which are no longer ours then. */
int	 stdio_send(struct init *);

/* app.c */
/* Starts the app, in->app; returns when its exec has succeeded or not. */
int	 app_start(struct init *);

#endif
