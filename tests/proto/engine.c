/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * An engine that lies, and a broker each: it ends the liar and all that it
 * has started for him, says so in one line, and fails.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/spawn.h"
#include "drive.h"

#define FLOOD	100000
#define RSS_MAX	(24 * 1024)	/* KiB: two messages of every process */

static char	 said[65536];	/* by the broker and all others */

/* Lines with that word in them. */
static int
lines_with(const char *word)
{
	const char	*p, *end;
	int		 n = 0;

	for (p = said; *p != '\0'; p = end + (*end == '\n')) {
		end = strchrnul(p, '\n');
		n += memmem(p, (size_t)(end - p), word, strlen(word)) != NULL;
	}
	return (n);
}

static const char *
name_of(pid_t pid)
{
	static char	 name[32];
	char		 path[64];
	FILE		*f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if ((f = fopen(path, "re")) == NULL ||
	    fscanf(f, "%31s", name) != 1)
		strcpy(name, "somebody");
	if (f != NULL)
		fclose(f);
	return (name);
}

/* Every process of a broker is ours once that has gone. */
static void
nothing_left(const char *what)
{
	static const char *const roots[] = { "", "/unified", "/memory",
				    "/cpu", "/pids" };
	pid_t			 list[LIST_MAX];
	siginfo_t		 info = { .si_pid = 0 };
	char			 path[128];
	size_t			 i;

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
		if (children_of(getpid(), list) == 0)
			break;
		complain("%s: %s is left, %s", what, name_of(list[0]),
		    info.si_pid == list[0] ? "dead" : "alive");
		kill(list[0], SIGKILL);
		(void)waitpid(list[0], NULL, 0);
	}
	for (i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup%s/berth-%s",
		    roots[i], pod_uuid);
		if (access(path, F_OK) == 0) {
			complain("%s: %s is left", what, path);
			(void)rmdir(path);
		}
	}
	snprintf(path, sizeof(path), "%.100s/sock", d.store);
	if (access(path, F_OK) == 0) {
		complain("%s: its socket is left", what);
		unlink(path);
	}
}

/* The broker's status; how much memory it had, when that is asked for. */
static int
outlive(pid_t pid, long *most, const char *what)
{
	siginfo_t	 info;
	long		 kib, end = now_ms() + PATIENCE_MS;

	*most = 0;
	for (memset(&info, 0, sizeof(info)); d.plan->repeat > 1 &&
	    info.si_pid == 0 && now_ms() < end; usleep(1000)) {
		if ((kib = rss_of(pid)) > *most)
			*most = kib;
		(void)waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT |
		    WNOHANG);
	}
	return (broker_wait(pid, what));
}

/* The plan is made: a broker that dies of it, or not. */
static void
one(int daemon, int die, const char *what)
{
	int	 fds[2] = { -1, -1 }, errfd, status;
	long	 most;
	ssize_t	 n;

	if ((!daemon && chan_pair(fds) == -1) ||
	    (errfd = memfd_create("said", MFD_CLOEXEC)) == -1)
		err(1, "%s", what);
	d.pid = broker_start(fds[1], errfd);
	if (!daemon)
		close(fds[1]);
	status = outlive(d.pid, &most, what);
	if ((n = pread(errfd, said, sizeof(said) - 1, 0)) == -1)
		err(1, "pread");
	said[n] = '\0';
	close(errfd);
	if (!daemon)
		close(fds[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != die)
		complain("%s: the broker ended with %#x: %.300s", what,
		    (unsigned int)status, said);
	if (lines_with("berth-engine") != die)
		complain("%s: it said: %.300s", what, said);
	/* of too many it may be one of the first */
	if (d.plan->said == 0 && d.plan->named < SPAWN_FDS_MAX)
		complain("%s: the lie was not told", what);
	if (d.plan->ping && d.plan->answered == 0)
		complain("%s: no answer", what);
	if (most > RSS_MAX)
		complain("%s: the broker had %ld KiB", what, most);
	nothing_left(what);
	d.cases++;
}

static void
engine_case(const struct state *s, const struct kase *k)
{
	char	 what[sizeof(k->what) + 32];

	snprintf(what, sizeof(what), "%s %s", s->name, k->what);
	plan_for(s, k);
	one(0, must_die(s, &k->p), what);
}

/* Who has gone by the time that he is found out. */
static void
engine_case_gone(const struct state *s, const struct kase *k)
{
	int	 die = must_die(s, &k->p);

	plan_for(s, k);
	d.plan->linger = 0;
	/* nothing at all, and then the end, is the end */
	if (die && k->p.len > 0)
		one(0, 1, k->what);
}

/* Of a daemon, which serves nobody behind the lie. */
static void
engine_case_daemon(const struct state *s, const struct kase *k)
{
	int	 fd;

	plan_for(s, k);
	one(1, must_die(s, &k->p), k->what);
	if ((fd = drive_connect()) != -1) {
		complain("daemon %s: somebody serves", k->what);
		close(fd);
	}
}

static struct plan *
plan_new(uint32_t state, enum msg_type t)
{
	static struct kase	 k;
	struct plan		*p = d.plan;

	packet_good(&k.p, t, PEER_ENGINE);
	plan_for(state_of(state), &k);
	p->linger = p->ping = p->named = 0;
	return (p);
}

/* It ends, or falls silent, and who it has asked for ends with it. */
static void
deeds(void)
{
	static const enum deed	 all[] = { DEED_HALFCLOSE, DEED_CLOSE,
				    DEED_EXIT };
	uint32_t		 state;
	size_t			 i;

	for (state = E_NEW; state <= E_POD; state++)
		for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
			plan_new(state, MSG_ENGINE_LOG);
			d.plan->deed = all[i];
			d.plan->linger = 1;
			d.plan->named = state == E_NAMED || state == E_NEXT;
			one(0, all[i] != DEED_EXIT, "silent or gone");
		}
}

