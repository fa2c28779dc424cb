/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Finding the broker: the daemon that listens in the store, else a private
 * berthd for this one command.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "../subids.h"
#include "cli.h"

#define STORE_ROOT	"/var/lib/berth"
#define BROKER_FD	3	/* where berthd -p expects its channel */

/* The store's absolute path into path.  0, or -1 after saying why. */
static int
store_path(const struct options *o, char path[PATH_MAX])
{
	const char	*data, *home;
	char		 cwd[PATH_MAX];
	int		 n;

	if (o->dir != NULL && *o->dir == '/')
		n = snprintf(path, PATH_MAX, "%s", o->dir);
	else if (o->dir != NULL) {
		/* the broker may run in another directory */
		if (getcwd(cwd, sizeof(cwd)) == NULL) {
			log_warn("%s: working directory", o->dir);
			return (-1);
		}
		n = snprintf(path, PATH_MAX, "%s/%s", cwd, o->dir);
	} else if (geteuid() == 0)
		n = snprintf(path, PATH_MAX, "%s", STORE_ROOT);
	else if ((data = getenv("XDG_DATA_HOME")) != NULL && *data == '/')
		n = snprintf(path, PATH_MAX, "%s/berth", data);
	else if ((home = getenv("HOME")) != NULL && *home == '/')
		n = snprintf(path, PATH_MAX, "%s/.local/share/berth", home);
	else {
		log_warnx("no store: neither --dir, XDG_DATA_HOME nor HOME "
		    "is set");
		return (-1);
	}
	if (n < 0 || n >= PATH_MAX) {
		log_warnx("the path of the store is too long");
		return (-1);
	}
	return (0);
}

int
connect_store(const struct options *o, char *path)
{
	const char	*slash;

	if (o->socket == NULL)
		return (store_path(o, path));
	/* a daemon's socket lies in its store */
	slash = strrchr(o->socket, '/');
	if (slash != NULL && slash - o->socket >= PATH_MAX) {
		log_warnx("the path of the socket is too long");
		return (-1);
	}
	snprintf(path, PATH_MAX, "%.*s", slash == NULL ? 1 :
	    (int)(slash - o->socket) + 1, slash == NULL ? "." : o->socket);
	return (0);
}

/*
 * A helper that a daemon was about to start when it was killed keeps its
 * socket open for a moment.  Nobody will ever accept there.
 */
static int
daemon_dead(int fd)
{
	struct ucred	 cred;
	struct pollfd	 pfd = { .events = POLLIN };
	socklen_t	 len = sizeof(cred);
	int		 dead;

	/* a pid of 0 is of another namespace, and nothing is known */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1 ||
	    cred.pid <= 0)
		return (0);
	pfd.fd = (int)syscall(SYS_pidfd_open, cred.pid, 0);
	if (pfd.fd == -1)
		return (errno == ESRCH);
	dead = poll(&pfd, 1, 0) == 1;
	close(pfd.fd);
	return (dead);
}

/*
 * Connects to dir/name through its descriptor: sun_path holds 107 bytes and
 * a store's path may be longer.  flags: O_NOFOLLOW.
 */
static int
connect_at(const char *dir, const char *name, int flags)
{
	struct sockaddr_un	 sun;
	int			 dirfd, there, fd = -1, saved_errno;

	if ((dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC)) == -1)
		return (-1);
	there = openat(dirfd, name, O_PATH | O_CLOEXEC | flags);
	saved_errno = errno;
	close(dirfd);
	if (there == -1) {
		errno = saved_errno;
		return (-1);
	}
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d",
	    there);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun,
	    sizeof(sun)) == -1)
		goto fail;
	if (daemon_dead(fd)) {
		errno = ECONNREFUSED;
		goto fail;
	}
	close(there);
	return (fd);
 fail:
	saved_errno = errno;
	if (fd != -1)
		close(fd);
	close(there);
	errno = saved_errno;
	return (-1);
}

/*
 * Whoever owns a directory can listen in it.  A daemon gets the user's
 * words, terminal and trust: only root's and our own may have them.
 */
static int
daemon_trusted(int fd, const char *path)
{
	struct ucred	 cred;
	socklen_t	 len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1) {
		log_warn("%s", path);
		return (0);
	}
	if (cred.uid == 0 || cred.uid == geteuid())
		return (1);
	log_warnx("%s: refused, as the daemon there runs as user %u", path,
	    (unsigned int)cred.uid);
	return (0);
}

/* --connect: this socket or nothing. */
static int
connect_socket(const char *path)
{
	const char	*slash = strrchr(path, '/');
	char		 dir[PATH_MAX], enc[256];
	int		 fd, n;

	log_encode(enc, sizeof(enc), path, strlen(path));
	if (slash == NULL)
		n = snprintf(dir, sizeof(dir), ".");
	else
		n = snprintf(dir, sizeof(dir), "%.*s",
		    (int)(slash - path) + 1, path);
	if (n < 0 || (size_t)n >= sizeof(dir)) {
		log_warnx("%s: path too long", enc);
		return (-1);
	}
	if ((fd = connect_at(dir, slash == NULL ? path : slash + 1, 0)) ==
	    -1) {
		log_warn("%s", enc);
		return (-1);
	}
	if (!daemon_trusted(fd, enc)) {
		close(fd);
		return (-1);
	}
	return (fd);
}

/*
 * berthd lies beside us in a build tree; when we are the installed berth it
 * is the installed berthd.  Neither PATH nor the environment has a say.
 */
