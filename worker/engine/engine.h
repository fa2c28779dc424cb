/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The engine's own header: what takes requests and sees them through.  It
 * owns the store and nothing else of the host; it handles ids, digests,
 * checked names and descriptors, and reads no byte that a stranger wrote.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <sys/types.h>

#include <stdint.h>

#include "../../common/limits.h"
#include "../../proto/evchan.h"
#include "config.h"

struct event_base;
struct client;
struct fetch;
struct pod;

/* One engine a process. */
struct engine {
	struct event_base *base;
	struct config	 conf;
	int		 private;	/* for one command; else a daemon */
	int		 serving;	/* the broker has heard of us */
	int		 stopping;	/* no new work */
	int		 done;		/* the loop is left */
	pid_t		 broker;	/* for the record */
	long		 ncpu;
	char		 failed[512];	/* why the store is of no use, or "" */
	char		 boot_id[UUID_SIZE];
};
extern struct engine env;

#define NULL_FD	0	/* /dev/null: nothing of the kind can be opened */

/* engine.c */

/* Ends a private broker once nothing is left to do. */
void	 engine_idle(void);
/* Ends a daemon: apps stopped, then exit with 0. */
void	 engine_quit(void);
/* Leaves the loop. */
void	 engine_over(void);

/* broker.c: the broker, as the engine sees it; what waits, waits for room */

struct birth;

/* Comes up on descriptor 3: until GO, at once.  Fatal on failure. */
void	 broker_init(void);
/* From now on in the loop. */
void	 broker_watch(void);
/* Asks for a process by this number.  0, or -1 with errno. */
int	 broker_spawn(uint32_t child, const struct birth *);
void	 broker_kill(uint32_t child);
/* Removes cgroups that a dead broker left of this pod. */
void	 broker_sweep(const char *uuid);
void	 broker_say(enum msg_type, uint32_t id);
/* What it has said by now, heard now. */
void	 broker_pump(void);

/* child.c: every process that we have asked for */

struct child;

/* Either a descriptor (copied) or a directory that the child opens O_PATH. */
struct birth_fd {
	int		 fd;		/* -1: open path */
	const char	*path;		/* relative to the store */
};

#define BIRTH_FDS_MAX	(LAYERS_MAX + 16)

struct birth {
	enum program	 program;
	uint32_t	 flags;		/* SPAWN_IDLE */
	const struct msg_run *limits;	/* SPAWN_INIT */
	const char	*uuid;		/* SPAWN_INIT */
	/* The first is the helper's channel, whose other end we keep. */
	unsigned int	 nfds;
	struct birth_fd	 fds[BIRTH_FDS_MAX];	/* become 3, 4, 5, ... */
};

/*
 * Called once, when the process is reaped and all it said has been heard.
 * why: the rule it broke, or NULL.  status: as of waitpid(2), or -1 when it
 * was never started, for the reason why.  The child is freed behind the
 * call.
 */
typedef void	 (*child_done)(void *arg, const char *why, int status);

/*
 * Starts a helper; b->fds[0] is filled in here with its channel.  NULL with
 * errno.
 */
struct child	*child_start(struct birth *, enum peer, const
		    evchan_handler *table, child_done, void *arg);
/*
 * born: what limit cannot be enforced, or "".  oom: how many processes the
 * kernel killed at the memory limit, when it was any, before done.
 */
void		 child_watch(struct child *, void (*born)(void *arg,
		    const char *lacking), void (*oom)(void *arg, uint32_t));
struct evchan	*child_chan(struct child *);
/* Handlers of messages are given the child; this is its owner's arg. */
void		*child_arg(void *child);
pid_t		 child_pid(const struct child *);
int		 child_send(struct child *, enum msg_type, uint32_t id,
		    const void *payload, int fd);
/* It has said its last word: SIGKILL, and only its end is waited for. */
void		 child_finish(struct child *);
/* SIGKILL, and nobody is told; NULL is fine. */
void		 child_kill(struct child *);
/* SIGKILL, and somebody else is told than who asked for it. */
void		 child_kill_then(struct child *, child_done, void *arg);
/* SIGKILL, and all are told. */
void		 child_sigkill(struct child *);
/* Children alive. */
unsigned int	 child_count(void);
/* "berth-unpack was killed by signal 9", for a human. */
const char	*child_fate(const char *name, const char *why, int status);
/* A helper with nothing but its channel. */
void		 child_birth(struct birth *, enum program);

/* store.c: names on disk; the cwd is the store */

#define STORE_NAME_SIZE	96		/* "chain-sha256-" + hex, "stage-…" */
#define REFFILE_SIZE	256

struct refrec {
	char	 id[IMAGEID_SIZE];
	char	 digest[DIGEST_SIZE];	/* of the registry's document */
	int64_t	 time;			/* seconds since 1970 */
};

