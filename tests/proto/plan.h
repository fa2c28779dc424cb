/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What the driver and the liar share: the plan, a file beside the liar that
 * both have mapped, and what can be done to a channel.
 */
#ifndef TESTS_PROTO_PLAN_H
#define TESTS_PROTO_PLAN_H

#include "../../proto/chan.h"

/* Who an executable is, in the job that it was started for. */
enum role {
	ROLE_NONE,
	ROLE_CLI,
	ROLE_HTTP,
	ROLE_FETCH,
	ROLE_IMAGE,		/* unpackers, by job */
	ROLE_LAYER,
	ROLE_STACK,
	ROLE_TRASH,
	ROLE_INIT,
	ROLE_CONF,
	ROLE_ENGINE,
	ROLE_BROKER,		/* in whose place the driver is */
	ROLE_MAX
};

/* Kinds of descriptors. */
enum kind {
	KIND_SEALED,		/* memfd of no bytes: what is mostly right */
	KIND_PIPE,
	KIND_PIPE_IN,
	KIND_DIR,
	KIND_SOCKET,
	KIND_MEMFD,		/* not sealed */
	KIND_PATH,
	KIND_CHANNEL,
	KIND_ZERO,
	KIND_EPOLL,
	KIND_EVENT,
	KIND_FILE,
	KIND_HUGE,		/* sealed, and larger than anything may be */
	KIND_MAX		/* more: what the liar keeps open */
};

/* What is said, or done. */
enum deed {
	DEED_SAY,
	DEED_HALFCLOSE,
	DEED_CLOSE,		/* and live on */
	DEED_MUTE,		/* neither says, reads nor ends */
	DEED_EXIT
};

#define PACKET_MAX	8192

struct packet {
	uint32_t	 len;		/* bytes; zeros behind PACKET_MAX */
	uint32_t	 nfds;
	uint32_t	 kind;
	unsigned char	 data[PACKET_MAX];
};

struct plan {
	uint32_t	 active;	/* 0: the real helpers are executed */
	uint32_t	 role;		/* who lies */
	uint32_t	 state;		/* before which the lie is told */
	uint32_t	 deed;
	uint32_t	 repeat;
	uint32_t	 linger;	/* lives until it is killed */
	uint32_t	 deaf;		/* reads nothing while it repeats */
	uint32_t	 serial;	/* makes digests unlike others */
	uint32_t	 ping;		/* a good lie: asks for an answer */
	uint32_t	 named;		/* SPAWN_FD before the lie, */
	uint32_t	 kind;		/* of this kind, or one that lives */
	char		 path[SPAWN_PATH_SIZE];	/* a SPAWN_DIR too, or "" */
	char		 uuid[UUID_SIZE];
	volatile uint32_t said;		/* by the liar: how often */
	volatile uint32_t answered;
	volatile uint32_t ended;	/* the status of who ended */
	struct packet	 packet;
};

/* packet.c */

/* A descriptor of that kind; fd is the channel's.  -1 with errno. */
int	 kind_open(enum kind, int fd);
/* 0, or -1 with errno. */
int	 packet_send(int fd, const struct packet *);

#define POD_FDS		(INIT_FD_LAYERS - INIT_FD_CHAN)

/* cases.c */

struct kase {
	struct packet	 p;
	int		 bad;		/* refused whatever the state is */
	char		 what[80];
};

enum level { LEVEL_ONE, LEVEL_FEW, LEVEL_ALL };

/* Every case of one message; the caller frees.  Fatal without memory. */
struct kase	*cases_make(enum msg_type, enum peer from, enum level,
		    size_t *n);
/* A payload that its check takes. */
const void	*sample(enum msg_type);
/* Of containers; a cgroup has its name. */
extern char	 pod_uuid[UUID_SIZE];
/* A good SPAWN, where such a one may be asked for. */
void		 packet_spawn(struct packet *, enum program, uint32_t child);
/* The good message of that type in *p. */
void		 packet_good(struct packet *, enum msg_type, enum peer from);

/* states.c */

struct state {
	enum role	 role;
	uint32_t	 number;	/* the plan's */
	const char	*name;
	enum peer	 peer, to;
	uint32_t	 phase;
	enum msg_type	 seen[4];	/* said before */
	enum msg_type	 mine[8];	/* its job's; empty: the table's */
};
extern const struct state states[];
extern const size_t nstates;

/* What reading msg.def by itself says: must the sender of it die? */
int	 must_die(const struct state *, const struct packet *);

enum {
	F_NEW, F_BUSY, F_DOC, F_BLOB, F_SAID, F_POLITE,
	I_NEW = 10, I_BUSY, I_WANTED, I_LAYERS, I_PARTS, I_DONE, I_POLITE,
	L_BUSY = 20, L_HASHED, L_UNPACKED, L_NEEDS, L_MERGE, L_POLITE,
	S_BUSY = 30, S_ANSWERED, S_POLITE,
	T_NEW = 40,
	N_BUSY = 50, N_STDIO, N_RUN, N_EXITED, N_FAILED, N_POLITE,
	H_NEW = 60, H_RUN,
	C_IDLE = 70, C_BUSY, C_RUN,
	K_BUSY = 80, K_MAIN, K_APP,
	E_NEW = 90, E_UP, E_NAMED, E_CHILD, E_NEXT, E_POD, E_KINDS, E_CROWD,
	    E_WAIT,
	B_NEW = 100, B_START, B_APP, B_RUN, B_SERVE
};

#endif
