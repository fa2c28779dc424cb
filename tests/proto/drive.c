/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Watching one broker: its children, descriptors, memory and answers. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "drive.h"

void
complain(const char *fmt, ...)
{
	va_list	 ap;

	if (d.failures++ >= 30)
		return;
	va_start(ap, fmt);
	fprintf(stderr, "FAIL ");
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

long
now_ms(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

int
drive_connect(void)
{
	struct sockaddr_un	 sun;
	int			 fd;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%.100s/sock", d.store);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun,
	    sizeof(sun)) == -1) {
		if (fd != -1)
			close(fd);
		return (-1);
	}
	return (fd);
}

int
say_fd(int fd, enum msg_type type, const void *payload, int desc)
{
	struct chan	 c;

	chan_init(&c, fd, PEER_CLI, PEER_ENGINE);
	return (chan_send(&c, type, 1, payload, desc));
}

int
hear(int fd, int ms, struct msg *m)
{
	struct pollfd	 pfd = { fd, POLLIN, 0 };
	struct chan	 c;
	int		 r;

	if ((r = poll(&pfd, 1, ms)) <= 0)
		return (-1);
	chan_init(&c, fd, PEER_CLI, PEER_ENGINE);
	c.phase = PH_ANY;
	if ((r = chan_recv(&c, m)) != 1)
		return (r);
	if (m->fd != -1)
		close(m->fd);
	return (m->hdr.type);
}

int
hear_end(int fd, int ms)
{
	long		 end = now_ms() + ms;
	struct msg	 m;
	int		 r;

	for (;;) {
		r = hear(fd, (int)(end - now_ms()), &m);
		if (r <= 0 || r == MSG_RESULT || r == MSG_FAILED ||
		    r == MSG_DONE || r == MSG_EXITED)
			return (r);
	}
}

void
canary(void)
{
	long	 t = now_ms();
	int	 r;

	if (say_fd(d.canary, MSG_IMAGE_LIST, NULL, -1) == -1)
		err(1, "canary: the broker is gone");
	r = hear_end(d.canary, PATIENCE_MS);
	t = now_ms() - t;
	if (t > d.worst)
		d.worst = t;
	if (r != MSG_DONE)
		complain("canary: answer %d", r);
	if (r <= 0)
		errx(1, "canary: dead");
}

int
children_of(pid_t pid, pid_t list[LIST_MAX])
{
	char	 path[64];
	FILE	*f;
	int	 n = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	if ((f = fopen(path, "re")) == NULL)
		return (0);
	while (n < LIST_MAX && fscanf(f, "%d", &list[n]) == 1)
		n++;
	fclose(f);
	return (n);
}

static int
member(pid_t p, const pid_t *list, int n)
{
	int	 i;

	for (i = 0; i < n; i++)
		if (list[i] == p)
			return (1);
	return (0);
}

int
children_gone(int ms)
{
	long	 end = now_ms() + ms;
	pid_t	 have[LIST_MAX];
	int	 i, n, more;

	for (;;) {
		n = children_of(d.pid, have);
		for (i = more = 0; i < n; i++)
			more += !member(have[i], d.base, d.nbase);
		if (more == 0)
			break;
		if (now_ms() > end)
			return (0);
		usleep(200);
	}
	for (i = 0; i < d.nbase; i++)
		if (!member(d.base[i], have, n)) {
			complain("process %d, which had no part, is gone",
			    d.base[i]);
			d.base[i] = d.base[--d.nbase];
		}
	return (1);
}

static int
fds_of(pid_t pid)
{
	char	 path[64];
	DIR	*dir;
	int	 n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	if ((dir = opendir(path)) == NULL)
		return (-1);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return (n);
}

int
fds_open(void)
{
	return (fds_of(d.pid) + fds_of(d.engine));
}

void
fds_back(const char *when)
{
	int	 i, n;

	/* a connection that we have closed is closed there soon */
	for (i = 0; (n = fds_open()) != d.fds && i < PATIENCE_MS; i++)
		usleep(1000);
	if (n != d.fds)
		complain("%s: %d descriptors, %d before", when, n, d.fds);
	d.fds = n;		/* once, not after each case to come */
}

long
rss_of(pid_t pid)
{
	char	 path[64], line[256];
	long	 kib = 0;
	FILE	*f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if ((f = fopen(path, "re")) == NULL)
		return (0);
	while (fgets(line, sizeof(line), f) != NULL)
		(void)sscanf(line, "VmRSS: %ld", &kib);
	fclose(f);
	/* a sanitizer keeps what was freed for a while */
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	if ((f = fopen(path, "re")) == NULL)
		return (0);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strstr(line, "libasan") != NULL)
			kib = 0;
	fclose(f);
	return (kib);
}

long
rss(void)
{
	return (rss_of(d.pid) + rss_of(d.engine));
}

/* Of all that the broker has started the engine is the first. */
pid_t
engine_of(pid_t pid)
{
	pid_t	 list[LIST_MAX];

	return (children_of(pid, list) > 0 ? list[0] : -1);
}

/* Once it has been the same for a while: a start may not be over yet. */
static int
fds_settled(void)
{
	int	 i, n, was = -1, same = 0;

	for (i = 0; i < PATIENCE_MS && same < SETTLED_MS; i++) {
		n = fds_open();
		same = n == was ? same + 1 : 0;
		was = n;
		usleep(1000);
	}
	return (was);
}

void
drive_base(void)
{
	struct stat	 st;

	if (stat(d.store, &st) == -1)
		err(1, "%s", d.store);
	d.owner = st.st_uid - WORKERID_ENGINE;
	if ((d.canary = drive_connect()) == -1 ||
	    (d.trigger = drive_connect()) == -1)
		err(1, "%s/sock", d.store);
	canary();
	canary();
	d.nbase = children_of(d.pid, d.base);
	d.engine = engine_of(d.pid);
	d.fds = fds_settled();
}

void
plan_for(const struct state *s, const struct kase *k)
{
	struct plan	*p = d.plan;

	p->role = s->role;
	p->state = s->number;
	p->deed = DEED_SAY;
	p->repeat = 1;
	p->deaf = 0;
	p->linger = (uint32_t)must_die(s, &k->p);
	p->serial = ++d.serial * d.shards + d.shard;
	p->said = p->answered = 0;
	p->ping = !p->linger;
	p->named = s->number == E_NAMED || s->number == E_NEXT;
	p->kind = KIND_MAX;
	memcpy(p->uuid, pod_uuid, sizeof(p->uuid));
	strcpy(p->path, s->number == E_NAMED ? "tmp" : "");
	memcpy(&p->packet, &k->p, sizeof(k->p));
}

const struct state *
state_of(uint32_t number)
{
	size_t	 i;

	for (i = 0; i < nstates; i++)
		if (states[i].number == number)
			return (&states[i]);
	errx(1, "state %u", number);
}