/* Each program, born with what is of no use to it. */
static void
kinds(void)
{
	char		 what[64];
	uint32_t	 kind, p;

	for (kind = 0; kind < KIND_MAX; kind++)
		for (p = 0; p < SPAWN_PROGRAMS; p++) {
			snprintf(what, sizeof(what), "program %u with "
			    "descriptors of kind %u", p, kind);
			plan_new(E_KINDS, MSG_SPAWN);
			packet_spawn(&d.plan->packet, (enum program)p, 1);
			d.plan->kind = kind;
			d.plan->named = p == SPAWN_INIT ? POD_FDS : 1;
			/* who has our own channel may hear it instead */
			d.plan->ping = kind != KIND_CHANNEL;
			one(p == SPAWN_HTTP, 0, what);
		}
}

static void
counted(uint32_t named, const char *path, enum program program, int die,
    const char *what)
{
	struct plan	*p = plan_new(E_KINDS, MSG_SPAWN);

	packet_spawn(&p->packet, program, 1);
	p->named = named;
	strcpy(p->path, path);
	p->linger = (uint32_t)die;
	p->ping = !die;
	one(program == SPAWN_HTTP, die, what);
}

static void
counts(void)
{
	uint32_t	 p;

	for (p = 0; p < SPAWN_PROGRAMS; p++) {
		counted(0, "", p, 1, "nothing named");
		counted(0, "tmp", p, 1, "a directory for a channel");
		counted(SPAWN_FDS_MAX, "", p, 0, "all that may be named");
		counted(SPAWN_FDS_MAX - 1, "tmp", p, 0, "the same, a path");
		counted(SPAWN_FDS_MAX, "tmp", p, 1, "a path more");
	}
	counted(POD_FDS - 1, "", SPAWN_INIT, 1, "a container without layers");
	counted(POD_FDS - 1, "tmp", SPAWN_INIT, 0, "a container with one");
	/* for one command there is no port */
	plan_new(E_KINDS, MSG_SPAWN)->linger = 1;
	packet_spawn(&d.plan->packet, SPAWN_HTTP, 1);
	d.plan->named = 1;
	d.plan->ping = 0;
	one(0, 1, "berth-http without a listener");
}

/* It may be born with what lies beneath the store, and with nothing else. */
static void
born_in(const char *path, uint32_t ended)
{
	struct plan	*p = plan_new(E_WAIT, MSG_SPAWN);

	packet_spawn(&p->packet, SPAWN_UNPACK, 1);
	p->named = 1;
	strcpy(p->path, path);
	p->repeat = ended == SIGKILL ? 2 : 1;	/* it lives until then */
	p->ping = 1;
	one(0, 0, path);
	if (p->ended != ended)
		complain("%s: ended with %#x", path, p->ended);
}

