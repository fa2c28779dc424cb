/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* proto/chan.c: the one door refuses whatever may not come. */
#include <sys/socket.h>
#include <sys/uio.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../proto/chan.h"

struct pair {
	struct chan	 cli, engine;
};

static int
setup(void **state)
{
	static struct pair	 p;
	int			 fds[2];

	if (chan_pair(fds) == -1)
		return (-1);
	chan_init(&p.cli, fds[0], PEER_CLI, PEER_ENGINE);
	chan_init(&p.engine, fds[1], PEER_ENGINE, PEER_CLI);
	p.engine.phase = PH_IDLE;
	*state = &p;
	return (0);
}

static int
teardown(void **state)
{
	struct pair	*p = *state;

	if (p->cli.fd != -1)
		close(p->cli.fd);
	close(p->engine.fd);
	return (0);
}

static int
open_fds(void)
{
	DIR	*d;
	int	 n = 0;

	assert_non_null(d = opendir("/proc/self/fd"));
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return (n);
}

/* Sends a header of our making, len bytes of zeros, and nfds descriptors. */
static void
send_raw(int fd, const struct msg_hdr *hdr, const void *data, size_t len,
    unsigned int nfds)
{
	struct iovec	 iov[2];
	struct msghdr	 mh;
	struct cmsghdr	*cm;
	unsigned int	 i;
	int		 fds[8] = { 0 };
	union {
		struct cmsghdr	 hdr;
		unsigned char	 buf[CMSG_SPACE(sizeof(fds))];
	} control;

	memset(&mh, 0, sizeof(mh));
	iov[0].iov_base = (void *)(uintptr_t)hdr;
	iov[0].iov_len = hdr == NULL ? 0 : sizeof(*hdr);
	iov[1].iov_base = (void *)(uintptr_t)data;
	iov[1].iov_len = len;
	mh.msg_iov = iov;
	mh.msg_iovlen = 2;
	if (nfds > 0) {
		memset(&control, 0, sizeof(control));
		mh.msg_control = control.buf;
		mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		for (i = 0; i < nfds; i++)
			memcpy(CMSG_DATA(cm) + i * sizeof(int), &fds[i],
			    sizeof(int));
	}
	assert_int_not_equal(sendmsg(fd, &mh, 0), -1);
}

static struct msg_hdr
header(enum msg_type type)
{
	struct msg_hdr	 h;

	memset(&h, 0, sizeof(h));
	h.version = MSG_VERSION;
	h.type = (uint16_t)type;
	h.len = msg_info[type].size;
	h.peer = PEER_CLI;
	h.id = 7;
	return (h);
}

static void
refused(struct pair *p, const char *why)
{
	struct msg	 m;
	int		 before = open_fds();

	assert_int_equal(chan_recv(&p->engine, &m), -1);
	assert_int_equal(errno, EPROTO);
	assert_string_equal(p->engine.why, why);
	assert_int_equal(m.fd, -1);
	assert_int_equal(open_fds(), before);	/* nothing was kept */
}

static void
test_passes(void **state)
{
	struct pair		*p = *state;
	struct msg_image	 image;
	struct msg		 m;

	memset(&image, 0, sizeof(image));
	memcpy(image.name, "sha512-00", 9);
	assert_int_equal(chan_send(&p->cli, MSG_IMAGE_RM, 42, &image, -1), 0);
	assert_int_equal(chan_recv(&p->engine, &m), 1);
	assert_int_equal(m.hdr.type, MSG_IMAGE_RM);
	assert_int_equal(m.hdr.id, 42);
	assert_int_equal(m.fd, -1);
	assert_string_equal(m.u.image_rm.name, "sha512-00");
}

static void
test_descriptor_passes_close_on_exec(void **state)
{
	struct pair		*p = *state;
	struct msg_export	 e;
	struct msg		 m;
	int			 fd;

	assert_int_not_equal(fd = open("/dev/null", O_RDWR), -1);
	memset(&e, 0, sizeof(e));
	memcpy(e.name, "sha512-00", 9);
	assert_int_equal(chan_send(&p->cli, MSG_IMAGE_EXPORT, 1, &e, fd), 0);
	close(fd);
	assert_int_equal(chan_recv(&p->engine, &m), 1);
	assert_int_not_equal(m.fd, -1);
	assert_int_equal(fcntl(m.fd, F_GETFD), FD_CLOEXEC);
	close(m.fd);
}

static void
test_end(void **state)
{
	struct pair	*p = *state;
	struct msg	 m;

	close(p->cli.fd);
	p->cli.fd = -1;
	assert_int_equal(chan_recv(&p->engine, &m), 0);
}

