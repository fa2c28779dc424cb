/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * berth-init, pid 1 of a container: builds the root, starts the app, then
 * reaps, forwards signals and leaves the exit status behind.  It parses
 * nothing but the records and the image's passwd and group.
 */
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/capability.h>
#include <linux/close_range.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../common/fence.h"
#include "../../common/log.h"
#include "../../common/record.h"
#include "../../common/sandbox.h"
#include "../../common/selftest.h"
#include "init.bpf.h"
#include "init.h"

#define PATH_DEFAULT	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:" \
			"/usr/bin:/sbin:/bin"
#define INTS_MAX	3	/* the one that kills */
#define STATUS_KILLED	(128 + SIGKILL)

/* Where descriptors lie while the app runs; all behind are closed. */
#define RUN_FD_SIGNALS	4
#define RUN_FD_MAX	(INIT_FD_STATUS + 2)	/* one more, to be looked at */
#define STATUS_SIZE	8	/* "255\n" and room */

static struct init	 in;
static int64_t		 deadline = -1;	/* ms; when all is killed */
static unsigned int	 ints;

static void	 init_on_init_signal(struct msg *);

static void	(*const handlers[MSG_MAX])(struct msg *) = {
	[MSG_INIT_SIGNAL] = init_on_init_signal,
};

static void __attribute__((noreturn))
give_up(void)
{
	(void)chan_send(&in.chan, MSG_INIT_FAIL, 0, &init_failure, -1);
	_exit((int)init_failure.status);
}

static int64_t
now_ms(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

/* A record, whole.  The memory is kept: the app's strings lie in it. */
static int
load_record(int fd, const char *what, void **data, size_t *len)
{
	struct stat	 st;
	ssize_t		 n;

	if (fstat(fd, &st) == -1)
		return (failed(STATUS_BERTH, NULL, what, NULL));
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)RECORD_MAX)
		return (failed(STATUS_BERTH, NULL, what,
		    "not a file of at most 4 MiB"));
	*len = (size_t)st.st_size;
	if ((*data = malloc(*len + 1)) == NULL ||
	    (n = pread(fd, *data, *len, 0)) == -1)
		return (failed(STATUS_BERTH, NULL, what, NULL));
	if ((size_t)n != *len)
		return (failed(STATUS_BERTH, NULL, what, "cut short"));
	return (0);
}

static int
load_config(void)
{
	enum appconfig_error	 error;
	void			*app, *run;
	size_t			 applen, runlen;

	if (load_record(INIT_FD_APP, "app record", &app, &applen) == -1 ||
	    load_record(INIT_FD_RUN, "run record", &run, &runlen) == -1)
		return (-1);
	error = appconfig_merge(&in.conf, app, applen, run, runlen);
	if (error == APPCONFIG_OK)
		return (0);
	return (failed(STATUS_BERTH, error == APPCONFIG_STOPSIGNAL ?
	    "stop signal" : error == APPCONFIG_VOLUME ? "volume" : "app",
	    *in.conf.bad == '\0' ? NULL : in.conf.bad,
	    appconfig_strerror(error)));
}

/* "NAME=value" on the heap, for ever. */
static const char *
pair(const char *name, const char *value)
{
	size_t	 n = strlen(name), v = strlen(value);
	char	*s;

	if ((s = malloc(n + v + 1)) == NULL)
		return (name);
	memcpy(s, name, n);
	memcpy(s + n, value, v + 1);
	return (s);
}

/* What Docker sets where the image does not; nothing of the host. */
static void
default_env(void)
{
	appconfig_default(&in.conf, PATH_DEFAULT);
	appconfig_default(&in.conf, pair("HOSTNAME=", in.start.hostname));
	if ((in.start.flags & RUN_TTY) != 0)
		appconfig_default(&in.conf, "TERM=xterm");
	appconfig_default(&in.conf, pair("HOME=", in.user.home));
}

/* The first message says what to build; nothing may come before it. */
static void
receive_start(void)
{
	struct msg	 m;

	chan_init(&in.chan, INIT_FD_CHAN, PEER_INIT, PEER_ENGINE);
	if (chan_recv(&in.chan, &m) != 1 || m.hdr.type != MSG_INIT_START)
		_exit(STATUS_BERTH);
	in.start = m.u.init_start;
	in.chan.phase = PH_BUSY;
}

/*
 * Not even the app's root looks into pid 1: not dumpable, and from here on
 * without any capability but the one to signal its children, without a file
 * to open or a process to make.  Held no longer: the layers, the overlay,
 * every mount.
 */
