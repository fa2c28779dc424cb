/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What the engine asks its broker for, in any order: a byte says what, then
 * comes the payload.  Whatever is let through to spawn() is a program of the
 * four with ids and namespaces of the broker's choice, a channel, and names
 * beneath the store; and no descriptor stays behind.
 */
#include <sys/eventfd.h>

/* for its list of what is named, which is no one else's */
#include "../../broker/child.c"
#include "fuzz.h"

#define ENGINE	(IDRANGE_BASE + WORKERID_ENGINE)

struct broker	 env;

static struct config	 conf = { .idbase = IDRANGE_BASE,
			    .idcount = IDRANGE_COUNT };
static const struct msg_spawn *asked;
static int		 broke, idle;
static unsigned int	 born, ended;

void
engine_broke(const char *why)
{
	fuzz_text(why, MSG_TEXT_SIZE);
	broke = 1;
}

void
engine_idle(void)
{
	idle++;
}

/* What it hears passes its own checks. */
void
engine_send(enum msg_type type, const void *payload, int fd)
{
	MUST(type == MSG_ENGINE_BORN || type == MSG_ENGINE_ENDED);
	MUST(msg_info[type].to == PEER_ENGINE && fd == -1);
	MUST(msg_check[type](payload));
	born += type == MSG_ENGINE_BORN;
	ended += type == MSG_ENGINE_ENDED;
}

struct cgroup *
cgroup_new(const struct msg_spawn *m, char *why, char *lacking)
{
	*why = *lacking = '\0';
	MUST(m->program == SPAWN_INIT && strlen(m->uuid) == UUID_SIZE - 1);
	if (m->memory != 0 && (m->flags & RUN_NOLIMITS) == 0) {
		snprintf(why, MSG_TEXT_SIZE, "the memory limit");
		return (NULL);
	}
	if (m->memory != 0)
		snprintf(lacking, MSG_TEXT_SIZE, "the memory limit");
	return (malloc(1));
}

int
cgroup_fd(const struct cgroup *cg)
{
	MUST(cg != NULL);
	return (-1);
}

const char *const *
cgroup_procs(const struct cgroup *cg)
{
	MUST(cg != NULL);
	return (NULL);
}

uint32_t
cgroup_oom(const struct cgroup *cg)
{
	return (cg != NULL);
}

void
cgroup_free(struct cgroup *cg)
{
	free(cg);
}

void
cgroup_sweep(const char *uuid)
{
	MUST(strspn(uuid, "0123456789abcdef-") == UUID_SIZE - 1);
}

int
spawn_helper(const char *name)
{
	MUST(strncmp(name, "berth-", 6) == 0);
	return (open("/dev/null", O_PATH | O_CLOEXEC));
}

int
spawn_seal(int exe, const char *name)
{
	MUST(strcmp(name, "berth-init") == 0);
	return (fcntl(exe, F_DUPFD_CLOEXEC, 3));
}

static void
check_path(const char *path)
{
	MUST(*path != '\0' && *path != '/' && strchr(path, '.') == NULL);
	MUST(strlen(path) < SPAWN_PATH_SIZE);
}

/* Ended at once: its pidfd can be read. */
pid_t
spawn(const struct spawn *sp, int *pidfd)
{
	const uint32_t	 p = asked->program;
	unsigned int	 i;

	MUST(p < SPAWN_PROGRAMS && strcmp(sp->name, programs[p].name) == 0);
	MUST(fcntl(sp->exe, F_GETFD) != -1);
	MUST((sp->ns | CLONE_NEWNET) == SPAWN_NS_ALL);
	MUST((sp->ns & CLONE_NEWNET) != 0 || p == SPAWN_FETCH ||
	    (p == SPAWN_INIT && (asked->flags & RUN_NETHOST) != 0));
	MUST(sp->idcount == 1 ? sp->idbase > IDRANGE_BASE &&
	    sp->idbase < ENGINE : sp->idbase == IDRANGE_BASE &&
	    sp->idcount == IDRANGE_COUNT);
	MUST(sp->samecount == 0 && sp->owner == ENGINE);
	MUST(sp->nfds >= (p == SPAWN_INIT ? 7 : 1));
	MUST(sp->nfds <= SPAWN_FDS_MAX && sp->fds[0].fd != -1);
	MUST(p != SPAWN_HTTP || (sp->nfds == 2 && sp->fds[1].fd != -1));
	for (i = 0; i < sp->nfds; i++)
		/* the listener is berth-http's alone */
		MUST((sp->fds[i].fd == listener) == (p == SPAWN_HTTP &&
		    i == HTTP_FD_LISTENER - SPAWN_FD_CHAN));
	for (i = 0; i < sp->nfds; i++)
		if (sp->fds[i].fd == -1)
			check_path(sp->fds[i].path);
		else
			MUST(fcntl(sp->fds[i].fd, F_GETFD) != -1);
	errno = EAGAIN;
	if (sp->nfds % 16 == 15)
		return (-1);
	MUST((*pidfd = eventfd(1, EFD_CLOEXEC)) != -1);
	sp->born(sp->arg, 0x3ffffff0);	/* nobody's */
	return (0x3ffffff0);
}

