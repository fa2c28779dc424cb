/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What berthd.conf(5) says, as berth-conf has told it.  It lives as long as
 * the broker; what declares the apps is the engine's, unread.
 */
#ifndef BROKER_CONFIG_H
#define BROKER_CONFIG_H

#include <sys/queue.h>
#include <sys/socket.h>

#include <stddef.h>
#include <stdint.h>

#include "../common/limits.h"
#include "../proto/chan.h"

/* A message for the engine, as it came. */
struct declared {
	STAILQ_ENTRY(declared)	 entry;
	enum msg_type		 type;	/* ENGINE_APP, ENGINE_PARAM */
	int			 fd;	/* or -1 */
	unsigned char		 payload[];
};

struct config {
	const char *store;	/* absolute path, but for -s */
	char	*listen;	/* the address, for people */
	uint16_t port;
	struct sockaddr_storage sa;	/* listen and port, for bind() */
	socklen_t salen;
	int	 loopback;	/* the address is a loopback one */
	char	 token[128];	/* or empty */
	uint32_t insecure;	/* INSECURE_* */
	uint32_t idbase;	/* host id of the containers' id 0 */
	uint32_t idcount;	/* <= IDRANGE_COUNT; workers come behind */
	char	*group;		/* control group, for people; or NULL */
	uint32_t gid;		/* its id */
	unsigned int napps;
	STAILQ_HEAD(, declared) declared;
};

/* What a private broker needs. */
struct config	*config_private(void);
/*
 * Starts berth-conf for the file and takes what it says.  NULL when
 * something is wrong, which was told.  check: 0, or as often as -n was
 * given; store: what is then printed instead of the file's, or NULL.
 */
struct config	*config_load(const char *path, int check, const char *store);
/* Tells what declares the apps, and forgets it.  0, or -1 with errno. */
int		 config_tell(struct config *, struct chan *);

#endif
