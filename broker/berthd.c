/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * berthd, the broker: options, store, sockets, signals, and an engine that
 * does the work.  As a daemon it serves command lines and declared apps;
 * with -p it serves the one command line at the other end of descriptor 3
 * and ends with it.
 */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "../common/log.h"
#include "broker.h"

#define PRIVATE_FD	3
#define CONF_FILE	BERTH_SYSCONFDIR "/berthd.conf"

struct broker	 env;

static int	 readyfd = -1;	/* the end of a start; -1: in foreground */

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
	while ((c = getopt(argc, argv, "df:nprs:v")) != -1) {
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
		case 'r':
			env.torun = 1;
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

static void
on_signal(evutil_socket_t signo, short what, void *arg)
{
	(void)signo;
	(void)what;
	(void)arg;
	engine_quit();
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

/*
 * A descriptor of ours must never be taken for a standard stream.  All that
 * we start has our standard error: where that is a terminal, what is typed
 * there is not for them.
 */
static void
setup_streams(void)
{
	int	 fd;

	do {
		if ((fd = open("/dev/null", O_RDWR)) == -1)
			exit(1);	/* and nobody to tell */
	} while (fd <= STDERR_FILENO);
	close(fd);
	if (isatty(STDERR_FILENO) && (fd = open("/proc/self/fd/2", O_WRONLY |
	    O_NOCTTY | O_CLOEXEC)) != -1) {
		(void)dup2(fd, STDERR_FILENO);
		close(fd);
	}
}

static void
setup_process(void)
{
	struct rlimit	 rl;

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
}

/*
 * A daemon's caller waits until we listen, or have said why not: he is the
 * one that has gone on, and we are his child.
 */
static void
background(void)
{
	char	 c;
	pid_t	 pid;
	int	 p[2], status;

	if (pipe2(p, O_CLOEXEC) == -1 || (pid = fork()) == -1)
		fatal("daemon");
	if (pid == 0) {
		close(p[0]);
		readyfd = p[1];
		(void)setsid();
		return;
	}
	close(p[1]);
	if (read(p[0], &c, 1) == 1)
		exit(0);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	exit(1);
}

/* From here on nobody reads our standard error. */
static void
detach(void)
{
	int	 fd, i;

	if ((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1)
		fatal("/dev/null");
	for (i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		(void)dup2(fd, i);
	close(fd);
	log_syslog();
	if (write(readyfd, "", 1) == -1)
		log_warn("our caller has gone");
	close(readyfd);
}

void
broker_up(void)
{
	struct msg_engine_serve	 m;

	memset(&m, 0, sizeof(m));
	m.detached = readyfd != -1;
	if (readyfd != -1)
		detach();
	if (!env.private) {
		log_info("serving %s port %u, store %s", env.conf->listen,
		    env.conf->port, env.conf->store);
		listen_begin();
	}
	engine_send(MSG_ENGINE_SERVE, &m, -1);
}

static void
run_private(void)
{
	/* the terminal's signals are the command line's to hear */
	(void)setsid();
	if (fcntl(PRIVATE_FD, F_SETFD, FD_CLOEXEC) == -1)
		fatalx("-p: descriptor 3 is not open");
	(void)store_open(env.conf->store);	/* told to who asks */
	setup_signals();
	confine();
	engine_start();
	listen_client(PRIVATE_FD);
}

/* Whom one can reach one can ask to stop: signals before sockets. */
static void
run_daemon(void)
{
	if (store_open(env.conf->store) == -1)
		fatalx("%s", env.failed);
	store_claim();
	setup_signals();
	child_listener(listen_http());
	listen_store();
	confine();
	engine_start();
}

int
main(int argc, char *argv[])
{
	struct options	 o;
	sigset_t	 none;

	setup_streams();
	/* what our parent blocked would never reach us, nor our children */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* ahead of the first child: what is ignored is asked once */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);	/* an error of write(2), as that is */
	signal(SIGHUP, SIG_IGN);
	/* whose parent ignores it would never hear how a child ended */
	signal(SIGCHLD, SIG_DFL);
	log_init("berthd", 0);
	parse_options(argc, argv, &o);
	/* what our caller has left open is nobody's here */
	if (!o.check &&
	    close_range(PRIVATE_FD + (env.private != 0), ~0U, 0) == -1)
		fatal("close_range");
	log_init(env.private ? "berth" : "berthd", o.verbose);
	env.verbose = o.verbose;
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
	if (!env.private && !o.foreground)
		background();
	if ((env.base = evchan_base()) == NULL)
		fatalx("event loop");
	if (env.private)
		run_private();
	else
		run_daemon();
	/* while the engine comes up */
	child_programs();
	event_base_dispatch(env.base);
	if (!env.private)
		(void)unlink("sock");
	if (!env.private && env.status == 0)
		log_info("terminated");
	return (env.status);
}
