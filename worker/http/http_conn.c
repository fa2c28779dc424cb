/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The connections of berth-http: bytes from clients to requests, replies
 * back in order, each within one absolute deadline.
 *
 * A connection is idle (between requests), busy (a request is coming in or a
 * reply going out) or waiting (for the broker, as long as that takes).  The
 * first two are lists in the order of their deadlines, since all are equally
 * far away.  When there are too many connections the oldest idle one, else
 * the oldest busy one, makes room: who comes with a whole request is served
 * however many others only hold on.
 */
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "http.h"

#define IN_SIZE		(HTTP_HEAD_MAX + HTTP_BODY_MAX + 4096)
#define OUT_SIZE	16384
#define ACCEPT_TURN	64	/* connections taken before the loop goes on */
#define LINGER_MAX	65536	/* bytes thrown away behind the last reply */
#define TICK_MS		100	/* deadlines are kept this exactly */

enum conn_state { CONN_IDLE, CONN_BUSY, CONN_WAITING };

struct conn {
	TAILQ_ENTRY(conn)	 entry;		/* unless waiting */
	struct event		 rd, wr;
	struct http_request	 req;
	uint64_t		 deadline;	/* ms, see http_now() */
	char			*in, *out;	/* what must wait, or NULL */
	size_t			 inlen, outlen, outoff;
	size_t			 linger;	/* bytes thrown away so far */
	uint32_t		 served;
	uint32_t		 id;		/* while waiting, or 0 */
	int			 fd;
	enum conn_state		 state;
	uint8_t			 closing;	/* after the replies */
	uint8_t			 lingering;	/* the client may still talk */
};

TAILQ_HEAD(conns, conn);

static struct event_base	*base;
static struct conns		 lists[2];	/* CONN_IDLE, CONN_BUSY */
static unsigned int		 nconns, max_conns;
static struct event		 listener, tick;
static int			 paused, ticking;

/* One request's bytes, and replies on their way: used by one at a time. */
static char			 in_buf[IN_SIZE];
static char			 out_buf[OUT_SIZE];
static size_t			 out_len;

static void
tick_arm(uint64_t ms)
{
	struct timeval	 tv;

	ticking = 1;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	evtimer_add(&tick, &tv);
}

/* Moves to a state's list, with a new deadline. */
static void
conn_set(struct conn *c, enum conn_state state)
{
	if (c->state != CONN_WAITING)
		TAILQ_REMOVE(&lists[c->state], c, entry);
	c->state = state;
	if (state == CONN_WAITING)
		return;
	TAILQ_INSERT_TAIL(&lists[state], c, entry);
	c->deadline = http_now() + HTTP_DEADLINE_MS;
	if (!ticking)
		tick_arm(HTTP_DEADLINE_MS);
}

static void
listener_resume(void)
{
	if (paused)
		event_add(&listener, NULL);
	paused = 0;
}

static void
conn_free(struct conn *c)
{
	wait_remove(c->id);
	if (c->state != CONN_WAITING)
		TAILQ_REMOVE(&lists[c->state], c, entry);
	event_del(&c->rd);
	event_del(&c->wr);
	close(c->fd);
	free(c->in);
	free(c->out);
	free(c);
	nconns--;
	listener_resume();
}

/*
 * The last reply is out.  Closing with bytes unread would reset the
 * connection and take the reply along, so those are thrown away first.
 */
static void
conn_finish(struct conn *c)
{
	if (!c->lingering || shutdown(c->fd, SHUT_WR) == -1) {
		conn_free(c);
		return;
	}
	conn_set(c, CONN_BUSY);
	event_add(&c->rd, NULL);
}

/* Sends what out_buf holds; the rest waits.  -1 when the client is gone. */
static int
conn_flush(struct conn *c)
{
	size_t	 len = out_len;
	ssize_t	 n;

	out_len = 0;
	if (len == 0)
		return (0);
	if ((n = send(c->fd, out_buf, len, MSG_NOSIGNAL)) == -1) {
		if (errno != EAGAIN && errno != EINTR)
			return (-1);
		n = 0;
	}
	len -= (size_t)n;
	if (len == 0)
		return (0);
	if ((c->out = malloc(len)) == NULL)
		return (-1);
	memcpy(c->out, out_buf + n, len);
	c->outlen = len;
	c->outoff = 0;
	/* No further request is read before the client has read this. */
	event_del(&c->rd);
	event_add(&c->wr, NULL);
	conn_set(c, CONN_BUSY);
	return (0);
}

