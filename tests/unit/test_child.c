/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * worker/engine/child.c: who is done with is done with once, and leaves
 * nothing, in whatever order his words, his birth and his end are heard.
 */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "../../worker/engine/engine.h"

#define WORDS	20	/* more than are read at a turn */
#define HOW	(7 << 8)	/* as waitpid(2) says it: exit(7) */

struct engine	 env;

static uint32_t		 asked;		/* the last one, by its number */
static uint32_t		 killed;
static int		 peer = -1;	/* his end, when it is kept open */
static int		 keep, deaf;	/* whether it is; the broker is gone */
static unsigned int	 words, done, born;
static int		 status;
static char		 reason[64], lacks[64];
static struct child	*pumped;	/* whose birth waits to be heard */
static void		(*at_last)(struct child *);

void
engine_idle(void)
{
	if (child_count() == 0)
		event_base_loopbreak(env.base);
}

/* In the broker's place: whom it has made says all he has to say at once. */
int
broker_spawn(uint32_t id, const struct birth *b)
{
	struct msg_note	 note;
	struct chan	 c;
	int		 i;

	if (deaf) {
		errno = EPIPE;
		return (-1);
	}
	assert_true(id > asked);
	asked = id;
	memset(&note, 0, sizeof(note));
	note.kind = NOTE_INFO;
	memcpy(note.text, "x", 1);
	chan_init(&c, b->fds[0].fd, PEER_FETCH, PEER_ENGINE);
	for (i = 0; i < WORDS && at_last != NULL; i++)
		assert_int_equal(chan_send(&c, MSG_FETCH_NOTE, 0, &note, -1),
		    0);
	if (keep)
		assert_int_not_equal(peer = fcntl(b->fds[0].fd,
		    F_DUPFD_CLOEXEC, 3), -1);
	return (0);
}

void
broker_kill(uint32_t id)
{
	killed = id;
}

static void
say_born(uint32_t id, pid_t pid, const char *lacking)
{
	struct msg	 m;

	memset(&m, 0, sizeof(m));
	m.u.engine_born.child = id;
	m.u.engine_born.pid = (uint32_t)pid;
	strcpy(m.u.engine_born.lacking, lacking);
	broker_on_engine_born(NULL, &m);
}

static void
say_ended(uint32_t id, int how, const char *why)
{
	struct msg	 m;

	memset(&m, 0, sizeof(m));
	m.u.engine_ended.child = id;
	m.u.engine_ended.status = (uint32_t)how;
	strcpy(m.u.engine_ended.why, why);
	broker_on_engine_ended(NULL, &m);
}

void
broker_pump(void)
{
	if (pumped != NULL)
		say_born(asked, 4711, "");
}

static void
on_note(void *child, struct msg *m)
{
	(void)m;
	if (++words == WORDS)
		at_last(child);
}

static const evchan_handler table[MSG_MAX] = {
	[MSG_FETCH_NOTE] = on_note
};

static void
on_done(void *arg, const char *why, int how)
{
	assert_ptr_equal(arg, &done);
	strcpy(reason, why != NULL ? why : "");
	status = how;
	done++;
}

static void
on_born(void *arg, const char *lacking)
{
	assert_ptr_equal(arg, &done);
	strcpy(lacks, lacking);
	born++;
}

static int
setup(void **state)
{
	(void)state;
	words = done = born = killed = 0;
	status = keep = deaf = 0;
	*reason = *lacks = '\0';
	pumped = NULL;
	at_last = NULL;
	return ((env.base = event_base_new()) == NULL);
}

static int
teardown(void **state)
{
	(void)state;
	if (peer != -1)
		close(peer);
	peer = -1;
	event_base_free(env.base);
	return (child_count() != 0);
}

static struct child *
start(void)
{
	struct child	*c;
	struct birth	 b;

	child_birth(&b, SPAWN_FETCH);
	c = child_start(&b, PEER_FETCH, table, on_done, &done);
	assert_non_null(c);
	child_watch(c, on_born, NULL);
	evchan_phase(child_chan(c), PH_BUSY);
	return (c);
}

/* What waits to be read is read. */
static void
turn(void)
{
	static const struct timeval	 patience = { 5, 0 };
	int				 i;

	event_base_loopexit(env.base, &patience);
	for (i = 0; i < 2 * WORDS; i++)
		event_base_loop(env.base, EVLOOP_NONBLOCK);
}

/* His end is told before, or behind, the words that he said last. */
static void
run(void (*last)(struct child *), int before)
{
	at_last = last;
	(void)start();
	say_born(asked, 99, "");
	if (before)
		say_ended(asked, HOW, "");
	turn();
	assert_int_equal(words, WORDS);
	assert_int_equal(child_count(), !before);
	if (!before)
		say_ended(asked, HOW, "");
	assert_int_equal(child_count(), 0);
	say_ended(asked, HOW, "");	/* nobody any more */
	say_born(asked, 99, "");
}

static void
leave(struct child *c)
{
	(void)c;
}

