/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The way from berth-init to the app: a child that gives everything away
 * and executes the image's program.
 */
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <linux/securebits.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "../../common/sandbox.h"
#include "container.bpf.h"
#include "init.h"

#define STACK_SIZE	(64 * 1024)	/* three paths and change */

#define BIT(cap)	(1ULL << (cap))
#define APP_CAPS	(BIT(CAP_CHOWN) |	/* own files it unpacks */ \
			BIT(CAP_DAC_OVERRIDE) |	/* be root among files */ \
			BIT(CAP_FOWNER) |	/* chmod what others own */ \
			BIT(CAP_FSETID) |	/* keep setgid on a write */ \
			BIT(CAP_KILL) |		/* stop its own workers */ \
			BIT(CAP_NET_BIND_SERVICE) | /* port 80 */ \
			BIT(CAP_SETGID) |	/* become a service's id */ \
			BIT(CAP_SETUID))

#if defined(__x86_64__)
#define ELF_MACHINE	EM_X86_64
#elif defined(__aarch64__)
#define ELF_MACHINE	EM_AARCH64
#else
#error "which e_machine is this?"
#endif

/* Why execve() refused a file that there is. */
static const char *
explain(const char *path, int error)
{
	struct stat	 st;
	Elf64_Ehdr	 eh;
	ssize_t		 n;
	int		 fd;

	if (error == EXDEV)
		return ("leads through a magic link of /proc");
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return (S_ISDIR(st.st_mode) ? "is a directory" :
		    "is not a regular file");
	if (error == ENOENT)
		return ("its interpreter does not exist in the image");
	if (error != ENOEXEC)
		return (NULL);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) != -1) {
		n = read(fd, &eh, sizeof(eh));
		close(fd);
		if (n >= (ssize_t)sizeof(Elf32_Ehdr) &&
		    memcmp(eh.e_ident, ELFMAG, SELFMAG) == 0 &&
		    eh.e_machine != ELF_MACHINE)
			return ("is made for another architecture");
	}
	return ("is neither a program nor a script with an interpreter");
}

/* Notes why path does not run, which is errno. */
static void
exec_failed(const char *path)
{
	struct stat	 st;
	int		 error = errno;

	if (error == ENOTDIR || error == ENAMETOOLONG ||
	    (error == ENOENT && stat(path, &st) == -1)) {
		errno = error;
		failed(STATUS_NOTFOUND, "exec", path, NULL);
		return;
	}
	errno = error;
	failed(STATUS_NOEXEC, "exec", path, explain(path, error));
}

/*
 * Never through a magic link: /proc/self/exe is berth-init, a program of
 * the host.  Returns only with errno: EXDEV, which execve() has not, for it.
 */
static void
exec_path(const char *path, char *const *argv, char *const *envp)
{
	struct open_how	 how;
	struct stat	 st;
	int		 fd;

	memset(&how, 0, sizeof(how));
	how.flags = O_PATH | O_CLOEXEC;
	how.resolve = RESOLVE_NO_MAGICLINKS;
	fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	if (fd == -1 && errno == ELOOP && stat(path, &st) == 0) {
		errno = EXDEV;
		return;
	}
	if (fd != -1)
		close(fd);
	execve(path, argv, envp);
}

/* Through PATH; of several refusals one that is not "missing" is told. */
static void
exec_search(char *const *argv, char *const *envp, const char *dirs)
{
	char	 path[PATH_MAX], refused[PATH_MAX];
	size_t	 len, name = strlen(argv[0]);
	int	 error = 0;

	for (;; dirs += len + 1) {
		len = strcspn(dirs, ":");
		if (len + name + 2 <= sizeof(path)) {
			memcpy(path, dirs, len);
			if (len > 0)
				path[len] = '/';
			memcpy(path + len + (len > 0), argv[0], name + 1);
			exec_path(path, argv, envp);
			if (errno != ENOENT && errno != ENOTDIR &&
			    errno != EACCES)
				break;
			if (errno == EACCES && error == 0) {
				error = errno;
				memcpy(refused, path, sizeof(refused));
			}
		}
		if (dirs[len] == '\0') {
			if (error == 0) {
				failed(STATUS_NOTFOUND, "exec", argv[0],
				    "not found in PATH");
				return;
			}
			memcpy(path, refused, sizeof(path));
			errno = error;
			break;
		}
	}
	exec_failed(path);
}