void
conn_answer(struct conn *c, const struct reply *r)
{
	enum reply_end	 end;

	if (++c->served >= HTTP_REQUESTS_MAX || r->status == 400)
		c->closing = c->lingering = 1;
	if (!c->req.keepalive)
		c->closing = 1;
	end = c->closing ? REPLY_CLOSE :
	    c->req.minor == 0 ? REPLY_KEEP_10 : REPLY_KEEP;
	out_len += reply_write(r, end, c->req.method == HTTP_HEAD,
	    out_buf + out_len);
}

uint32_t
conn_wait(struct conn *c)
{
	if ((c->id = wait_add(c)) != 0)
		conn_set(c, CONN_WAITING);
	return (c->id);
}

void
conn_unwait(struct conn *c)
{
	wait_remove(c->id);
	c->id = 0;
	conn_set(c, CONN_BUSY);
}

/* A malformed request: one answer, and the end. */
static void
conn_refuse(struct conn *c, enum http_result res)
{
	struct reply	 r;
	const char	*text;
	int		 status = http_refusal(res, &text);

	c->lingering = 1;
	memset(&c->req, 0, sizeof(c->req));	/* no keepalive, no HEAD */
	reply_make(&r, status, text, NULL);
	conn_answer(c, &r);
}

/* Keeps what is not yet a whole request.  -1 when there is no memory. */
static int
conn_keep(struct conn *c, const char *buf, size_t len)
{
	char	*copy = NULL;

	if (len > 0 && (copy = malloc(len)) == NULL)
		return (-1);
	if (len > 0)
		memcpy(copy, buf, len);
	free(c->in);
	c->in = copy;
	c->inlen = len;
	return (0);
}

/*
 * Answers the whole requests in in_buf[0 .. len).  Returns the bytes that
 * they took, or -1 when the client is gone.
 */
static ssize_t
conn_requests(struct conn *c, size_t len)
{
	enum http_result res;
	size_t		 off = 0;

	while (off < len && !c->closing && c->id == 0 && c->out == NULL) {
		res = http_parse(&c->req, in_buf + off, len - off);
		if (res > HTTP_WHOLE) {
			conn_refuse(c, res);
			off = len;
			break;
		}
		if (res == HTTP_MORE || len - off < c->req.line + c->req.body)
			break;
		route_request(c, &c->req, in_buf + off);
		off += c->req.line + c->req.body;
		if (c->id == 0)		/* else conn_reply() needs it */
			memset(&c->req, 0, sizeof(c->req));
		if (out_len > OUT_SIZE - REPLY_SIZE && conn_flush(c) == -1)
			return (-1);
	}
	return (conn_flush(c) == -1 ? -1 : (ssize_t)off);
}

/* len bytes of in_buf are the client's. */
static void
conn_process(struct conn *c, size_t len)
{
	ssize_t	 off;

	if ((off = conn_requests(c, len)) == -1 ||
	    conn_keep(c, in_buf + off, len - (size_t)off) == -1) {
		conn_free(c);
		return;
	}
	if (c->out != NULL)
		return;
	if (c->closing && c->id == 0) {
		conn_finish(c);
		return;
	}
	event_add(&c->rd, NULL);
	if (c->id != 0)
		return;
	/* A deadline is set when a request begins, not when it goes on. */
	if (c->inlen == 0)
		conn_set(c, CONN_IDLE);
	else if (off > 0 || c->state != CONN_BUSY)
		conn_set(c, CONN_BUSY);
}

/* A reply is out: on with what came in the meantime. */
static void
conn_resume(struct conn *c)
{
	size_t	 len = c->inlen;

	if (len > 0)
		memcpy(in_buf, c->in, len);
	conn_process(c, len);
}

/* Bytes, or the end, behind a request that the broker works on. */
static void
conn_peek(struct conn *c)
{
	char	 byte;
	ssize_t	 n = recv(c->fd, &byte, 1, MSG_PEEK);

	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		conn_free(c);
	else if (n == 1)
		event_del(&c->rd);	/* it speaks when it is its turn */
}

/* Until the client closes; one that goes on talking is left to itself. */
static void
conn_discard(struct conn *c)
{
	ssize_t	 n = recv(c->fd, in_buf, sizeof(in_buf), 0);

	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		conn_free(c);
	else if (n > 0 && (c->linger += (size_t)n) >= LINGER_MAX)
		event_del(&c->rd);
}

static void
conn_read(evutil_socket_t fd, short what, void *arg)
{
	struct conn	*c = arg;
	ssize_t		 n;

	(void)what;
	if (c->id != 0) {
		conn_peek(c);
		return;
	}
	if (c->closing) {
		conn_discard(c);
		return;
	}
	if (c->inlen > 0)
		memcpy(in_buf, c->in, c->inlen);
	n = recv(fd, in_buf + c->inlen, sizeof(in_buf) - c->inlen, 0);
	if (n > 0)
		conn_process(c, c->inlen + (size_t)n);
	else if (n == -1 && (errno == EAGAIN || errno == EINTR))
		event_add(&c->rd, NULL);	/* a new one's is on its way */
	else
		conn_free(c);
}