static int
broker_path(char path[PATH_MAX])
{
	char	*slash;
	ssize_t	 len;

	len = readlink("/proc/self/exe", path, PATH_MAX - 1);
	if (len == -1)
		return (-1);
	path[len] = '\0';
	if ((slash = strrchr(path, '/')) == NULL) {
		errno = ENOENT;
		return (-1);
	}
	*slash = '\0';
	if (strcmp(path, BERTH_BINDIR) == 0) {
		snprintf(path, PATH_MAX, "%s", BERTH_SBINDIR "/berthd");
		return (0);
	}
	if ((size_t)(slash - path) + sizeof("/berthd") > PATH_MAX) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	memcpy(slash, "/berthd", sizeof("/berthd"));
	return (0);
}

/* What the child needs to know, and why it failed. */
struct broker_start {
	const char	*path;
	char *const	*argv;
	int		 chan;
	volatile int	 error;
};

/* The child's way to exec, in our memory but on a stack of its own. */
static int
broker_exec(void *arg)
{
	static char *const	 envp[] = { NULL };
	/* the kernel's struct sigaction: zeros are SIG_DFL */
	static const uint64_t	 dfl[4];
	struct broker_start	*start = arg;
	sigset_t		 none;
	int			 null, signo;

	/* glibc's sigaction(2) does not reach its own two signals */
	for (signo = 1; signo < _NSIG; signo++)
		(void)syscall(SYS_rt_sigaction, signo, dfl, NULL,
		    sizeof(uint64_t));
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* the terminal's signals are for us alone */
	setsid();
	if ((null = open("/dev/null", O_RDWR | O_CLOEXEC)) != -1 &&
	    dup2(null, STDIN_FILENO) != -1 &&
	    dup2(null, STDOUT_FILENO) != -1 &&
	    dup2(start->chan, BROKER_FD) != -1 &&
	    close_range(BROKER_FD + 1, ~0U, 0) != -1)
		execve(start->path, start->argv, envp);
	start->error = errno;
	_exit(127);
}

/*
 * Starts berthd -p with the other end of the channel.  It gets neither our
 * environment nor stdin and stdout: it may outlive us to tidy up, and what
 * reads our output must see its end.  Returns 0 or an errno.
 */
static int
broker_spawn(const char *path, const char *store, const struct options *o,
    int chan, pid_t *pid)
{
	static char		 stack[32 * 1024]
				    __attribute__((aligned(16)));
	char			*argv[7];
	struct broker_start	 start = { path, argv, chan, 0 };
	sigset_t		 all, old;
	int			 n = 0;

	argv[n++] = (char *)(uintptr_t)"berthd";
	argv[n++] = (char *)(uintptr_t)"-p";
	if (o->command == CMD_RUN)
		argv[n++] = (char *)(uintptr_t)"-r";
	if (o->debug)
		argv[n++] = (char *)(uintptr_t)"-v";
	argv[n++] = (char *)(uintptr_t)"-s";
	argv[n++] = (char *)(uintptr_t)store;
	argv[n] = NULL;

	/* no handler of ours may run in the child, whose memory is ours */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	/* as vfork(2): no page tables to copy, and we wait for the exec */
	*pid = clone(broker_exec, stack + sizeof(stack),
	    CLONE_VM | CLONE_VFORK | SIGCHLD, &start);
	if (*pid == -1)
		start.error = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	return (start.error);
}

/* A file of root's that nobody else writes, or -1: then nobody has any. */
static int
subids_open(const char *path)
{
	struct stat	 st;
	int		 fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1)
		return (-1);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
	    (st.st_mode & 022) == 0)
		return (fd);
	close(fd);
	return (-1);
}

/* The ids of a private broker's containers are nobody else's. */
static int
subids_free(void)
{
	static const char *const paths[] = { "/etc/subuid", "/etc/subgid" };
	size_t		 i;
	unsigned int	 overlaps = 0;
	int		 fd;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if ((fd = subids_open(paths[i])) != -1)
			overlaps += subids_overlap(fd, paths[i], IDRANGE_BASE);
	return (overlaps == 0);
}

static int
connect_private(const char *store, const struct options *o, pid_t *pid)
{
	char	 path[PATH_MAX];
	int	 fds[2], error;

	if (geteuid() != 0) {
		log_warnx("must be root for now (rootless running comes "
		    "later)");
		return (-1);
	}
	if (!subids_free())
		return (-1);
	if (broker_path(path) == -1) {
		log_warn("/proc/self/exe");
		return (-1);
	}
	if (chan_pair(fds) == -1) {
		log_warn("socketpair");
		return (-1);
	}
	error = broker_spawn(path, store, o, fds[1], pid);
	close(fds[1]);
	if (error != 0) {
		close(fds[0]);
		errno = error;
		log_warn("%s", path);
		return (-1);
	}
	return (fds[0]);
}

int
connect_broker(const struct options *o, pid_t *broker)
{
	char	 store[PATH_MAX], enc[512];
	int	 fd;

	*broker = -1;
	if (o->socket != NULL)
		return (connect_socket(o->socket));
	if (store_path(o, store) == -1)
		return (-1);
	log_encode(enc, sizeof(enc), store, strlen(store));
	/* a link there is of the engine's making: it is no socket of ours */
	if ((fd = connect_at(store, "sock", O_NOFOLLOW)) != -1) {
		if (daemon_trusted(fd, enc))
			return (fd);
		close(fd);
		return (-1);
	}
	/*
	 * Nobody listens: no store yet, no socket, or a dead one.  A store
	 * that is not for us to enter is a matter of who we are.
	 */
	if (errno != ENOENT && errno != ECONNREFUSED &&
	    !(errno == EACCES && geteuid() != 0)) {
		log_warn("%s/sock", enc);
		return (-1);
	}
	return (connect_private(store, o, broker));
}