static void
test_empty_packet(void **state)
{
	struct pair	*p = *state;
	struct msg	 m;

	send_raw(p->cli.fd, NULL, NULL, 0, 0);
	assert_int_equal(chan_recv(&p->engine, &m), -1);
	assert_int_equal(errno, EPROTO);
	assert_string_equal(p->engine.why, "an empty packet");
}

static void
test_half_an_end(void **state)
{
	struct pair	*p = *state;
	struct msg	 m;

	assert_int_equal(shutdown(p->cli.fd, SHUT_WR), 0);
	assert_int_equal(chan_recv(&p->engine, &m), 0);
}

static void
test_headers(void **state)
{
	struct pair	*p = *state;
	struct msg_hdr	 h;
	unsigned char	 zeros[MSG_PAYLOAD_MAX + 100] = { 0 };
	unsigned int	 t;

	send_raw(p->cli.fd, NULL, zeros, 3, 0);
	refused(p, "shorter than a header");
	send_raw(p->cli.fd, NULL, zeros, 0, 1);
	refused(p, "an empty packet");

	h = header(MSG_IMAGE_LIST);
	send_raw(p->cli.fd, &h, zeros, sizeof(zeros), 0);
	refused(p, "truncated data or control data");
	h.version++;
	send_raw(p->cli.fd, &h, zeros, h.len, 0);
	refused(p, "another version of the protocol");
	for (t = 0; t < 3; t++) {
		h = header(MSG_IMAGE_LIST);
		h.type = (uint16_t)(t == 0 ? MSG_NONE : t == 1 ? MSG_MAX :
		    UINT16_MAX);
		send_raw(p->cli.fd, &h, zeros, h.len, 0);
		refused(p, "unknown type");
	}
	h = header(MSG_IMAGE_LIST);
	h.flags = 1;
	send_raw(p->cli.fd, &h, zeros, h.len, 0);
	refused(p, "flags set");
	h = header(MSG_IMAGE_LIST);
	h.peer = PEER_HTTP;
	send_raw(p->cli.fd, &h, zeros, h.len, 0);
	refused(p, "wrong sender or receiver");
}

/* Whatever the type: only its receiver gets it, only in its size. */
static void
test_every_type(void **state)
{
	struct pair	*p = *state;
	struct msg_hdr	 h;
	unsigned char	 zeros[MSG_PAYLOAD_MAX] = { 0 };
	unsigned int	 t;

	for (t = MSG_NONE + 1; t < MSG_MAX; t++) {
		assert_true(msg_info[t].size > 0);
		assert_true(msg_info[t].size <= MSG_PAYLOAD_MAX);
		h = header((enum msg_type)t);
		if (msg_info[t].from != PEER_CLI) {
			send_raw(p->cli.fd, &h, zeros, h.len, 0);
			refused(p, "wrong sender or receiver");
			continue;
		}
		if (h.len < MSG_PAYLOAD_MAX) {
			send_raw(p->cli.fd, &h, zeros, h.len + 1, 0);
			refused(p, "wrong size");
		}
		send_raw(p->cli.fd, &h, zeros, h.len - 1, 0);
		refused(p, "wrong size");
		send_raw(p->cli.fd, &h, zeros, h.len,
		    msg_info[t].fd == FD_MUST ? 0 : 1);
		refused(p, msg_info[t].fd == FD_MUST ?
		    "missing descriptor" : "stray descriptor");
		send_raw(p->cli.fd, &h, zeros, h.len, 2);
		refused(p, "more than one descriptor");
		p->engine.phase = PH_END;
		send_raw(p->cli.fd, &h, zeros, h.len,
		    msg_info[t].fd == FD_MUST);
		refused(p, "not permitted in this phase");
		p->engine.phase = PH_IDLE;
	}
}

static void
test_too_many_descriptors(void **state)
{
	struct pair	*p = *state;
	struct msg_hdr	 h = header(MSG_IMAGE_LIST);
	unsigned char	 zeros[64] = { 0 };

	send_raw(p->cli.fd, &h, zeros, h.len, 8);
	refused(p, "truncated data or control data");
}

static void
test_payload_is_checked(void **state)
{
	struct pair		*p = *state;
	struct msg_image	 image;
	struct msg_hdr		 h = header(MSG_IMAGE_RM);

	memset(&image, 0, sizeof(image));
	send_raw(p->cli.fd, &h, &image, h.len, 0);
	refused(p, "a field of the payload is not valid");
	memset(&image, 'a', sizeof(image));	/* no end */
	send_raw(p->cli.fd, &h, &image, h.len, 0);
	refused(p, "a field of the payload is not valid");
	memset(&image, 0, sizeof(image));
	memcpy(image.name, "sha512-00\0x", 11);	/* something behind it */
	send_raw(p->cli.fd, &h, &image, h.len, 0);
	refused(p, "a field of the payload is not valid");
	memset(&image, 0, sizeof(image));
	memcpy(image.name, "../../etc", 9);
	send_raw(p->cli.fd, &h, &image, h.len, 0);
	refused(p, "a field of the payload is not valid");
}