static void
exec_app(const struct appconfig *c)
{
	char	*const *argv = (char *const *)(uintptr_t)c->argv;
	char	*const *envp = (char *const *)(uintptr_t)c->env;
	const char	*dirs = appconfig_env(c, "PATH");

	if (*argv[0] == '\0')
		failed(STATUS_NOTFOUND, "exec", "\"\"", "the name is empty");
	else if (strchr(argv[0], '/') == NULL)
		exec_search(argv, envp, dirs == NULL ? "" : dirs);
	else {
		exec_path(argv[0], argv, envp);
		exec_failed(argv[0]);
	}
}

/* At most this; where the host allows less, less. */
static const struct {
	__rlimit_resource_t	 what;
	rlim_t			 soft, hard;
} limits[] = {
	{ RLIMIT_CORE, 0, 0 },		/* no memory on anybody's disk */
	{ RLIMIT_NOFILE, 1024, 65536 },	/* select() beyond 1024 is a hole */
	{ RLIMIT_MEMLOCK, 64 * 1024, 64 * 1024 }, /* keys, not databases */
	{ RLIMIT_MSGQUEUE, 819200, 819200 },	/* not swapped either */
	{ RLIMIT_RTPRIO, 0, 0 },	/* the host's other work goes on */
	{ RLIMIT_NICE, 0, 0 },
};

static int
set_limits(void)
{
	struct rlimit	 rl;
	size_t		 i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (getrlimit(limits[i].what, &rl) == -1)
			return (-1);
		if (rl.rlim_max > limits[i].hard)
			rl.rlim_max = limits[i].hard;
		rl.rlim_cur = rl.rlim_max < limits[i].soft ? rl.rlim_max :
		    limits[i].soft;
		if (setrlimit(limits[i].what, &rl) == -1)
			return (-1);
	}
	return (0);
}

/* 0, 1, 2 and nothing else. */
static int
place_fds(struct init *in)
{
	int	 i;

	for (i = 0; i < 3; i++)
		if (dup2(in->stdio[i], i) == -1)
			return (-1);
	return ((int)syscall(SYS_close_range, 3, ~0U, 0));
}

/*
 * A keyring of its own.  The kernel counts them per id: when all 200 are
 * taken, the filter that refuses every call on keys is what separates.
 */
static int
new_keyring(const struct init *in)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) != -1 ||
	    errno == ENOSYS)
		return (0);
	if (errno == EDQUOT && (in->start.insecure & INSECURE_SECCOMP) == 0)
		return (0);
	return (-1);
}