static void
settle(int signals)
{
	static const struct sandbox_limits	 limits = {
		.nofile = RUN_FD_MAX,
		.nproc = 0,
		.fsize = UINT64_MAX,	/* standard error may be a file */
		.as = 64 * MIB,
	};
	const uint64_t				 caps = 1ULL << CAP_KILL;

	if (dup3(signals, RUN_FD_SIGNALS, O_CLOEXEC) == -1 ||
	    syscall(SYS_close_range, INIT_FD_STATUS + 1, ~0U, 0) == -1 ||
	    close(INIT_FD_RUN) == -1)
		fatal("what the app's start held");
	if (sandbox_limit(&limits) == -1 || sandbox_drop(caps) == -1 ||
	    fence_raise(NULL, 0, FENCE_SIGNAL) == -1)
		fatal("sandbox");
	selftest_confined(caps, SELFTEST_ROOT);
	if (sandbox_seccomp(init_filter, init_filter_len) == -1)
		fatal("sandbox: seccomp");
	selftest_filter();
}

/* The status outlives us and the broker in a file. */
static void __attribute__((noreturn))
finish(int status)
{
	struct msg_exited	 m;
	char			 text[STATUS_SIZE];
	size_t			 i = sizeof(text);
	int			 v = status;

	text[--i] = '\n';
	do
		text[--i] = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	if (write(INIT_FD_STATUS, text + i, sizeof(text) - i) == -1)
		log_warn("exit status %d", status);
	memset(&m, 0, sizeof(m));
	m.status = (uint32_t)status;
	if (in.chan.fd != -1)
		(void)chan_send(&in.chan, MSG_INIT_EXITED, 0, &m, -1);
	/* whoever is left in the namespace dies with us */
	_exit(0);
}

static void
reap(void)
{
	int	 status;
	pid_t	 pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0 ||
	    (pid == -1 && errno == EINTR)) {
		if (pid != in.app)
			continue;
		if (WIFSIGNALED(status))
			finish(128 + WTERMSIG(status));
		finish(WEXITSTATUS(status));
	}
}

static void
kill_all(void)
{
	(void)kill(-1, SIGKILL);
	deadline = -1;
}

static void
init_on_init_signal(struct msg *m)
{
	int	 signo = (int)m->u.init_signal.signo;

	if (signo == SIGKILL || (signo == SIGINT && ++ints >= INTS_MAX)) {
		kill_all();
		return;
	}
	if ((signo == SIGTERM || signo == SIGINT) && deadline == -1)
		deadline = now_ms() + STOP_GRACE_MS;
	if (signo == SIGTERM)
		signo = in.conf.stopsignal;
	(void)kill(in.app, signo);
}

/* No app survives the one who asked for it, whatever that one said. */
static void __attribute__((noreturn))
channel_closed(void)
{
	in.chan.fd = -1;
	finish(STATUS_KILLED);
}

static void
on_channel(void)
{
	struct msg	 m;

	int		 n;

	if ((n = chan_recv(&in.chan, &m)) == 1)
		handlers[m.hdr.type](&m);
	else if (n == 0 || errno != EAGAIN)
		channel_closed();	/* so is one that breaks rules */
}

static void __attribute__((noreturn))
run(void)
{
	struct signalfd_siginfo	 si;
	struct pollfd		 pfd[2];
	int64_t			 left;

	pfd[1].fd = RUN_FD_SIGNALS;
	pfd[0].events = pfd[1].events = POLLIN;
	for (;;) {
		left = -1;
		if (deadline != -1 && (left = deadline - now_ms()) <= 0) {
			kill_all();
			left = -1;
		}
		pfd[0].fd = in.chan.fd;
		if (poll(pfd, 2, (int)left) <= 0)
			continue;
		if (pfd[1].revents != 0 &&
		    read(RUN_FD_SIGNALS, &si, sizeof(si)) > 0)
			reap();
		if (pfd[0].revents != 0)
			on_channel();
	}
}

/*
 * Only SIGCHLD is taken: every other signal has its default, which for pid
 * 1 means that nobody inside can reach it.
 */
static int
watch_children(void)
{
	sigset_t	 set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_SETMASK, &set, NULL) == -1)
		return (-1);
	return (signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int
main(void)
{
	int	 signals;

	log_init("berth-init", 0);
	umask(022);
	/* what is executed from memory has no name of its own */
	(void)prctl(PR_SET_NAME, "berth-init", 0, 0, 0);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
	    syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) == -1)
		return (STATUS_BERTH);
	receive_start();
	if ((signals = watch_children()) == -1) {
		failed(STATUS_BERTH, NULL, "signals", NULL);
		give_up();
	}
	if (load_config() == -1 || rootfs_build(&in) == -1)
		give_up();
	default_env();
	/* what goes up goes at once: each message alone would wake two */
	if (stdio_open(&in) == -1 || rootfs_enter(&in) == -1 ||
	    app_start(&in) == -1 || stdio_send(&in) == -1)
		give_up();
	/* the command line keeps its signals until it hears of this */
	if (chan_send(&in.chan, MSG_INIT_STARTED, 0, NULL, -1) == -1 &&
	    errno != EPIPE && errno != ECONNRESET) {
		failed(STATUS_BERTH, NULL, "channel", NULL);
		give_up();
	}
	in.chan.phase = PH_RUN;
	settle(signals);
	run();
}
