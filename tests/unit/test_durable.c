/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * worker/engine/durable.c: what a sweep drops and a sync clears, when another
 * broker tidies up at the same time, or when a thing cannot be dropped.
 */
#include <sys/stat.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "../../worker/engine/engine.h"

#define BOOT	"11111111-1111-4111-8111-111111111111"
#define OTHER	"22222222-2222-4222-8222-222222222222"

struct engine		 env;
const evchan_handler	 dispatch_sync[MSG_MAX];

static char		 top[] = "/tmp/berth-durable.XXXXXX";
static const char	*layers[] = { "sha256-a", "sha256-b" };
static unsigned int	 dropped;
static int		 clear_other, error;

static char *
note(const char *name)
{
	static char	 path[64];

	snprintf(path, sizeof(path), "unsynced/%s", name);
	return (path);
}

/* The store's; another broker, which has synced, may be quicker. */
int
trash_put(const char *path)
{
	size_t	 i;

	if (error != 0) {
		errno = error;
		return (-1);
	}
	dropped++;
	for (i = 0; clear_other && i < 2; i++)
		if (strstr(path, layers[i]) == NULL)
			assert_int_equal(unlink(note(layers[i])), 0);
	return (0);
}

int
image_remove(const char *id)
{
	(void)id;
	dropped++;
	return (0);
}

struct child *
child_start(struct birth *b, enum peer peer, const evchan_handler *table,
    child_done done, void *arg)
{
	(void)b;
	(void)peer;
	(void)table;
	(void)done;
	(void)arg;
	return (NULL);
}

int
child_send(struct child *c, enum msg_type type, uint32_t id,
    const void *payload, int fd)
{
	(void)c;
	(void)type;
	(void)id;
	(void)payload;
	(void)fd;
	return (0);
}

const char *
child_fate(const char *name, const char *why, int status)
{
	(void)why;
	(void)status;
	return (name);
}

void
child_birth(struct birth *b, enum program program)
{
	memset(b, 0, sizeof(*b));
	b->program = program;
}

static int
setup(void **state)
{
	(void)state;
	strcpy(env.boot_id, BOOT);
	env.base = event_base_new();
	return (env.base == NULL || mkdtemp(top) == NULL || chdir(top) == -1);
}

static int
teardown(void **state)
{
	(void)state;
	return (chdir("/") == -1 || rmdir(top) == -1);
}

static int
begin(void **state)
{
	(void)state;
	dropped = 0;
	clear_other = error = 0;
	return (mkdir("unsynced", 0700));
}

static void
write_note(const char *name, const char *boot)
{
	char	 target[64];

	snprintf(target, sizeof(target), "%s.5", boot);
	assert_int_equal(symlink(target, note(name)), 0);
}

static int
there(const char *name)
{
	struct stat	 st;

	return (lstat(note(name), &st) == 0);
}

static void
test_earlier_boot(void **state)
{
	(void)state;
	write_note(layers[0], OTHER);
	write_note("sha512-a", OTHER);
	durable_sweep();
	assert_int_equal(dropped, 2);
	assert_int_equal(access("unsynced", F_OK), -1);
}

static void
test_this_boot(void **state)
{
	(void)state;
	write_note(layers[0], BOOT);
	durable_sweep();
	assert_int_equal(dropped, 0);
	durable_clear(5);
	assert_true(there(layers[0]));
	durable_clear(6);
	assert_int_equal(access("unsynced", F_OK), -1);
}

static void
test_gone_meanwhile(void **state)
{
	(void)state;
	write_note(layers[0], OTHER);
	write_note(layers[1], OTHER);
	clear_other = 1;
	durable_sweep();
	assert_int_equal(dropped, 1);
	assert_int_equal(access("unsynced", F_OK), -1);
}

static void
test_not_dropped(void **state)
{
	(void)state;
	write_note(layers[0], OTHER);
	error = EIO;
	durable_sweep();
	assert_true(there(layers[0]));
	durable_clear(6);
	assert_true(there(layers[0]));
	error = 0;
	durable_sweep();
	assert_int_equal(dropped, 1);
	assert_int_equal(access("unsynced", F_OK), -1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_earlier_boot, begin),
		cmocka_unit_test_setup(test_this_boot, begin),
		cmocka_unit_test_setup(test_gone_meanwhile, begin),
		cmocka_unit_test_setup(test_not_dropped, begin),
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