/* Locks it, for as long as we live.  0, or -1 with env.failed filled. */
int	 store_open(void);
/* Sixteen random hex digits behind prefix. */
void	 store_temp(char *buf, size_t size, const char *prefix);
/* A random one (RFC 9562, version 4). */
void	 store_uuid(char uuid[UUID_SIZE]);
/* A directory of the container's id 0.  0, or -1 with errno. */
int	 store_mkdir_mapped(const char *path, mode_t mode);
/* Writes a small file of ours: temp name, rename.  0, or -1. */
int	 store_write(const char *path, const void *data, size_t len);
/* How much a layer holds, for "image list": a new file in dir.  0, or -1. */
int	 store_size(const char *dir, uint64_t bytes);
/* Copies a descriptor of exactly size bytes to a new file.  0, or -1. */
int	 store_copy(const char *path, int fd, uint64_t size);
/* Reads a small file of ours; NUL behind it.  The length, or -1. */
ssize_t	 store_read(const char *path, char *buf, size_t size);
/* True when the descriptor is a sealed memfd of min to max bytes. */
int	 store_sealed(int fd, uint64_t min, uint64_t max);

/* This machine's, in the words of Docker: "linux", "amd64", "". */
void	 platform_host(struct msg_platform *);
int	 ref_load(const char *ref, const struct msg_platform *,
	    struct refrec *);
int	 ref_store(const char *ref, const struct msg_platform *,
	    const struct refrec *);
/* For each reference; stops when fn returns nonzero and returns that. */
int	 ref_each(int (*fn)(void *arg, const char *ref, const char *platform,
	    const char *file, const struct refrec *), void *arg);

/* image.c */

enum image_find { IMAGE_FOUND, IMAGE_NONE, IMAGE_AMBIGUOUS, IMAGE_ERROR };

/* The layers of an image, bottom first: names below layers/. */
struct layers {
	unsigned int	 n;
	char		 name[LAYERS_MAX][STORE_NAME_SIZE];
};

/* name: "sha512-" prefix, or a normalised reference for this platform. */
enum image_find	 image_find(const char *name, char id[IMAGEID_SIZE]);
/* images/<id>, opened; with a shared lock.  -1 with errno. */
int		 image_open(const char *id);
/* Closes it, and frees the lock whoever has the descriptor too.  -1: nothing */
void		 image_close(int fd);
int		 image_layers(const char *id, struct layers *);
/* True when layers/<name> is whole. */
int		 layer_stored(const char *name);
/*
 * Its references, then it; its layers stay.  0, or -1 with errno, EBUSY while
 * a pod runs it.
 */
int		 image_remove(const char *id);
/* Unlinks the files of an image's directory, and it. */
void		 image_remove_dir(const char *dir);
/* "image \"x\": not found in the store", with the reason for a failure. */
const char	*image_why(enum image_find, const char *name);

void	 image_on_list(struct client *, uint32_t id);
void	 image_on_cat(struct client *, uint32_t id, const char *name);
void	 image_on_rm(struct client *, uint32_t id, const char *name);
void	 image_on_gc(struct client *, uint32_t id);
void	 image_on_verify(struct client *, uint32_t id, const char *name);
void	 image_on_export(struct client *, uint32_t id,
	    const struct msg_export *, int fd);

/* fetch.c: one fetch, from the reference to the ID */

struct fetch_cb {
	void	(*note)(void *arg, const struct msg_note *);
	/* one of: id, or why not */
	void	(*done)(void *arg, const char *id, const char *why);
	void	*arg;
	uid_t	 uid;		/* who asks, for the record */
	pid_t	 pid;
};
/* NULL when it was answered at once. */
struct fetch	*fetch_start(const struct msg_fetch *, const struct fetch_cb *);
/* Nobody waits any more: ends it, leaving nothing. */
void		 fetch_cancel(struct fetch *);
unsigned int	 fetch_count(void);

/* layer.c: the layers of one fetch */

struct layer {
	struct msg_layer m;
	char		 name[STORE_NAME_SIZE];	/* below layers/, once known */
	char		 stage[STORE_NAME_SIZE]; /* below tmp/ */
	struct fetch	*fetch;
	struct child	*unpack;
	int		 blobfd;	/* tmp/<hex>, locked; or -1 */
	enum {
		LAYER_WAIT,		/* to be fetched */
		LAYER_FETCHING,		/* bytes still come */
		LAYER_UNPACKING,	/* hashed; decoding */
		LAYER_NEEDS,		/* waits for the layers beneath */
		LAYER_MERGING,
		LAYER_STORED
	}		 state;
	int		 finished;	/* UNPACKED or NEEDS_LOWER has come */
};
/* Starts what may start.  0 and *left, or -1 with *why. */
int	 layers_schedule(struct fetch *, struct layer *, unsigned int n,
	    unsigned int *left);