static int
bounding_drop(uint64_t keep)
{
	unsigned long	 cap;

	for (cap = 0; cap < 64; cap++)
		if ((keep & BIT(cap)) == 0 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			return (errno == EINVAL ? 0 : -1); /* the last one */
	return (0);
}

static int
set_caps(uint64_t caps)
{
	struct __user_cap_header_struct	 hdr;
	struct __user_cap_data_struct	 data[2];

	memset(&hdr, 0, sizeof(hdr));
	memset(data, 0, sizeof(data));
	hdr.version = _LINUX_CAPABILITY_VERSION_3;
	data[0].effective = data[0].permitted = (uint32_t)caps;
	data[1].effective = data[1].permitted = (uint32_t)(caps >> 32);
	return ((int)syscall(SYS_capset, &hdr, data));
}

/* Raw calls: this process has no thread that libc would have to tell. */
static int
set_ids(const struct user *u)
{
	if (syscall(SYS_setgroups, u->ngroups, u->groups) == -1 ||
	    syscall(SYS_setresgid, u->gid, u->gid, u->gid) == -1 ||
	    syscall(SYS_setresuid, u->uid, u->uid, u->uid) == -1)
		return (-1);
	return (0);
}

/* The bounding set and securebits while we may, then ids, then the rest. */
static int
become(struct init *in)
{
	const struct user *u = &in->user;
	int		 full, bits;

	full = (in->start.insecure & INSECURE_CAPABILITIES) != 0;
	bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
	    SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
	    SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
	if (!full && bounding_drop(u->uid == 0 ? APP_CAPS : 0) == -1)
		return (failed(STATUS_BERTH, NULL, "capabilities", NULL));
	if (!full && u->uid != 0 &&
	    prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) == -1)
		return (failed(STATUS_BERTH, NULL, "capabilities", NULL));
	if (set_ids(u) == -1)
		return (failed(STATUS_BERTH, "user", in->conf.user,
		    errno == EINVAL ?
		    "outside the container's range of ids" : NULL));
	if (!full && set_caps(u->uid == 0 ? APP_CAPS : 0) == -1)
		return (failed(STATUS_BERTH, NULL, "capabilities", NULL));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return (failed(STATUS_BERTH, NULL, "no_new_privs", NULL));
	return (0);
}

/*
 * As the user, last, and no magic link on the way: a directory that is not
 * beneath the root has no name that begins with "/".
 */
static int
enter_workdir(const char *path)
{
	char	 cwd[PATH_MAX];
	int	 fd;

	if ((fd = mnt_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0)) == -1 ||
	    fchdir(fd) == -1)
		return (failed(STATUS_BERTH, "working directory", path, NULL));
	close(fd);
	if (syscall(SYS_getcwd, cwd, sizeof(cwd)) == -1 || cwd[0] != '/')
		return (failed(STATUS_BERTH, "working directory", path,
		    "is not beneath the root"));
	return (0);
}

static int
child_setup(struct init *in)
{
	sigset_t	 none;

	/* the mask is pid 1's; every disposition is the default since spawn */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (setsid() == -1 || ((in->start.flags & RUN_TTY) != 0 &&
	    ioctl(in->stdio[0], TIOCSCTTY, 0) == -1))
		return (failed(STATUS_BERTH, NULL, "session", NULL));
	if (place_fds(in) == -1)
		return (failed(STATUS_BERTH, NULL, "descriptors", NULL));
	umask(022);
	if (set_limits() == -1)
		return (failed(STATUS_BERTH, NULL, "limits", NULL));
	if (new_keyring(in) == -1)
		return (failed(STATUS_BERTH, NULL, "session keyring", NULL));
	if (become(in) == -1 || enter_workdir(in->conf.workdir) == -1)
		return (-1);
	if ((in->start.insecure & INSECURE_SECCOMP) == 0 &&
	    sandbox_seccomp(container_filter, container_filter_len) == -1)
		return (failed(STATUS_BERTH, NULL, "seccomp filter", NULL));
	return (0);
}

static int
child(void *arg)
{
	struct init	*in = arg;

	if (child_setup(in) == 0)
		exec_app(&in->conf);
	_exit(STATUS_BERTH);
}

/*
 * As vfork(2): the child has our memory, on a stack of its own, until it
 * executes the app, and we wait.  No page is copied, and its failure is in
 * init_failure without a pipe.
 */
int
app_start(struct init *in)
{
	static unsigned char	 stack[STACK_SIZE] __attribute__((aligned(16)));

	in->app = clone(child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK |
	    SIGCHLD, in);
	if (in->app == -1)
		return (failed(STATUS_BERTH, NULL, "fork", NULL));
	return (init_failure.status == 0 ? 0 : -1);
}
