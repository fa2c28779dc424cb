/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Power loss.  Nobody waits for the disk: what is committed leaves a note,
 * a symbolic link unsynced/<name> -> <boot id>.<when>, and a confined helper
 * takes the note away once it has synced the store's file system.  A note
 * of an earlier boot that is still there means that the machine went down
 * too soon: what it names may be damaged and is dropped.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "../../common/log.h"
#include "engine.h"

#define UNSYNCED	"unsynced"
#define NOTE_SIZE	(sizeof(UNSYNCED) + IMAGEID_SIZE)

/* Quiet after the last commit: a fetch of many layers is synced once. */
static const struct timeval	 quiet = { 5, 0 };

#define LONGEST	(30 * UINT64_C(1000000000))	/* ns */

static struct event	*timer;
static struct child	*helper;
static uint64_t		 begun;		/* when it was started */
static uint64_t		 before;	/* what durable_clear() clears */
static char		 reason[MSG_TEXT_SIZE];	/* the helper's last word */

static void	 durable_later(void);

/* Since boot, in ns: no setting of the clock turns it back. */
static uint64_t
now(void)
{
	struct timespec	 ts;

	if (clock_gettime(CLOCK_BOOTTIME, &ts) == -1)
		fatal("clock");
	return ((uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec);
}

/*
 * When the note was written; 0 when that was in an earlier boot.  -1 when it
 * has gone: another engine has synced what it named.
 */
static int
note_time(const char *path, uint64_t *when)
{
	char		 target[64], *end;
	ssize_t		 n;

	*when = 0;
	if ((n = readlink(path, target, sizeof(target) - 1)) == -1)
		return (errno == ENOENT ? -1 : 0);
	target[n] = '\0';
	if (strncmp(target, env.boot_id, UUID_SIZE - 1) != 0 ||
	    target[UUID_SIZE - 1] != '.')
		return (0);
	*when = strtoull(target + UUID_SIZE, &end, 10);
	if (*end != '\0')
		*when = 0;
	return (0);
}

/* For each note, by path and name: fn says whether it stays.  How many do. */
static unsigned int
note_each(int (*fn)(const char *path, const char *name))
{
	char		 path[512];
	struct dirent	*d;
	unsigned int	 n = 0;
	DIR		*dir;

	if ((dir = opendir(UNSYNCED)) == NULL)
		return (0);
	while ((d = readdir(dir)) != NULL) {
		if (*d->d_name == '.')
			continue;
		snprintf(path, sizeof(path), UNSYNCED "/%s", d->d_name);
		n += fn(path, d->d_name) != 0;
	}
	closedir(dir);
	if (n == 0)	/* the next engine need not look */
		(void)rmdir(UNSYNCED);
	return (n);
}

static int
note_remove(const char *path)
{
	if (unlink(path) == 0 || errno == ENOENT)
		return (0);
	log_warn("%s", path);
	return (1);
}

/*
 * What came while the disk was busy waits for the next time.  What could not
 * be dropped is no better for a sync: its note is the next engine's.
 */
static int
note_clear(const char *path, const char *name)
{
	uint64_t	 when;

	(void)name;
	if (note_time(path, &when) == -1 || when == 0)
		return (0);
	return (when < before ? note_remove(path) : 1);
}

void
durable_clear(uint64_t when)
{
	before = when;
	if (note_each(note_clear) > 0)
		durable_later();
	else if (timer != NULL)
		evtimer_del(timer);
}

/* Of this boot: all of it is in memory at least. */
static int
note_drop(const char *path, const char *name)
{
	char		 lost[512];
	uint64_t	 when;
	int		 image = strncmp(name, "sha512-", 7) == 0;

	if (note_time(path, &when) == -1)
		return (0);
	if (when != 0)
		return (1);
	snprintf(lost, sizeof(lost), "%s/%.200s", image ? "images" : "layers",
	    name);
	if ((image ? image_remove(name) : trash_put(lost)) == 0)
		log_warnx("%s was not on the disk when the machine went "
		    "down: dropped; fetch it again", lost);
	else if (errno != ENOENT) {
		log_warn("%s: to trash", lost);
		return (1);
	}
	return (note_remove(path));
}

static void
durable_done(void *arg, const char *why, int status)
{
	(void)arg;
	helper = NULL;
	if (why != NULL || status != 0)
		log_warnx("not synced to the disk: %s",
		    durable_fate(why, status));
	else
		durable_clear(begun);
}

static void
durable_begin(void)
{
	if (helper == NULL && (helper = durable_sync(&begun, durable_done,
	    NULL)) == NULL)
		log_warn("berth-unpack");
}

static void
durable_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	durable_begin();
}

/* Each commit begins the quiet anew, but not for ever. */
static void
durable_later(void)
{
	static uint64_t	 first;

	if (timer == NULL || !evtimer_pending(timer, NULL))
		first = now();
	else if (now() - first > LONGEST)
		return;
	if ((timer == NULL && (timer = evtimer_new(env.base, durable_due,
	    NULL)) == NULL) || evtimer_add(timer, &quiet) == -1)
		fatalx("timer");
}

int
durable_note(const char *name)
{
	char	 path[NOTE_SIZE], target[64];
	int	 i;

	if (*env.boot_id == '\0')
		return (0);	/* nothing to compare with */
	snprintf(path, sizeof(path), UNSYNCED "/%s", name);
	snprintf(target, sizeof(target), "%s.%" PRIu64, env.boot_id, now());
	durable_later();
	/* another engine may tidy up beside us: more than once, if so */
	for (i = 0; i < 10; i++) {
		if (symlink(target, path) == 0)
			return (0);
		if (errno == EEXIST)
			(void)unlink(path);	/* of who had it before */
		else if (errno != ENOENT ||
		    (mkdir(UNSYNCED, 0700) == -1 && errno != EEXIST))
			break;
	}
	return (-1);
}

void
durable_on_fail(void *child, struct msg *m)
{
	(void)child;
	memcpy(reason, m->u.unpack_fail.text, sizeof(reason));
}

const char *
durable_fate(const char *why, int status)
{
	static char	 text[MSG_TEXT_SIZE];

	if (*reason == '\0')
		return (child_fate("berth-unpack", why, status));
	memcpy(text, reason, sizeof(text));
	*reason = '\0';
	return (text);
}

struct child *
durable_sync(uint64_t *when, child_done done, void *arg)
{
	struct child	*c;
	struct birth	 b;
	int		 fd;

	*when = now();
	/* any file of the store stands for its file system */
	if ((fd = open("lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return (NULL);
	child_birth(&b, SPAWN_UNPACK);
	b.nfds = 2;
	b.fds[1].fd = fd;
	c = child_start(&b, PEER_UNPACK, dispatch_sync, done, arg);
	close(fd);
	if (c != NULL)
		child_send(c, MSG_UNPACK_SYNC, 0, NULL, -1);
	return (c);
}

/* Nobody waits for a private broker any more: no need to wait either. */
void
durable_now(void)
{
	if (timer != NULL && evtimer_pending(timer, NULL)) {
		evtimer_del(timer);
		durable_begin();
	}
}

void
durable_sweep(void)
{
	if (*env.boot_id != '\0' && note_each(note_drop) > 0)
		durable_later();	/* of one that was killed */
}
