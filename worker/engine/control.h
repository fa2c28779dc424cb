/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Shared by control.c (the apps), http.c (their worker) and applog.c. */
#ifndef ENGINE_CONTROL_H
#define ENGINE_CONTROL_H

#include "engine.h"

#define WAITERS_MAX	64	/* requests that wait for one thing */

struct event;
struct applog;

struct app {
	const struct config_app *conf;
	enum { APP_IDLE, APP_STARTING, APP_RUNNING, APP_STOPPING } state;
	struct pod	*pod;
	struct fetch	*fetch;
	char		 id[IMAGEID_SIZE];	/* empty: no image yet */
	char		 why[512];		/* why it has none */
	int		 asked;			/* starter waits */
	uint32_t	 starter;		/* request id of /start */
	uint32_t	 waiter[WAITERS_MAX];	/* of /stop */
	unsigned int	 nwaiters;
	struct event	*timer;			/* KILL when overdue */
	struct event	*retry;			/* of the fetch */
	struct applog	*log;
};

extern struct app	 apps[APPS_MAX];
extern unsigned int	 napps;

/* control.c */
void	 control_forget(void);

/* http.c: the HTTP worker, as the engine sees it */

void	 http_start(void);
/* No worker, no asker: then nothing is sent. */
void	 http_reply(uint32_t id, uint32_t status, const char *text);
void	 http_push_state(void);
/* The broker answers, and so do we. */
void	 http_pong(uint32_t id);
void	 http_creds(uid_t *, pid_t *);
/* Lets the worker say its last words, then ends the daemon. */
void	 http_finish(void);

/* applog.c: an app's output, from its pipes into log/<app> */

struct applog	*applog_new(const char *app);
/* which: STDIO_OUT or STDIO_ERR; fd is copied. */
void		 applog_add(struct applog *, uint32_t which, int fd);
/* What is still in the pipes, then the end. */
void		 applog_close(struct applog *);

#endif
