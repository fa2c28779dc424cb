/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* What the files of the command line share. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <sys/types.h>

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "../../common/limits.h"
#include "../../proto/chan.h"
#include "options.h"

#define EXIT_USAGE	2
#define EXIT_BERTH	125	/* run: berth itself failed */

/* How a request ended. */
enum answer {
	ANSWER_NONE,		/* not yet */
	ANSWER_DONE,
	ANSWER_RESULT,		/* session.text */
	ANSWER_FILE,		/* session.file */
	ANSWER_EXITED,		/* session.status is the app's */
	ANSWER_FAILED		/* said on stderr; session.status */
};

struct session {
	struct chan		 chan;
	pid_t			 broker;	/* private one, or -1 */
	const struct options	*options;
	const char		*typed;		/* the image, user's words */
	uint32_t		 id;		/* of the request under way */
	uint32_t		 warn;		/* INSECURE_* not yet said */
	enum answer		 answer;
	int			 status;	/* to exit with */
	int			 failure;	/* 1, or EXIT_BERTH */
	int			 sigfd;
	uint64_t		 pending;	/* 1 << signal, for STARTED */
	unsigned int		 interrupts;	/* INTs so far */
	int64_t			 deadline;	/* ms, of the KILL; or 0 */
	int			 killed;	/* KILL was sent */
	int			 running;	/* RUN was sent */
	int			 started;	/* the app was */
	int			 file;		/* of ANSWER_FILE, or -1 */
	char			 text[MSG_TEXT_SIZE];
	/* Called before a signal or a failure ends us; or NULL. */
	void			(*undo)(void *);
	void			*undo_arg;
	/* One row of IMAGE_LIST's answer; or NULL. */
	void			(*entry)(void *,
				    const struct msg_image_entry *);
	void			*entry_arg;
};

/* berth.c, one function per command; all return the exit status. */
int	 cmd_fetch(const struct options *);
int	 cmd_run(const struct options *);
int	 cmd_image_list(const struct options *);
int	 cmd_image_cat_manifest(const struct options *);
int	 cmd_image_export(const struct options *);
int	 cmd_image_verify(const struct options *);
int	 cmd_image_rm(const struct options *);
int	 cmd_image_gc(const struct options *);
int	 cmd_check(const struct options *);

/* help.c */
/* The synopsis of a command; with NONE of a group's; with NULL too of all. */
void	 help_usage(int fd, enum command, const char *group);
int	 help_print(enum command, const char *group);
int	 cmd_help(const struct options *);

/* connect.c */
/*
 * A channel to the daemon or to a private broker started for us (*broker is
 * its pid, else -1).  Returns a descriptor, or -1 after having said why.
 */
int	 connect_broker(const struct options *, pid_t *broker);
/*
 * The directory of the store that is meant, which need not exist, into path
 * (PATH_MAX bytes).  0, or -1 after having said why.
 */
int	 connect_store(const struct options *, char *path);

/* procs.c */
/* What confines each process of the store.  Returns the exit status. */
int	 procs_print(const struct options *);

/* session.c */
/* 0, or -1 after having said why; failure is the status for berth's own. */
int	 session_open(struct session *, const struct options *, int failure);
void	 session_close(struct session *);
/*
 * Sends a request (fd is copied, or -1) and serves messages, signals and the
 * app's streams until it is answered.  0, or -1 with the reason said and
 * session.status set.
 */
int	 session_call(struct session *, enum msg_type, const void *payload,
	    int fd);
/* A signal of ours goes to the app. */
void	 session_signal(struct session *, int signo);

/* answer.c: what the broker's messages do, from proto/msg.def. */
void	 answer_dispatch(struct session *, struct msg *);

/* name.c */
/*
 * An IMAGE as typed becomes a name for the broker: an ID or a normalised
 * reference.  0, or -1 after having said why.
 */
int	 name_parse(const char *typed, char name[REF_MAXLEN + 1]);
int	 name_is_id(const char *name);
/* Refuses, saying so, what no policy has verified.  0 or -1. */
int	 name_policy(const struct options *, const char *name);
/* Says and clears the warnings due in *bits. */
void	 name_warn(uint32_t *bits);

/* fetch.c */
/* The checks that a fetch leaves out; none if it asks no registry. */
uint32_t fetch_insecure(const struct options *);
/* Fetches a reference; its ID is in session.text.  0 or -1, as always. */
int	 fetch_image(struct session *, const char *typed, const char *name,
	    enum pull_policy);

/* envfile.c */
/*
 * Reads a file of NAME=VALUE lines into an empty list of copies, to be freed
 * by the caller on failure too.  0, or -1 after having said why.
 */
int	 envfile_read(const char *path, struct strings *);

/* progress.c */
void	 progress_init(void);
void	 progress_layer(const char *hex, uint64_t total);
void	 progress_update(const char *hex, uint64_t done, uint64_t total);
/* Before any other line on stderr. */
void	 progress_clear(void);
/* All layers have come. */
void	 progress_end(void);

/* format.c: sizes, times and JSON for people and programs. */
char	*format_size(char *, size_t, uint64_t bytes);
void	 format_json_string(const char *);

/* signals.c */
/*
 * Blocks INT, TERM and HUP, those that were inherited ignored only with all,
 * and returns a signalfd for them, or -1 with errno.
 */
int	 signals_open(int all);
/* Also WINCH, TSTP and CONT, for a terminal of ours. */
int	 signals_add_tty(int sigfd);
/* The next signal, or 0. */
int	 signals_next(int sigfd);
/* Dies of this signal, as the shell expects it. */
void	 signals_die(int signo) __attribute__((noreturn));

/* stream.c: the app's bytes.  At most STREAMS_MAX at once. */
#define STREAMS_MAX	4
/* Takes ownership of fd, on failure too.  0, or -1 with errno. */
int	 stream_open(enum stdio_which, int fd);
/* Fills pfd, which has room for STREAMS_MAX; returns how many. */
nfds_t	 stream_poll(struct pollfd *);
/* Moves what poll(2) found ready. */
void	 stream_move(const struct pollfd *, nfds_t);
/* True while output of the app may still come. */
int	 stream_draining(void);
/* An errno if output was lost other than by a closed pipe, else 0. */
int	 stream_error(void);

/* tty.c: the caller's terminal while an app has a pty. */
int	 tty_size(uint16_t *rows, uint16_t *cols);
/* master: the app's pty; not taken.  0, or -1 with errno. */
int	 tty_raw(int master);
void	 tty_resize(void);
/* Legal in a signal handler, and when nothing was changed. */
void	 tty_restore(void);
/* Stops us as TSTP would, the terminal restored meanwhile. */
void	 tty_stop(void);
void	 tty_continue(void);

#endif