static void
test_once(void **state)
{
	struct chan	 fetch, engine;
	struct msg	 m;
	int		 fds[2];

	(void)state;
	assert_int_equal(chan_pair(fds), 0);
	chan_init(&fetch, fds[0], PEER_FETCH, PEER_ENGINE);
	chan_init(&engine, fds[1], PEER_ENGINE, PEER_FETCH);
	assert_int_equal(chan_send(&fetch, MSG_FETCH_UP, 0, NULL, -1), 0);
	assert_int_equal(chan_send(&fetch, MSG_FETCH_UP, 0, NULL, -1), 0);
	assert_int_equal(chan_recv(&engine, &m), 1);
	assert_int_equal(chan_recv(&engine, &m), -1);
	assert_int_equal(errno, EPROTO);
	assert_string_equal(engine.why, "permitted once");
	close(fds[0]);
	close(fds[1]);
}

/* The engine says to the broker where; it is beneath the store or nowhere. */
static void
test_spawn_dir(void **state)
{
	static const char *const good[] = { "trash", "layers/sha256-0a/fs",
				    "pods/01234567-89ab-4cde-8f01-23456789abcd",
				    "-", "a//b", "a/" },
	    *const bad[] = { "", "/", "/etc", "..", "../etc", "a/../../etc",
		"a/..", ".", "./a", "a/./b", "a.b", "A", "a b", "a\n", "a\\b",
		"\303\244", "*", "a:b", "~", "a_b", "proc/self/fd/3/." };
	struct msg_spawn_dir	 m;
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		memset(&m, 0, sizeof(m));
		strcpy(m.path, good[i]);
		assert_true(msg_check[MSG_SPAWN_DIR](&m));
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&m, 0, sizeof(m));
		strcpy(m.path, bad[i]);
		assert_false(msg_check[MSG_SPAWN_DIR](&m));
	}
	memset(&m, 'a', sizeof(m));		/* no end */
	assert_false(msg_check[MSG_SPAWN_DIR](&m));
	m.path[sizeof(m.path) - 1] = '\0';
	assert_true(msg_check[MSG_SPAWN_DIR](&m));
	m.path[10] = '\0';			/* something behind it */
	assert_false(msg_check[MSG_SPAWN_DIR](&m));
}

/* Limits, names and the host's network are a container's alone. */
static void
test_spawn(void **state)
{
	const struct msg_spawn	 pod = { .child = 1, .program = SPAWN_INIT,
				    .flags = RUN_NETHOST | RUN_NOLIMITS,
				    .cpu = 1, .pids = 2, .memory = 3, .uuid =
				    "01234567-89ab-4cde-8f01-23456789abcd" };
	const struct msg_spawn	 help = { .child = 1, .flags = SPAWN_IDLE };
	struct msg_spawn	 m;
	uint32_t		 p;

	(void)state;
#define OK	msg_check[MSG_SPAWN](&m)
#define WITH(base, change)	(m = base, m.change, OK)
	assert_true(WITH(pod, child = 2));
	assert_false(WITH(pod, child = 0));
	assert_false(WITH(pod, zero = 1));
	assert_false(WITH(pod, uuid[0] = '\0'));
	assert_false(WITH(pod, uuid[0] = '/'));
	assert_false(WITH(pod, uuid[36] = 'x'));
	assert_false(WITH(pod, flags = SPAWN_IDLE));
	assert_false(WITH(pod, flags = RUN_TTY));
	assert_false(WITH(pod, flags = 0x80000000));
	for (p = 0; p < SPAWN_PROGRAMS; p++) {
		if (p == SPAWN_INIT)
			continue;
		assert_true(WITH(help, program = p));
		assert_false(WITH(m, flags = RUN_NETHOST));
		assert_false(WITH(m, flags = RUN_NOLIMITS));
		m.flags = 0;
		assert_false(WITH(m, cpu = 1));
		m.cpu = 0;
		assert_false(WITH(m, pids = 1));
		m.pids = 0;
		assert_false(WITH(m, memory = 1));
		m.memory = 0;
		assert_true(OK);
		assert_false(WITH(m, uuid[0] = 'a'));
	}
	assert_false(WITH(help, program = SPAWN_PROGRAMS));
	assert_false(WITH(help, program = 0xffffffff));
#undef WITH
#undef OK
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_passes, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_descriptor_passes_close_on_exec, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty_packet, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_half_an_end, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_headers, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_every_type, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_too_many_descriptors,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_payload_is_checked,
		    setup, teardown),
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_spawn_dir),
		cmocka_unit_test(test_spawn),
	};

	return (cmocka_run_group_tests_name("chan", tests, NULL, NULL));
}