static void
take(struct fuzz_in *in, void *to, size_t size)
{
	size_t	 n = in->len < size ? in->len : size;

	if (n > 0)
		memcpy(to, in->p, n);
	in->p += n;
	in->len -= n;
}

/* As chan_recv() lets it through, or 0. */
static int
next(struct fuzz_in *in, struct msg *m)
{
	static const enum msg_type types[] = { MSG_SPAWN_FD, MSG_SPAWN_DIR,
				    MSG_SPAWN, MSG_SPAWN_KILL,
				    MSG_SPAWN_SWEEP };
	unsigned int	 what = fuzz_byte(in) % 6;
	size_t		 len;

	memset(m, 0, sizeof(*m));
	m->fd = -1;
	if (what == 5)		/* ends are heard of */
		return (event_base_loop(env.base, EVLOOP_NONBLOCK) != -1);
	m->hdr.type = (uint16_t)types[what];
	len = msg_info[types[what]].size;
	if (types[what] == MSG_SPAWN_DIR)
		len = fuzz_byte(in);
	else if (types[what] == MSG_SPAWN_FD)
		len = 0;
	take(in, m->u.data, len < SPAWN_PATH_SIZE ? len : SPAWN_PATH_SIZE);
	/* numbers ascend for ever: an input's begin where we are */
	if (types[what] == MSG_SPAWN && m->u.spawn.child != 0)
		m->u.spawn.child = lastid + m->u.spawn.child % 4;
	if (!msg_check[types[what]](m->u.data))
		return (0);
	if (types[what] == MSG_SPAWN_FD)
		MUST((m->fd = dup(0)) != -1);
	return (1);
}

static void
handle(struct msg *m)
{
	static const evchan_handler table[MSG_MAX] = {
		[MSG_SPAWN_FD] = engine_on_spawn_fd,
		[MSG_SPAWN_DIR] = engine_on_spawn_dir,
		[MSG_SPAWN] = engine_on_spawn,
		[MSG_SPAWN_KILL] = engine_on_spawn_kill,
		[MSG_SPAWN_SWEEP] = engine_on_spawn_sweep,
	};

	asked = &m->u.spawn;
	if (m->hdr.type != MSG_NONE)
		table[m->hdr.type](NULL, m);
	if (m->fd != -1)
		close(m->fd);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	log_init("fuzz", 0);
	env.conf = &conf;
	MUST((env.base = event_base_new()) != NULL);
	child_programs();
	child_listener(open("/dev/null", O_RDWR | O_CLOEXEC));
	MUST(listener != -1);
	MUST(sealed_init() != -1);
	return (0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_in	 in = { data, len };
	static struct msg m;
	int		 lowest, after;

	MUST((lowest = dup(0)) != -1);
	close(lowest);
	broke = 0;
	born = ended = 0;
	while (in.len > 0 && !broke && next(&in, &m))
		handle(&m);
	named_free();
	child_killall();
	while (child_count() > 0)
		MUST(event_base_loop(env.base, EVLOOP_ONCE) != -1);
	MUST(ended >= born);
	MUST((after = dup(0)) == lowest);
	close(after);
	return (0);
}