void	 layers_drop(struct layer *, unsigned int n);
/* What layer.c asks of fetch.c. */
int	 fetch_blob(struct fetch *, const struct layer *, int pipefd);
void	 fetch_step(struct fetch *);
unsigned int fetch_id(const struct fetch *);
void	 fetch_retry(void *id);
void	 fetch_fail(struct fetch *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
void	 fetch_note(struct fetch *, enum note_kind, const char *text,
	    uint64_t total);
void	 fetch_nosuch(struct fetch *, const char *program, const char *why,
	    int status);

/* pod.c: one container */

struct pod_cb {
	void	(*stdio)(void *arg, uint32_t which, int fd); /* fd: copied */
	void	(*started)(void *arg, const char *uuid, pid_t pid);
	/* a limit that cannot be enforced, as the caller allows */
	void	(*warn)(void *arg, const char *text);
	/* status: what the app, or berth, ended with; why: NULL, or a line */
	void	(*ended)(void *arg, uint32_t status, const char *why);
	void	*arg;
	const char *app;	/* declared name, or "" */
	uid_t	 uid;
	pid_t	 pid;
};
/*
 * Takes ownership of recordfd, on failure too.  NULL with *why filled
 * (MSG_TEXT_SIZE bytes); ended is then not called.
 */
struct pod	*pod_start(const struct msg_run *, int recordfd,
		    const struct pod_cb *, char *why);
void		 pod_signal(struct pod *, int signo);
/* KILL for all of it; ended is still called. */
void		 pod_kill(struct pod *);
/* Nobody is told any more. */
void		 pod_forget(struct pod *);
unsigned int	 pod_count(void);
/* TERM for every pod of a command line. */
void	 pod_stopall(void);
/* Ends all, at once. */
void		 pod_killall(void);

/* audit.c */

struct audit {
	const char	*action;	/* "fetch", "run", "start", … */
	const char	*object;	/* reference, ID, pod, any text */
	const char	*detail;	/* or NULL */
	const char	*rule;		/* what allowed or refused it */
	uid_t		 uid;		/* as the kernel says */
	pid_t		 pid;
};
/* Before the act: its sequence number, or 0 with errno. */
uint64_t	 audit_intent(const struct audit *);
/* Behind it; cause: what audit_intent() returned, 0 for nothing to record.
 * result: "ok", "failed", "refused", "killed". */
void		 audit_outcome(const struct audit *, uint64_t cause,
		    const char *result, const char *reason);

/* trash.c */

/* Renames away; removed in the background.  0, or -1 with errno. */
int	 trash_put(const char *path);
/* Empties it, unless somebody waits for a private broker's answer. */
void	 trash_run(void);
/* Leftovers of a dead engine. */
void	 trash_sweep(void);

/* durable.c: what a power cut must not leave half there */

/* Before layers/<name> or images/<name> appears.  0, or -1 with errno. */
int	 durable_note(const char *name);
/*
 * Starts a helper that syncs the store's file system; *when: what was
 * written until then will be on the disk.  NULL with errno.
 */
struct child *durable_sync(uint64_t *when, child_done, void *arg);
/* Why it failed: what it said, or how it ended. */
const char *durable_fate(const char *why, int status);
/* Takes away the notes that were made before. */
void	 durable_clear(uint64_t when);
/* What is due later is due now. */
void	 durable_now(void);
/* Drops what was not on the disk when the machine went down. */
void	 durable_sweep(void);

/* client.c: command lines that are connected */

/* Takes ownership of fd, or -1 was free; who it is, as the kernel says. */
void	 client_new(int fd, uid_t, pid_t);
void	 client_send(struct client *, enum msg_type, uint32_t id,
	    const void *payload, int fd);
/* The answers that end a request. */
void	 client_result(struct client *, uint32_t id, const char *);
void	 client_ok(struct client *, enum msg_type, uint32_t id,
	    const void *payload);
void	 client_fail(struct client *, uint32_t id, uint32_t status,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void	 client_creds(const struct client *, uid_t *, pid_t *);
/* What a request in hand is called off with when its client goes. */
void	 client_setjob(struct client *, void (*cancel)(void *), void *job);
unsigned int client_count(void);
void	 client_dropall(void);

/* control.c: the HTTP worker and the declared apps */

void	 control_start(void);
/* TERM, wait, KILL for all of them; engine_idle() when done. */
void	 control_terminate(void);
/* Something has ended: was it the last that a stopping daemon waits for? */
void	 control_drained(void);

/* dispatch.c: from msg.def, one table per peer */

extern const evchan_handler dispatch_cli[MSG_MAX];
extern const evchan_handler dispatch_http[MSG_MAX];
extern const evchan_handler dispatch_fetch[MSG_MAX];
extern const evchan_handler dispatch_image[MSG_MAX];
extern const evchan_handler dispatch_layer[MSG_MAX];
extern const evchan_handler dispatch_stack[MSG_MAX];
extern const evchan_handler dispatch_sync[MSG_MAX];
extern const evchan_handler dispatch_init[MSG_MAX];
extern const evchan_handler dispatch_broker[MSG_MAX];

#include "handlers.h"

#endif
