/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Stands in the place of every helper and lies to the engine, or to the
 * broker, as the plan says.  Without a plan, and for jobs that nobody lies
 * in, it executes the real helper.  It confines itself in nothing: what it
 * is denied, the broker denies it.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "liar.h"

#define HEX	"0123456789abcdef0123456789abcdef0123456789abcdef01234567"

/* The test writes the directory over this, in the program's own file. */
static const volatile char place[512] = "PLACE OF THE PLAN";
struct plan	*plan;
struct chan	 chan;
static enum role	 self;
static const enum peer	 peers[ROLE_MAX] = {
	[ROLE_HTTP] = PEER_HTTP,
	[ROLE_FETCH] = PEER_FETCH,
	[ROLE_IMAGE] = PEER_UNPACK,
	[ROLE_LAYER] = PEER_UNPACK,
	[ROLE_STACK] = PEER_UNPACK,
	[ROLE_TRASH] = PEER_UNPACK,
	[ROLE_INIT] = PEER_INIT,
	[ROLE_CONF] = PEER_CONF,
	[ROLE_ENGINE] = PEER_ENGINE,
};

static void __attribute__((noreturn))
linger(void)
{
	for (;;)
		pause();
}

/* Until the broker wants no more of us. */
static void __attribute__((noreturn))
wait_end(void)
{
	struct msg	 m;

	for (chan.phase = PH_ANY; chan_recv(&chan, &m) == 1;)
		if (m.fd != -1)
			close(m.fd);
	_exit(0);
}

void
say(enum msg_type type, const void *payload, enum kind kind)
{
	int	 fd = -1;

	if (msg_info[type].fd == FD_MUST)
		fd = kind_open(kind, chan.fd);
	if (chan_send(&chan, type, 0, payload, fd) == -1)
		_exit(3);
	if (fd != -1)
		close(fd);
}

void
await(enum msg_type type, struct msg *m)
{
	chan.phase = PH_ANY;
	for (;;) {
		if (chan_recv(&chan, m) != 1)
			_exit(0);
		chan.seen[m->hdr.type] = 0;
		if (m->hdr.type == type)
			return;
		if (m->fd != -1)
			close(m->fd);
	}
}

/* Whoever answers has heard all that was said before. */
static void
hear_pong(void)
{
	struct msg	 m;

	say(MSG_ENGINE_PING, NULL, KIND_SEALED);
	await(MSG_ENGINE_PONG, &m);
	plan->answered++;
}

void
finish(void)
{
	if (plan->linger)
		linger();
	if (plan->ping)
		hear_pong();
	_exit(0);
}

static void
lie(void)
{
	uint32_t	 i;

	switch ((enum deed)plan->deed) {
	case DEED_SAY:
		for (i = 0; i < plan->repeat; i++) {
			/* counted first: it may be our last act */
			plan->said++;
			if (packet_send(chan.fd, &plan->packet) == -1)
				break;
		}
		break;
	case DEED_HALFCLOSE:
		plan->said++;
		shutdown(chan.fd, SHUT_WR);
		break;
	case DEED_CLOSE:
		plan->said++;
		close(chan.fd);
		break;
	case DEED_MUTE:
		plan->said++;
		linger();
	case DEED_EXIT:
		plan->said++;
		_exit(0);
	}
	finish();
}

void
at(uint32_t state)
{
	if (plan->role == self && plan->state == state)
		lie();
}

static void
digest(char d[DIGEST_SIZE], unsigned int n)
{
	char	 text[DIGEST_SIZE + 1];

	snprintf(text, sizeof(text), "sha256:" HEX "%06x%02x", plan->serial &
	    0xffffff, n & 0xff);
	memcpy(d, text, DIGEST_SIZE);
}

static void
serve_fetch(void)
{
	struct msg_document	 d;
	struct msg_digest	 sent;
	struct msg		 m;

	for (;;) {
		chan.phase = PH_ANY;
		if (chan_recv(&chan, &m) != 1)
			_exit(0);
		if (m.hdr.type == MSG_FETCH_DOC) {
			at(F_DOC);
			memset(&d, 0, sizeof(d));
			memcpy(d.digest, m.u.fetch_doc.digest,
			    sizeof(d.digest));
			say(MSG_FETCH_GOT, &d, KIND_SEALED);
		} else if (m.hdr.type == MSG_FETCH_BLOB) {
			at(F_BLOB);
			close(m.fd);
			memcpy(sent.digest, m.u.fetch_blob.digest,
			    sizeof(sent.digest));
			say(MSG_FETCH_SENT, &sent, KIND_SEALED);
		}
	}
}

