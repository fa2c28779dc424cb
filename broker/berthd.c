/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * berthd, the broker: options, store, signals, loop.  As a daemon it serves
 * command lines and declared apps; with -p it serves the one command line
 * at the other end of descriptor 3 and ends with it.
 */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "../common/log.h"
#include "control.h"

#define PRIVATE_FD	3
#define CONF_FILE	BERTH_SYSCONFDIR "/berthd.conf"

struct broker	 env;

struct options {
	const char	*conf;
	const char	*store;
	int		 foreground;
	int		 check;		/* -n, -nn */
	int		 verbose;
};

static void __attribute__((noreturn))
usage(void)
{
	fprintf(stderr, "usage: berthd [-dnv] [-f file] [-s store]\n");
	exit(2);
}

static void
parse_options(int argc, char *argv[], struct options *o)
{
	int	 c;

	memset(o, 0, sizeof(*o));
	while ((c = getopt(argc, argv, "df:nps:v")) != -1) {
		switch (c) {
		case 'd':
			o->foreground = 1;
			break;
		case 'f':
			o->conf = optarg;
			break;
		case 'n':
			o->check++;
			break;
		case 'p':
			env.private = 1;
			break;
		case 's':
			o->store = optarg;
			break;
		case 'v':
			o->verbose++;
			break;
		default:
			usage();
		}
	}
	if (optind != argc || (env.private && (o->conf != NULL || o->check ||
	    o->store == NULL)))
		usage();
	if (!env.private && o->conf == NULL)
		o->conf = CONF_FILE;
}

/* -n: say whether it is good; -nn: it was printed back. */
static void __attribute__((noreturn))
check_config(const struct options *o)
{
	if (o->check == 1)
		fprintf(stderr, "configuration OK\n");
	exit(0);
}

/*
 * Once nobody waits and nothing runs.  What is left in the trash goes
 * first: our lock on the store says that somebody sees to it.
 */
void
broker_idle(void)
{
	if (!env.private) {
		if (env.stopping)
			control_drained();
		return;
	}
	if (client_count() == 0 && pod_count() == 0 && fetch_count() == 0 &&
	    child_count() == 0)
		event_base_loopbreak(env.base);
}

void
broker_quit(void)
{
	if (env.private) {
		env.stopping = 1;
		client_dropall();	/* calls off what is in hand */
	} else
		control_terminate();
}

static void
on_signal(evutil_socket_t signo, short what, void *arg)
{
	(void)signo;
	(void)what;
	(void)arg;
	broker_quit();
}

static void
setup_signals(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGQUIT };
	struct event	*ev;
	size_t		 i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if ((ev = evsignal_new(env.base, signals[i], on_signal,
		    NULL)) == NULL || event_add(ev, NULL) == -1)
			fatal("signals");
}

static void
setup_base(void)
{
	struct event_config	*cfg;

	/* nothing in our environment decides anything */
	if ((cfg = event_config_new()) == NULL || event_config_set_flag(cfg,
	    EVENT_BASE_FLAG_IGNORE_ENV | EVENT_BASE_FLAG_NOLOCK) == -1 ||
	    (env.base = event_base_new_with_config(cfg)) == NULL)
		fatalx("event loop");
	event_config_free(cfg);
}

/* A descriptor of ours must never be taken for a standard stream. */
static void
setup_streams(void)
{
	int	 fd;

	do {
		if ((fd = open("/dev/null", O_RDWR)) == -1)
			exit(1);	/* and nobody to tell */
	} while (fd <= STDERR_FILENO);
	close(fd);
}

static void
setup_process(void)
{
	char		 id[UUID_SIZE + 1];
	struct rlimit	 rl;
	ssize_t		 n;

	umask(022);
	clearenv();
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal("prctl");
	/* each pod has several descriptors, and the usual limit is 1024 */
	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		fatal("getrlimit");
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) == -1)
		log_warn("setrlimit");
	n = store_read("/proc/sys/kernel/random/boot_id", id, sizeof(id));
	if (n >= UUID_SIZE - 1)
		memcpy(env.boot_id, id, UUID_SIZE - 1);
	env.ncpu = sysconf(_SC_NPROCESSORS_ONLN);
	if (env.ncpu < 1)
		env.ncpu = 1;
}

static int
helper(const char *name)
{
	int	 fd;

	if ((fd = spawn_helper(name)) == -1)
		fatal("%s", name);
	return (fd);
}

static void
run_private(void)
{
	/* the terminal's signals are the command line's to hear */
	(void)setsid();
	if (fcntl(PRIVATE_FD, F_SETFD, FD_CLOEXEC) == -1)
		fatalx("-p: descriptor 3 is not open");
	confine();
	(void)store_open(env.conf->store);	/* told to who asks */
	setup_signals();
	client_new(PRIVATE_FD);
	event_base_dispatch(env.base);
}

/* Both ends of a daemon's start: the caller waits until we listen. */
static void
run_daemon(const struct options *o)
{
	if (store_open(env.conf->store) == -1)
		fatalx("%s", env.failed);
	store_claim();
	http_listen();
	if (!o->foreground) {
		if (daemon(1, 0) == -1)
			fatal("daemon");
		log_syslog();
		/* the event loop's kernel queue does not survive a fork */
		if (event_reinit(env.base) == -1)
			fatalx("event loop");
	}
	setup_signals();	/* whom one can reach one can ask to stop */
	client_listen();
	confine();
	log_info("serving %s port %u, store %s", env.conf->listen,
	    env.conf->port, env.conf->store);
	control_start();
	event_base_dispatch(env.base);
	pod_killall();
	unlink("sock");
	log_info("terminated");
}

int
main(int argc, char *argv[])
{
	struct options	 o;

	setup_streams();
	/* ahead of the first child: what is ignored is asked once */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	/* whose parent ignores it would never hear how a child ended */
	signal(SIGCHLD, SIG_DFL);
	log_init("berthd", 0);
	parse_options(argc, argv, &o);
	log_init(env.private ? "berth" : "berthd", o.verbose);
	env.conf = env.private ? config_private() :
	    config_load(o.conf, o.check, o.store);
	if (env.conf == NULL)
		return (1);
	if (o.store != NULL)
		env.conf->store = o.store;
	if (o.check)
		check_config(&o);
	if (geteuid() != 0)
		fatalx("must be root for now (rootless running comes later)");
	setup_process();
	setup_base();
	env.exe_init = helper("berth-init");
	env.exe_unpack = helper("berth-unpack");
	env.exe_fetch = helper("berth-fetch");
	env.exe_http = env.private ? -1 : helper("berth-http");
	if (env.private)
		run_private();
	else
		run_daemon(&o);
	return (0);
}
