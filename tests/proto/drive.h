/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The driver's own header: one broker that is lied to. */
#ifndef TESTS_PROTO_DRIVE_H
#define TESTS_PROTO_DRIVE_H

#include <sys/types.h>

#include "plan.h"

/* For everything that the broker must do, on a slow machine too. */
#define PATIENCE_MS	20000
#define SETTLED_MS	100
#define LIST_MAX	64

struct drive {
	const char	*dir;		/* broker, liars, plan */
	const char	*store;
	const char	*conf;
	const char	*image;		/* an ID in the store */
	pid_t		 pid, engine;	/* the broker, and its engine */
	struct plan	*plan;
	pid_t		 base[LIST_MAX];	/* its children when idle */
	int		 nbase;
	uid_t		 owner;		/* of layers */
	int		 fds;		/* their descriptors when idle */
	int		 canary;	/* a connection that must go on */
	int		 trigger;	/* the client that asks for jobs */
	long		 worst;		/* ms the canary ever waited */
	unsigned long	 cases, failures;
	unsigned int	 shard, shards;
	unsigned int	 serial;
	int		 all;		/* all lies in all states: minutes */
};
extern struct drive d;

/* drive.c */

/* One line about a broken promise. */
void	 complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
long	 now_ms(void);
/* Connects to the store's socket; fatal when it cannot. */
int	 drive_connect(void);
/* A good message on a raw connection.  0 or -1. */
int	 say_fd(int fd, enum msg_type, const void *payload, int desc);
/*
 * The next message: its type, 0 at the end, -1 when none comes in time.
 * Descriptors are closed.
 */
int	 hear(int fd, int ms, struct msg *);
/* Until the answer that ends a request: its type, 0, or -1. */
int	 hear_end(int fd, int ms);
/* The canary asks and is answered, or it is complained. */
void	 canary(void);
/* Everybody that the broker started meanwhile is gone: 1, or 0. */
int	 children_gone(int ms);
int	 children_of(pid_t, pid_t list[LIST_MAX]);
pid_t	 engine_of(pid_t broker);
int	 fds_open(void);	/* in broker and engine */
void	 fds_back(const char *when);	/* or it is complained */
long	 rss_of(pid_t);		/* KiB; 0 where that says nothing */
long	 rss(void);		/* of broker and engine */
void	 drive_base(void);
void	 plan_for(const struct state *, const struct kase *);
const struct state *state_of(uint32_t number);

/* floods.c */
void	 floods(void);

/* alone.c: brokers that serve one case */
/* berthd -d, or -p when fd is its channel; what it says goes to errfd. */
pid_t	 broker_start(int fd, int errfd);
/* Its status; killed when it does not end in time, which is complained. */
int	 broker_wait(pid_t, const char *what);
/* A connection, or -1 when nobody serves. */
int	 await_socket(pid_t);
void	 all_in(uint32_t state, void (*)(const struct state *,
	    const struct kase *));
void	 http_cases(void);
void	 conf_cases(void);
void	 private_cases(void);
void	 stop_cases(void);

/* engine.c: an engine that lies; broker.c: a broker that lies to one */
void	 engine_cases(void);
void	 mute_cases(void);
void	 broker_cases(void);

#endif