static void
play_fetch(void)
{
	at(F_NEW);
	say(MSG_FETCH_UP, NULL, KIND_SEALED);
	at(F_BUSY);
	if (plan->role == ROLE_IMAGE && plan->state == I_NEW)
		wait_end();	/* so that it is never told its job */
	say(MSG_FETCH_MANIFEST, sample(MSG_FETCH_MANIFEST), KIND_SEALED);
	at(F_SAID);
	serve_fetch();
}

static void
say_layer(uint32_t i)
{
	struct msg_layer	 l;

	memset(&l, 0, sizeof(l));
	l.index = i;
	l.size = 3;
	digest(l.blob, 1 + i);
	digest(l.diffid, 101 + i);
	digest(l.chainid, 201 + i);
	say(MSG_LAYER, &l, KIND_SEALED);
}

static void
play_image(void)
{
	struct msg_image_part	 p;
	struct msg_want		 w;
	struct msg		 m;
	uint32_t		 i;

	at(I_NEW);
	await(MSG_UNPACK_IMAGE, &m);
	at(I_BUSY);
	memset(&w, 0, sizeof(w));
	digest(w.digest, 0);
	say(MSG_WANT, &w, KIND_SEALED);
	await(MSG_UNPACK_DOC, &m);
	at(I_WANTED);
	say_layer(0);
	at(I_LAYERS);
	say_layer(1);
	memset(&p, 0, sizeof(p));
	p.nlayers = 2;
	for (i = 0; i < PART_MAX; i++) {
		if (i == PART_APP)
			at(I_PARTS);
		p.part = i;
		digest(p.digest, 255);
		say(MSG_IMAGE_PART, &p, KIND_SEALED);
	}
	at(I_DONE);
	_exit(0);
}

static void
say_unpacked(const struct msg_unpack_layer *l)
{
	struct msg_unpacked	 u;

	memset(&u, 0, sizeof(u));
	u.selfcontained = 1;
	memcpy(u.diffid, l->diffid, sizeof(u.diffid));
	if (mkdirat(4, "fs", 0755) == -1)
		_exit(4);
	say(MSG_UNPACKED, &u, KIND_SEALED);
}

/* Nobody listens to the other one any more: the job ends by this. */
static void __attribute__((noreturn))
fail_soon(void)
{
	int	 ms;

	for (ms = 0; ms < 30 && plan->said == 0; ms++)
		usleep(1000);
	say(MSG_UNPACK_FAIL, sample(MSG_UNPACK_FAIL), KIND_SEALED);
	_exit(0);
}

/* Of two layers the lower is the liar's, and the upper in what needs it. */
static void
play_layer(void)
{
	struct msg	 m;
	int		 upper;
	uint32_t	 state = plan->role == ROLE_LAYER ? plan->state : 0;

	await(MSG_UNPACK_LAYER, &m);
	upper = (m.u.unpack_layer.flags & LAYER_BOTTOM) == 0;
	if ((m.u.unpack_layer.flags & LAYER_MERGED) != 0)
		at(L_MERGE);
	if (upper && state == L_UNPACKED)
		fail_soon();
	if (upper != (state == L_NEEDS) && state != L_MERGE)
		wait_end();
	if (upper)
		mkdirat(4, "x", 0755);	/* for the trash to have work */
	at(L_BUSY);
	say(MSG_HASHED, m.u.unpack_layer.blob, KIND_SEALED);
	at(L_HASHED);
	if (upper) {
		say(MSG_NEEDS_LOWER, NULL, KIND_SEALED);
		at(L_NEEDS);
		_exit(0);
	}
	say_unpacked(&m.u.unpack_layer);
	at(L_UNPACKED);
	_exit(0);
}

static void
play_stack(void)
{
	struct msg		 m;

	await(MSG_UNPACK_VERIFY, &m);
	at(S_BUSY);
	wait_end();
}