static void
test_left_alone(void **state)
{
	(void)state;
	run(leave, 1);
	assert_int_equal(done, 1);
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_string_equal(reason, "");
	words = 0;
	run(leave, 0);
	assert_int_equal(done, 2);
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void
test_finished(void **state)
{
	(void)state;
	run(child_finish, 1);
	assert_int_equal(done, 1);
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_int_equal(killed, 0);	/* whose number may be another's */
	words = 0;
	run(child_finish, 0);
	assert_int_equal(done, 2);
	assert_int_equal(killed, asked);
}

static void
test_killed(void **state)
{
	(void)state;
	run(child_kill, 1);
	assert_int_equal(killed, 0);
	words = 0;
	run(child_kill, 0);
	assert_int_equal(done, 0);
	assert_int_equal(born, 2);	/* ahead of the words, both times */
	assert_int_equal(killed, asked);
}

static void
finish_and_kill(struct child *c)
{
	child_finish(c);
	child_kill(c);
}

static void
test_finished_and_killed(void **state)
{
	(void)state;
	run(finish_and_kill, 1);
	words = 0;
	run(finish_and_kill, 0);
	assert_int_equal(done, 0);
}

/* The reason comes in his place; what he was told meanwhile is no error. */
static void
test_never_started(void **state)
{
	struct child	*c;
	static const struct msg_fetch_resolve	 r;

	(void)state;
	c = start();
	assert_int_equal(child_send(c, MSG_FETCH_RESOLVE, 0, &r, -1), 0);
	say_ended(asked, 0, "cannot start: No such file or directory");
	assert_int_equal(done, 0);	/* his channel has not ended yet */
	turn();
	assert_int_equal(done, 1);
	assert_int_equal(status, -1);
	assert_int_equal(born, 0);
	assert_string_equal(reason, "cannot start: No such file or directory");
	assert_string_equal(child_fate("berth-fetch", reason, status),
	    "berth-fetch: cannot start: No such file or directory");
}

/* Nobody waits for the reason. */
static void
test_never_started_killed(void **state)
{
	struct child	*c;

	(void)state;
	c = start();
	child_kill(c);
	assert_int_equal(killed, asked);
	say_ended(asked, 0, "too many processes");
	assert_int_equal(child_count(), 0);
	assert_int_equal(done, 0);
}

static void
test_nobody_to_ask(void **state)
{
	struct birth	 b;
	int		 before = dup(0), after;

	(void)state;
	close(before);
	deaf = 1;
	child_birth(&b, SPAWN_FETCH);
	assert_null(child_start(&b, PEER_FETCH, table, on_done, &done));
	assert_int_equal(errno, EPIPE);
	assert_int_equal(after = dup(0), before);
	close(after);
	assert_int_equal(done, 0);
}

/* A word may come ahead of the birth: whoever asks for the pid waits. */
static void
test_birth(void **state)
{
	struct child	*c;

	(void)state;
	keep = 1;
	c = start();
	assert_int_equal(child_pid(c), 0);
	pumped = c;
	assert_int_equal(child_pid(c), 4711);
	pumped = NULL;
	assert_int_equal(child_pid(c), 4711);
	assert_int_equal(born, 1);
	say_born(asked + 1, 1234, "another's");
	assert_string_equal(lacks, "");
	child_kill(c);
	say_born(asked, 4711, "nobody asks any more");
	assert_int_equal(born, 1);
	say_ended(asked + 1, HOW, "");
	assert_int_equal(child_count(), 1);
	say_ended(asked, 9, "");
	assert_int_equal(done, 0);
}

static void
test_lacking(void **state)
{
	(void)state;
	(void)start();
	say_born(asked, 2, "the pids limit");
	assert_string_equal(lacks, "the pids limit");
	say_ended(asked, HOW, "");
	turn();
	assert_int_equal(done, 1);
}

/* Silent and alive: he is killed, and his end is waited for. */
static void
test_broke_a_rule(void **state)
{
	struct child	*c;

	(void)state;
	keep = 1;
	c = start();
	assert_int_equal(write(peer, "x", 1), 1);
	turn();
	assert_int_equal(killed, asked);
	assert_int_equal(done, 0);
	say_ended(asked, 9, "");
	assert_int_equal(done, 1);
	assert_string_equal(reason, "shorter than a header");
	assert_true(WIFSIGNALED(status));
	(void)c;
}

static void
test_does_not_read(void **state)
{
	static const struct msg_fetch_blob	 b;
	struct child	*c;
	int		 i;

	(void)state;
	keep = 1;
	c = start();
	for (i = 0; i < 100 * CHAN_QUEUE_MAX; i++)
		if (child_send(c, MSG_FETCH_DOC, 0, &b, -1) == -1)
			break;
	assert_int_equal(killed, asked);
	close(peer);
	peer = -1;
	turn();
	say_ended(asked, 9, "");
	assert_int_equal(done, 1);
	assert_string_equal(reason, "it does not read its messages");
}

/* The end, and again: told of once. */
static void
test_ended_twice(void **state)
{
	(void)state;
	keep = 1;
	(void)start();
	say_ended(asked, HOW, "");
	say_ended(asked, 0, "and a reason");
	close(peer);
	peer = -1;
	turn();
	assert_int_equal(done, 1);
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_string_equal(reason, "");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_left_alone, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_finished, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_finished_and_killed,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_never_started, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_never_started_killed,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_to_ask, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_birth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lacking, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_broke_a_rule, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_does_not_read, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_ended_twice, setup,
		    teardown),
	};

	return (cmocka_run_group_tests_name("child", tests, NULL, NULL));
}
