/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * broker/child.c: who is done with is done with once, and leaves nothing,
 * also when it had ended before its last words were read.
 */
#include <sys/syscall.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "../../broker/broker.h"

#define WORDS	20	/* more than are read at a turn */

struct broker	 env;

static unsigned int	 words, done;
static int		 status;
static void		(*at_last)(struct child *);

void
broker_idle(void)
{
	if (child_count() == 0)
		event_base_loopbreak(env.base);
}

/* In place of common/spawn.c: says all, and has ended before we look. */
pid_t
spawn(const struct spawn *sp, int *pidfd)
{
	struct msg_note	 note;
	struct chan	 c;
	siginfo_t	 info;
	pid_t		 pid;
	int		 i;

	if ((pid = fork()) == 0) {
		memset(&note, 0, sizeof(note));
		note.kind = NOTE_INFO;
		memcpy(note.text, "x", 1);
		chan_init(&c, sp->fds[0].fd, PEER_FETCH, PEER_BROKER);
		for (i = 0; i < WORDS; i++)
			if (chan_send(&c, MSG_FETCH_NOTE, 0, &note, -1) == -1)
				_exit(1);
		_exit(7);
	}
	assert_int_not_equal(pid, -1);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT),
	    0);
	*pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return (pid);
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
	assert_null(why);
	status = how;
	done++;
}

static void
run(void (*last)(struct child *))
{
	static const struct timeval	 patience = { 5, 0 };
	struct child			*c;
	struct spawn			 sp;

	words = done = 0;
	status = 0;
	at_last = last;
	env.base = event_base_new();
	assert_non_null(env.base);
	child_worker(&sp, -1, "berth-fetch", 0);
	c = child_start(&sp, PEER_FETCH, table, on_done, &done);
	assert_non_null(c);
	evchan_phase(child_chan(c), PH_BUSY);
	event_base_loopexit(env.base, &patience);
	event_base_dispatch(env.base);
	assert_int_equal(words, WORDS);
	assert_int_equal(child_count(), 0);
	event_base_free(env.base);
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
	run(leave);
	assert_int_equal(done, 1);
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void
test_finished(void **state)
{
	(void)state;
	run(child_finish);
	assert_int_equal(done, 1);
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void
test_killed(void **state)
{
	(void)state;
	run(child_kill);
	assert_int_equal(done, 0);
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
	run(finish_and_kill);
	assert_int_equal(done, 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_left_alone),
		cmocka_unit_test(test_finished),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_finished_and_killed),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