static void
play_init(void)
{
	static const struct msg_exited	 bye = { 7 };
	struct msg			 m;

	await(MSG_INIT_START, &m);
	at(N_BUSY);
	say(MSG_INIT_STDIO, sample(MSG_INIT_STDIO), KIND_PIPE);
	at(N_STDIO);
	if (plan->role == ROLE_INIT && plan->state == N_FAILED)
		say(MSG_INIT_FAIL, sample(MSG_INIT_FAIL), KIND_SEALED);
	at(N_FAILED);
	say(MSG_INIT_STARTED, NULL, KIND_SEALED);
	at(N_RUN);
	if (plan->role != ROLE_INIT)
		await(MSG_INIT_SIGNAL, &m);
	say(MSG_INIT_EXITED, &bye, KIND_SEALED);
	at(N_EXITED);
	_exit(0);
}

/* Told in full, it would serve: so its store is none. */
static void
play_conf(void)
{
	struct msg_conf_word	 store = { .data = "/dev/null" };
	struct msg		 m;

	await(MSG_CONF_START, &m);
	at(K_BUSY);
	say(MSG_CONF_STORE, &store, KIND_SEALED);
	say(MSG_CONF_MAIN, sample(MSG_CONF_MAIN), KIND_SEALED);
	at(K_MAIN);
	say(MSG_CONF_APP, sample(MSG_CONF_APP), KIND_SEALED);
	at(K_APP);
	_exit(0);
}

static void
play_http(void)
{
	at(H_NEW);
	say(MSG_HTTP_UP, NULL, KIND_SEALED);
	at(H_RUN);
	wait_end();
}

/* By its name, and an unpacker by what it was given. */
static enum role
who_am_i(const char *name)
{
	struct stat	 st;

	if (strcmp(name, "berth-fetch") == 0)
		return (ROLE_FETCH);
	if (strcmp(name, "berth-http") == 0)
		return (ROLE_HTTP);
	if (strcmp(name, "berth-init") == 0)
		return (ROLE_INIT);
	if (strcmp(name, "berth-conf") == 0)
		return (ROLE_CONF);
	if (strcmp(name, "berth-engine") == 0)
		return (ROLE_ENGINE);
	if (fcntl(4, F_GETFD) == -1)
		return (ROLE_IMAGE);
	if (fcntl(5, F_GETFD) == -1)
		return (ROLE_TRASH);
	if (fstat(5, &st) == 0 && S_ISREG(st.st_mode))
		return (ROLE_LAYER);
	return (ROLE_STACK);
}

/* Jobs in which this plan has no part go on as ever. */
static int
takes_part(void)
{
	if (!plan->active)
		return (0);
	switch (plan->role) {
	case ROLE_HTTP:
		return (self == ROLE_HTTP);
	case ROLE_CONF:
		return (self == ROLE_CONF);
	case ROLE_ENGINE:
		return (self == ROLE_ENGINE);
	case ROLE_TRASH:
		return (self == ROLE_TRASH);
	case ROLE_FETCH:
	case ROLE_IMAGE:
	case ROLE_LAYER:
		return (self == ROLE_FETCH || self == ROLE_IMAGE ||
		    self == ROLE_LAYER);
	default:
		return (self == ROLE_INIT || self == ROLE_STACK);
	}
}

static void
open_plan(char *dir)
{
	char	 path[PATH_MAX];
	int	 fd;

	snprintf(path, sizeof(path), "%.4000s/plan", dir);
	if ((fd = open(path, O_RDWR | O_CLOEXEC)) == -1)
		_exit(5);
	plan = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	if (plan == MAP_FAILED)
		_exit(6);
	close(fd);
}

int
main(int argc, char *argv[])
{
	char	 dir[sizeof(place)], path[PATH_MAX];
	size_t	 i;

	(void)argc;
	for (i = 0; i < sizeof(place); i++)
		dir[i] = place[i];
	open_plan(dir);
	self = who_am_i(argv[0]);
	if (!takes_part()) {
		snprintf(path, sizeof(path), "%.4000s/real/%s", dir, argv[0]);
		execv(path, argv);
		_exit(8);
	}
	chan_init(&chan, 3, peers[self], self == ROLE_CONF ||
	    self == ROLE_ENGINE ? PEER_BROKER : PEER_ENGINE);
	if (self == ROLE_FETCH)
		play_fetch();
	if (self == ROLE_IMAGE)
		play_image();
	if (self == ROLE_LAYER)
		play_layer();
	if (self == ROLE_STACK)
		play_stack();
	if (self == ROLE_INIT)
		play_init();
	if (self == ROLE_HTTP)
		play_http();
	if (self == ROLE_CONF)
		play_conf();
	if (self == ROLE_ENGINE)
		play_engine();
	at(T_NEW);
	_exit(0);
}