static void
paths(void)
{
	static const char *const links[][2] = { { "/", "tmp/root" },
				    { "../..", "tmp/up" }, { ".", "tmp/here" },
				    { "/proc/self/fd", "tmp/fd" },
				    { "../layers", "tmp/within" } };
	char		 path[512];
	size_t		 i;

	born_in("tmp", SIGKILL);
	born_in("layers/", SIGKILL);
	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", d.store, links[i][1]);
		if (symlink(links[i][0], path) == -1)
			err(1, "%s", path);
		born_in(links[i][1], 125 << 8);
		snprintf(path, sizeof(path), "%s/", links[i][1]);
		born_in(path, 125 << 8);
		snprintf(path, sizeof(path), "%s/etc", links[i][1]);
		born_in(path, 125 << 8);
		snprintf(path, sizeof(path), "%s/%s", d.store, links[i][1]);
		(void)unlink(path);
	}
	born_in("nosuch", 125 << 8);
	born_in("lock", 125 << 8);		/* a file */
	born_in("lock/x", 125 << 8);
}

static void
crowd(enum program program, uint32_t n, int deaf, const char *what)
{
	struct plan	*p = plan_new(E_CROWD, MSG_SPAWN);
	struct msg_spawn m;

	packet_spawn(&p->packet, program, 1);
	if (deaf) {		/* the second is refused, and each behind */
		memcpy(&m, p->packet.data + sizeof(struct msg_hdr), sizeof(m));
		m.flags = 0;
		memcpy(p->packet.data + sizeof(struct msg_hdr), &m, sizeof(m));
	}
	p->named = program == SPAWN_INIT ? POD_FDS : 1;
	p->repeat = n;
	p->deaf = (uint32_t)deaf;
	p->linger = 1;
	one(program == SPAWN_HTTP, 1, what);
	if (deaf && lines_with("it does not read its messages") != 1)
		complain("%s: it said: %.300s", what, said);
}

static void
flood(enum msg_type t, uint32_t n, int die)
{
	struct plan	*p = plan_new(E_UP, t);

	p->repeat = n;
	p->linger = (uint32_t)die;
	p->ping = !die;
	one(0, die, msg_info[t].name);
}

static void
engine_floods(void)
{
	flood(MSG_ENGINE_LOG, FLOOD / 50, 0);
	flood(MSG_ENGINE_PING, FLOOD, 0);
	flood(MSG_SPAWN_KILL, FLOOD, 0);
	flood(MSG_SPAWN_SWEEP, FLOOD / 10, 0);
	flood(MSG_ENGINE_UP, FLOOD, 1);
	flood(MSG_SPAWN_FD, SPAWN_FDS_MAX, 0);
	flood(MSG_SPAWN_DIR, SPAWN_FDS_MAX, 0);
	flood(MSG_SPAWN_FD, FLOOD, 1);
	flood(MSG_SPAWN_DIR, FLOOD, 1);
	flood(MSG_SPAWN, FLOOD, 1);
	crowd(SPAWN_UNPACK, 150, 0, "a crowd of unpackers");
	crowd(SPAWN_HTTP, 50, 0, "a crowd of HTTP workers");
	crowd(SPAWN_FETCH, 50, 0, "a crowd of fetchers");
	crowd(SPAWN_INIT, 100, 0, "a crowd of containers");
	crowd(SPAWN_INIT, 3 * CHILDREN_MAX, 1, "a crowd, and no ear for it");
}

void
engine_cases(void)
{
	uint32_t	 state;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
		err(1, "prctl");
	/* others may try the same beside us */
	snprintf(pod_uuid + 24, sizeof(pod_uuid) - 24, "%012x",
	    (unsigned int)getpid());
	d.plan->active = 1;
	if (d.shard == 0) {
		deeds();
		kinds();
		counts();
		paths();
		engine_floods();
	}
	for (state = E_NEW; state <= E_POD; state++)
		all_in(state, engine_case);
	all_in(E_CHILD, engine_case_gone);
	all_in(E_UP, engine_case_daemon);
	d.plan->active = 0;
}

/* Who is told to end and does not is ended, but he gets time. */
void
mute_cases(void)
{
	struct plan	*p = plan_new(E_UP, MSG_ENGINE_LOG);
	int		 ms, status;

	d.plan->active = 1;
	p->deed = DEED_MUTE;
	d.pid = broker_start(-1, -1);
	for (ms = 0; p->said == 0 && ms < PATIENCE_MS; ms++)
		usleep(1000);
	kill(d.pid, SIGTERM);
	status = broker_wait(d.pid, "a mute engine");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 1)
		complain("a mute engine: the broker ended with %#x",
		    (unsigned int)status);
	d.cases++;
	d.plan->active = 0;
}
