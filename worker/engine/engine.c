/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * berth-engine: takes requests, from command lines and from berth-http, and
 * sees them through.  Its root is the store, whose owner it is in a user
 * namespace that knows the containers' ids besides; what takes privilege it
 * asks the broker for.
 */
#include <sys/prctl.h>
#include <sys/stat.h>

#include <linux/capability.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "../../common/fence.h"
#include "../../common/log.h"
#include "../../common/sandbox.h"
#include "../../common/selftest.h"
#include "control.h"
#include "engine.bpf.h"

#define STORE_FD	4
#define CAP(x)		(1ULL << CAP_##x)
#define FS(x)		LANDLOCK_ACCESS_FS_##x

/* What is left, and means something only to ids of our own namespace. */
#define CAPS_KEPT	(CAP(CHOWN) |	/* upper, work, stage: its ids' */ \
			    CAP(DAC_OVERRIDE)) /* to move and remove those */

struct engine	 env;

void
engine_over(void)
{
	env.done = 1;
	event_base_loopbreak(env.base);
}

/*
 * Once nobody waits and nothing runs.  What is left in the trash goes
 * first: our lock on the store says that somebody sees to it.
 */
void
engine_idle(void)
{
	if (!env.private) {
		if (env.stopping)
			control_drained();
		return;
	}
	if (env.serving && client_count() == 0 && pod_count() == 0 &&
	    fetch_count() == 0 && child_count() == 0)
		engine_over();
}

void
engine_quit(void)
{
	if (env.private) {
		env.stopping = 1;
		client_dropall();	/* calls off what is in hand */
	} else
		control_terminate();
}

/* The store and all beneath; not even the way back to what we were. */
static void
confine_files(void)
{
	static const struct fence_path	 store = { "/", -1,
	    FS(READ_FILE) | FS(READ_DIR) | FS(WRITE_FILE) | FS(TRUNCATE) |
	    FS(REFER) | FS(MAKE_REG) | FS(MAKE_DIR) | FS(MAKE_SYM) |
	    FS(REMOVE_FILE) | FS(REMOVE_DIR) };

	if (*env.failed != '\0' ? sandbox_root_empty(NULL, 0) == -1 :
	    sandbox_root_dir(STORE_FD) == -1)
		fatal("sandbox: root");
	close(STORE_FD);
	if (sandbox_drop(CAPS_KEPT) == -1)
		fatal("sandbox: capabilities");
	if (fence_raise(&store, 1, 0) == -1)
		fatal("sandbox: Landlock");
}

static void
confine(void)
{
	static const struct sandbox_limits	 limits = {
		.nofile = UINT64_MAX,	/* a pod has several */
		.nproc = 0,
		.fsize = UINT64_MAX,
		.as = UINT64_MAX,
	};

	if (sandbox_limit(&limits) == -1)
		fatal("sandbox: limits");
	confine_files();
	selftest_confined(CAPS_KEPT, SELFTEST_FILES | SELFTEST_ALONE |
	    SELFTEST_FORK);
	if (sandbox_seccomp(engine_filter, engine_filter_len) == -1)
		fatal("sandbox: seccomp");
	selftest_filter();
}

int
main(void)
{
	log_init("berth-engine", 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	umask(022);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal("prctl");
	if ((env.ncpu = sysconf(_SC_NPROCESSORS_ONLN)) < 1)
		env.ncpu = 1;
	if ((env.base = evchan_base()) == NULL)
		fatalx("event loop");
	broker_init();
	confine();
	broker_watch();
	event_base_dispatch(env.base);
	if (!env.done)
		fatalx("event loop");
	if (!env.private)
		pod_killall();
	return (0);
}
