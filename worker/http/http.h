/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* What the files of berth-http share. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "../../common/limits.h"
#include "../../proto/msg.h"

struct event_base;

/* http_parse.c */

#define HTTP_GET	0x1
#define HTTP_HEAD	0x2
#define HTTP_POST	0x4
#define HTTP_OTHER	0x8	/* a well-formed method that nobody takes */

/* Header fields that we read, as bits of struct http_request.seen. */
#define HTTP_SAW_HOST		0x001
#define HTTP_SAW_LENGTH		0x002
#define HTTP_SAW_AUTHORIZATION	0x004
#define HTTP_SAW_CONNECTION	0x008
#define HTTP_SAW_BROWSER	0x010	/* Origin, Sec-Fetch-Site */
#define HTTP_SAW_CODING		0x020	/* Transfer-Encoding */
#define HTTP_SAW_EXPECT		0x040
#define HTTP_SAW_UPGRADE	0x080

struct http_slice {		/* bytes of the buffer that was parsed */
	uint32_t	 off, len;
};

struct http_request {		/* zeroed: at the beginning of a request */
	uint32_t	 line;		/* where the next line begins */
	uint32_t	 scan;		/* bytes looked at, >= line */
	uint32_t	 lines;		/* whole lines read */
	uint32_t	 seen;		/* HTTP_SAW_* */
	uint32_t	 method;	/* HTTP_GET, ... */
	uint32_t	 body;		/* bytes that follow the head */
	struct http_slice path;		/* "/..." up to "?" */
	struct http_slice query;	/* behind "?"; len 0: there is none */
	struct http_slice authorization;
	uint8_t		 minor;		/* of HTTP/1.x: 0 or 1 */
	uint8_t		 keepalive;	/* the client wants to go on */
	uint8_t		 hostname;	/* Host is a name but localhost */
	uint8_t		 close, keep;	/* words in Connection */
	uint8_t		 whole;		/* HTTP_WHOLE was returned */
};

enum http_result {
	HTTP_MORE,		/* the head is not whole yet */
	HTTP_WHOLE,		/* line is the head's length */
	/* Refused: */
	HTTP_BAD_LINE_END,
	HTTP_BAD_CONTROL,
	HTTP_BAD_REQUEST_LINE,
	HTTP_BAD_METHOD,
	HTTP_BAD_TARGET,
	HTTP_BAD_VERSION,
	HTTP_BAD_FIELD,
	HTTP_BAD_FOLD,
	HTTP_BAD_HOST,
	HTTP_BAD_LENGTH,
	HTTP_BAD_CODING,
	HTTP_BAD_EXPECT,
	HTTP_BAD_UPGRADE,
	HTTP_BAD_AUTHORIZATION,
	HTTP_BAD_HEAD_SIZE,
	HTTP_BAD_BODY_SIZE,
	HTTP_RESULT_MAX
};

/*
 * Reads on where it stopped: buf holds the request's bytes from the first
 * one on, len of them by now (RFC 9112, but for all that it lets a recipient
 * repair).  Pure.
 */
enum http_result http_parse(struct http_request *, const char *buf,
		    size_t len);
/* The status of a refusal (400, 413, ...) and its reason. */
int		 http_refusal(enum http_result, const char **text);

/* http_query.c */

struct http_app {
	char	 name[APPNAME_MAXLEN + 1];
	uint32_t nparams;
	struct {
		char	 name[PARAMNAME_MAXLEN + 1];
		uint32_t flags;		/* PARAM_* */
	} params[PARAMS_MAX];
};

enum query_error {
	QUERY_OK,
	QUERY_SYNTAX,		/* not NAME=VALUE joined by "&" */
	QUERY_ESCAPE,		/* "%" without two hex digits */
	QUERY_BYTES,		/* control characters, or not UTF-8 */
	QUERY_LONG,
	QUERY_APP_NEEDED,	/* several apps, and none chosen */
	QUERY_APP_UNKNOWN,
	QUERY_UNDECLARED,
	QUERY_TWICE,
	QUERY_MISSING,
	QUERY_EMPTY
};

struct query_why {
	enum query_error error;
	char		 name[PARAMNAME_MAXLEN + 1];	/* which, or empty */
};

/*
 * The app that query q of len bytes chooses, and the values of its declared
 * parameters, in *m.  With takes false no parameter is taken but "app".
 * "+" is a blank.  0, or -1 with *why.  Pure.
 */
int	 http_query(const char *q, size_t len, const struct http_app *,
	    uint32_t napps, int takes, struct msg_http_start *m,
	    struct query_why *why);
/* One line for the client. */
void	 query_text(const struct query_why *, char *, size_t size);

/* reply.c */

#define REPLY_SIZE	4096	/* head and body of any reply */

struct reply {
	uint32_t	 headlen, bodylen;
	int		 status;
	char		 head[512];	/* all but Date, Connection and end */
	char		 body[2 * MSG_TEXT_SIZE + 64];
};

/* What a reply says of the connection. */
enum reply_end { REPLY_KEEP, REPLY_KEEP_10, REPLY_CLOSE };

/* Before the sandbox: what the C library reads for the time of day. */
void	 reply_init(void);
/*
 * {"status":"ok"} or "error" by the status; with a message unless text is
 * empty.  text is printable ASCII.  extra is a whole header line or NULL.
 */
void	 reply_make(struct reply *, int status, const char *text,
	    const char *extra);
/* Writes at most REPLY_SIZE bytes to dst; returns how many. */
size_t	 reply_write(const struct reply *, enum reply_end, int headonly,
	    char *dst);

/* http_conn.c */

struct conn;

/* limit: connections at most. */
void	 conn_init(struct event_base *, unsigned int limit);
/* Begins to accept; keeps the listening socket.  0, or -1 with errno. */
int	 conn_listen(int fd);
/* For route_request(): the answer.  The reply is copied. */
void	 conn_answer(struct conn *, const struct reply *);
/*
 * For route_request(), instead: the answer comes later, by this id; 0 when
 * too many wait already.
 */
uint32_t conn_wait(struct conn *);
/* For route_request(): no, it is answered at once after all. */
void	 conn_unwait(struct conn *);
/* Accepts no more; true while replies are still on their way out. */
int	 conn_drain(void);
/* The answer to an id; unknown ones (the client has gone) are ignored. */
void	 conn_reply(uint32_t id, const struct reply *);

/* http_wait.c */

/* A request id, never given before to one still remembered; 0: no room. */
uint32_t wait_add(struct conn *);
/* NULL for an id that is not waited for. */
struct conn *wait_find(uint32_t id);
/* 0 and unknown ids are fine. */
void	 wait_remove(uint32_t id);
/* One that is waited for, or 0. */
uint32_t wait_first(void);

/* routes.c */

/* Called by http_conn.c for each request; answers, or waits. */
void	 route_request(struct conn *, const struct http_request *,
	    const char *buf);
/* What the broker tells; copied. */
void	 route_hello(const struct msg_http_hello *);
/* 0, or -1 when the broker's list has a gap. */
int	 route_app(const struct msg_http_app *);
int	 route_param(const struct msg_http_param *);
/* True when every app of the hello has come. */
int	 route_complete(void);
void	 route_state(const struct msg_http_state *);
void	 route_pong(void);

/* http.c */

/* 0, or -1 when the broker does not take it now. */
int	 http_send(enum msg_type, uint32_t id, const void *payload);
/* Monotonic, coarse: milliseconds. */
uint64_t http_now(void);

#endif