static void
conn_write(evutil_socket_t fd, short what, void *arg)
{
	struct conn	*c = arg;
	ssize_t		 n;

	(void)what;
	n = send(fd, c->out + c->outoff, c->outlen - c->outoff, MSG_NOSIGNAL);
	if (n == -1 && errno != EAGAIN && errno != EINTR) {
		conn_free(c);
		return;
	}
	if (n > 0)
		c->outoff += (size_t)n;
	if (c->outoff < c->outlen)
		return;
	event_del(&c->wr);
	free(c->out);
	c->out = NULL;
	conn_resume(c);
}

void
conn_reply(uint32_t id, const struct reply *r)
{
	struct conn	*c;

	if ((c = wait_find(id)) == NULL)
		return;
	conn_unwait(c);
	conn_answer(c, r);
	memset(&c->req, 0, sizeof(c->req));
	if (conn_flush(c) == -1)
		conn_free(c);
	else if (c->out == NULL)
		conn_resume(c);
}

static void
conn_new(int fd)
{
	struct conn	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return;
	}
	c->fd = fd;
	event_assign(&c->rd, base, fd, EV_READ | EV_PERSIST, conn_read, c);
	event_assign(&c->wr, base, fd, EV_WRITE | EV_PERSIST, conn_write, c);
	nconns++;
	c->state = CONN_WAITING;	/* in no list yet */
	conn_set(c, CONN_IDLE);
	conn_read(fd, EV_READ, c);
}

/* True when there is room for one more. */
static int
conn_room(void)
{
	struct conn	*c;

	if (nconns < max_conns)
		return (1);
	if ((c = TAILQ_FIRST(&lists[CONN_IDLE])) == NULL &&
	    (c = TAILQ_FIRST(&lists[CONN_BUSY])) == NULL)
		return (0);
	conn_free(c);
	return (1);
}

static void
listener_read(evutil_socket_t fd, short what, void *arg)
{
	int	 i, s;

	(void)what;
	(void)arg;
	for (i = 0; i < ACCEPT_TURN && conn_room(); i++) {
		s = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (s != -1)
			conn_new(s);
		else if (errno == EAGAIN)
			return;
		else if (errno != ECONNABORTED && errno != EINTR)
			break;
	}
	if (i == ACCEPT_TURN)
		return;
	paused = 1;	/* until a connection ends, or the tick */
	event_del(&listener);
	if (!ticking)
		tick_arm(HTTP_DEADLINE_MS);
}

/* Returns the milliseconds until the next deadline, UINT64_MAX for none. */
static uint64_t
expire(struct conns *list, uint64_t now)
{
	struct conn	*c;

	while ((c = TAILQ_FIRST(list)) != NULL && c->deadline <= now)
		conn_free(c);
	return (c == NULL ? UINT64_MAX : c->deadline - now);
}

static void
tick_run(evutil_socket_t fd, short what, void *arg)
{
	uint64_t	 now = http_now(), ms, other;

	(void)fd;
	(void)what;
	(void)arg;
	ticking = 0;
	ms = expire(&lists[CONN_IDLE], now);
	if ((other = expire(&lists[CONN_BUSY], now)) < ms)
		ms = other;
	listener_resume();
	if (ms != UINT64_MAX)
		tick_arm(ms < TICK_MS ? TICK_MS : ms);
}

void
conn_init(struct event_base *b, unsigned int limit)
{
	base = b;
	max_conns = limit;
	TAILQ_INIT(&lists[CONN_IDLE]);
	TAILQ_INIT(&lists[CONN_BUSY]);
	evtimer_assign(&tick, base, tick_run, NULL);
}

int
conn_listen(int fd)
{
	int	 on = 1, size = OUT_SIZE;

	/* Inherited: one write a reply, and little kept for who stalls. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (evutil_make_socket_nonblocking(fd) == -1)
		return (-1);
	event_assign(&listener, base, fd, EV_READ | EV_PERSIST, listener_read,
	    NULL);
	return (event_add(&listener, NULL));
}

int
conn_drain(void)
{
	struct conn	*c;

	if (event_initialized(&listener))
		event_del(&listener);
	TAILQ_FOREACH(c, &lists[CONN_BUSY], entry)
		if (c->out != NULL)
			return (1);
	return (0);
}
