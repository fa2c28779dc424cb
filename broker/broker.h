/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The broker's own header.  Everything declared here runs with privilege:
 * it makes processes of a few known programs, with ids and namespaces of its
 * own choice, and knows neither images nor requests.
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include <sys/types.h>

#include <stdint.h>

#include "../common/limits.h"
#include "../common/spawn.h"
#include "../proto/evchan.h"
#include "config.h"

struct event_base;

/* One broker a process. */
struct broker {
	struct event_base *base;
	struct config	*conf;		/* never NULL */
	int		 private;	/* for one command; else a daemon */
	int		 torun;		/* -r: a container is to come */
	int		 verbose;
	int		 status;	/* to exit with */
	char		 failed[512];	/* why the store is of no use, or "" */
};
extern struct broker env;

/* berthd.c */

/* The engine has its store: whoever waits for our start is told. */
void	 broker_up(void);

/* confine.c */

/*
 * For ever: few capabilities, no new privileges, a filter that all whom we
 * start inherit.  Fatal on failure.
 */
void	 confine(void);

/* store.c: the store's directory, before it is the engine's */

/*
 * Makes it, enters it and gives it to the engine's user.  0, or -1 with
 * env.failed filled.
 */
int	 store_open(const char *path);
/* One daemon a store: fatal when there is one already. */
void	 store_claim(void);

/* listen.c: sockets, and who connects */

/* Binds; fatal when it cannot. */
int	 listen_http(void);
void	 listen_store(void);
/* From now on the engine hears of those who connect. */
void	 listen_begin(void);
/* Hands a connection over, with what the kernel says of it; closes it. */
void	 listen_client(int fd);

/* engine.c: the process that takes requests */

/* Fatal on failure. */
void	 engine_start(void);
void	 engine_send(enum msg_type, const void *payload, int fd);
/* It has more to read than its socket holds. */
int	 engine_busy(void);
/* Asks it to end; a daemon's that does not is killed. */
void	 engine_quit(void);
/* It has broken a rule: its end, and then ours. */
void	 engine_broke(const char *why);
/* Ends the loop once the engine and all that it asked for are gone. */
void	 engine_idle(void);

/* child.c: processes of the engine's asking */

/* Opens the programs, which may be replaced on disk later.  Fatal. */
void	 child_programs(void);
/* The HTTP socket, for berth-http: without it there is none. */
void	 child_listener(int fd);
void	 child_killall(void);
unsigned int child_count(void);

/* cgroup.c */

struct cgroup;
/*
 * Makes what the limits ask for.  NULL with *why when it cannot and must;
 * *lacking (MSG_TEXT_SIZE bytes, both) names what cannot be enforced.
 */
struct cgroup	*cgroup_new(const struct msg_spawn *, char *why,
		    char *lacking);
int		 cgroup_fd(const struct cgroup *);	/* v2, or -1 */
const char *const *cgroup_procs(const struct cgroup *);	/* v1, or NULL */
/* Processes that the kernel killed at the memory limit; NULL is fine. */
uint32_t	 cgroup_oom(const struct cgroup *);
/* Removes it; NULL is fine. */
void		 cgroup_free(struct cgroup *);
/* Removes what a dead broker left of this pod. */
void		 cgroup_sweep(const char *uuid);

/* dispatch.c: handlers, from msg.def; without one a message does not link */

extern const evchan_handler dispatch_conf[MSG_MAX];
extern const evchan_handler dispatch_engine[MSG_MAX];

/* Each message by its receiver, and ours by their sender. */
#define TO_BROKER(from, N, n)	from##_SAYS(N, n)
#define TO_ENGINE(from, N, n)
#define TO_CLI(from, N, n)
#define TO_HTTP(from, N, n)
#define TO_FETCH(from, N, n)
#define TO_UNPACK(from, N, n)
#define TO_INIT(from, N, n)
#define TO_CONF(from, N, n)
#define MSG(N, n, from, to, p, fd, ph)	TO_##to(from, N, n)

#define CONF_SAYS(N, n)		void conf_on_##n(void *, struct msg *);
#define ENGINE_SAYS(N, n)	void engine_on_##n(void *, struct msg *);
#include "../proto/msg.def"
#undef CONF_SAYS
#undef ENGINE_SAYS

#endif
