/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * berth-fetch, private: one registry, one job.  fetch.c talks to the broker,
 * registry.c knows the distribution protocol, auth.c its tokens, http.c one
 * exchange; the rest are pure parsers and policies.
 */
#ifndef FETCH_FETCH_H
#define FETCH_FETCH_H

#include <sys/socket.h>

#include <curl/curl.h>
#include <event2/event.h>

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "../../common/limits.h"
#include "../../common/ref.h"
#include "../../proto/msg.h"

/* challenge.c */

struct challenge {
	unsigned int	 schemes;	/* CHALLENGE_* */
	char		 realm[1024];	/* all of the first Bearer */
	char		 service[256];
	char		 scope[1024];
	char		 error[64];
};

#define CHALLENGE_BEARER	0x01
#define CHALLENGE_BASIC		0x02
#define CHALLENGE_OTHER		0x04

/*
 * Adds what one WWW-Authenticate field value (RFC 9110 11.6.1) holds to *c,
 * which begins zeroed.  0, or -1 when the value breaks the grammar, names a
 * parameter twice or does not fit; *c is undefined then.
 */
int	 challenge_parse(const char *value, size_t len, struct challenge *c);

/* header.c */

/* "bytes 5-9/10"; total is UINT64_MAX for "*".  0, or -1. */
int	 header_range(const char *value, uint64_t *first, uint64_t *last,
	    uint64_t *total);
/* Seconds or an IMF-fixdate (RFC 9110 10.2.3), as seconds from now. */
int	 header_retry(const char *value, time_t now, uint64_t *seconds);
/* Decimal digits only; 0, or -1. */
int	 header_number(const char *value, uint64_t *n);
/* The type without parameters, in lower case; 0, or -1. */
int	 header_type(const char *value, char *type, size_t size);
/* enum media of a Content-Type without parameters, or MEDIA_UNKNOWN. */
enum media header_media(const char *type);

/* url.c */

enum url_error {
	URL_OK,
	URL_BAD,		/* no URL */
	URL_LONG,
	URL_SCHEME,		/* neither http nor https */
	URL_USER,		/* has userinfo */
	URL_DOWNGRADE,		/* https to http */
	URL_NOMEM
};

/* All allocated by url.c. */
struct url {
	char		*text;		/* as sent; without fragment */
	char		*scheme;	/* "http" or "https" */
	char		*host;		/* lower case; IPv6 in brackets */
	uint16_t	 port;		/* never 0 */
};

/* On failure *u is empty.  url_free() is legal on a zeroed or freed one. */
enum url_error	 url_parse(const char *, struct url *);
/* A Location as seen from base; the downgrade is refused here. */
enum url_error	 url_resolve(const struct url *base, const char *location,
		    struct url *);
const char	*url_strerror(enum url_error);
int		 url_same_origin(const struct url *, const struct url *);
/* "host" or "host:port", without the port that the scheme implies. */
void		 url_host(const struct url *, char *, size_t);
void		 url_free(struct url *);
/*
 * The URL of a token request: realm with service and scope (either may be
 * empty) added to its query, escaped.
 */
enum url_error	 url_token(const char *realm, const char *service,
		    const char *scope, struct url *);

/* addr.c */

enum addr_class {
	ADDR_PUBLIC,
	ADDR_PRIVATE,
	ADDR_LOOPBACK,
	ADDR_LINKLOCAL,
	ADDR_METADATA,		/* of a cloud */
	ADDR_UNSPECIFIED,
	ADDR_MULTICAST,
	ADDR_RESERVED
};

struct addr_policy {
	struct sockaddr_storage	 named;	/* family AF_UNSPEC: none */
	int		 loopback;	/* the user said localhost */
	enum addr_class	 widest;	/* of the registry's addresses seen */
	int		 seen;
};

/* host: as the user typed it, IPv6 in brackets. */
void		 addr_policy_init(struct addr_policy *, const char *host);
enum addr_class	 addr_classify(const struct sockaddr *);
/*
 * May this address be connected to?  registry says whether it stands for the
 * registry itself; its addresses are remembered.  NULL, or why not.
 */
const char	*addr_refused(struct addr_policy *, const struct sockaddr *,
		    int registry);

/* http.c */

struct http;
struct xfer;

struct http_head {
	unsigned int	 status;
	int		 chunked;
	int		 encoded;	/* a Content-Encoding but identity */
	int		 bad;		/* a field that does not parse */
	uint64_t	 length;	/* UINT64_MAX: not said */
	char		 type[128];	/* lower case, or empty */
	char		 digest[DIGEST_SIZE];	/* Docker-Content-Digest */
	char		 range[80];	/* Content-Range */
	char		 retry[64];	/* Retry-After */
	char		*location;
	int		 challenge_bad;
	struct challenge challenge;
};

struct http_result {
	CURLcode	 code;
	int		 os_errno;
	char		 text[CURL_ERROR_SIZE];	/* printable or not */
	const char	*refused;	/* address policy: why, or NULL */
	char		 address[64];	/* the refused one */
	const struct http_head *head;	/* status 0: none came */
};

struct http_spec {
	const struct url *url;
	int		 head;		/* HEAD, not GET */
	int		 registry;	/* for addr_refused() */
	int		 insecure_tls;
	long		 timeout;	/* seconds for all of it, 0: none */
	uint64_t	 offset;	/* Range: bytes=OFFSET-, if not 0 */
	const char	*accept;	/* or NULL */
	const char	*token;		/* Bearer, or NULL */
	/* 0, or -1 to end the exchange */
	int		(*on_head)(void *, const struct http_head *);
	/* bytes taken: len, HTTP_PAUSE (all of it comes again) or HTTP_ABORT */
	size_t		(*on_body)(void *, const unsigned char *, size_t len);
	/* The xfer is freed behind it. */
	void		(*on_done)(void *, const struct http_result *);
	void		*arg;
};

#define HTTP_PAUSE	CURL_WRITEFUNC_PAUSE
#define HTTP_ABORT	((size_t)0)	/* never called with len 0 */

/* NULL with errno. */
struct http	*http_new(struct event_base *, struct addr_policy *);
/* Copies all of the spec but arg.  NULL with errno ENOMEM. */
struct xfer	*http_start(struct http *, const struct http_spec *);
void		 http_unpause(struct xfer *);
/* Outside the callbacks of spec only; on_done is not called. */
void		 http_cancel(struct xfer *);

/* A body kept in memory, bounded. */
struct body {
	char		*data;		/* ends with a NUL */
	size_t		 len, size, max;
};

/* 0, or -1 with errno E2BIG, ENOMEM. */
int	 body_add(struct body *, const void *, size_t);
void	 body_free(struct body *);

/* auth.c */

struct fetch;
struct request;

/*
 * Gets a token by this challenge, or by the last with NULL, then calls
 * request_again() for r and for whoever asks meanwhile.  Fails the job when
 * there is none to be had.
 */
void	 auth_get(struct fetch *, const struct challenge *, struct request *);
/* The token to send, or NULL.  *serial changes with each new token. */
const char *auth_token(const struct fetch *, unsigned int *serial);
/* It has run out and auth_renew() can get another. */
int	 auth_expired(const struct fetch *);
void	 auth_renew(struct fetch *, struct request *);
/* r is no more: it is not to be woken. */
void	 auth_forget(struct fetch *, const struct request *);

/* registry.c */

struct sink {
	/* A good answer begins at byte offset: 0, or -1: give up quietly. */
	int		(*begin)(void *, struct request *,
			    const struct http_head *, uint64_t offset);
	size_t		(*data)(void *, const unsigned char *, size_t);
	/* All bytes are there.  The request is freed behind it. */
	void		(*end)(void *, const struct http_head *);
	/* The reader has gone away. */
	void		(*gone)(void *);
};

enum request_kind { REQUEST_MANIFEST, REQUEST_BLOB };

struct request_spec {
	uint32_t	 id;		/* of the broker's message */
	enum request_kind kind;
	int		 head;
	int		 resume;	/* a cut body is continued by Range */
	const char	*name;		/* tag or digest */
	uint64_t	 size;		/* UINT64_MAX: unknown */
	uint64_t	 max;		/* bytes, when size is unknown */
	const struct sink *sink;
	void		*arg;
};

int	 registry_init(struct fetch *, const struct msg_fetch_resolve *);
/* Fails the job when memory is short. */
struct request *request_start(struct fetch *, const struct request_spec *);
/* For auth.c: now with another token. */
void	 request_again(struct request *);
void	 request_unpause(struct request *);
/* Outside the sink's data() only. */
void	 request_cancel(struct request *);
uint32_t request_id(const struct request *);
/* Fails the job over this request: "REF: GET PATH: " and the text. */
void	 request_fail(const struct request *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3), noreturn));

/* retry.c */

struct retry {
	unsigned int	 tries;
	uint64_t	 waited;	/* milliseconds, in sum */
};

/* A status that may pass by itself: 429, 502, 503, 504. */
int	 retry_status(unsigned int status);
/*
 * Counts a failed try.  0 with the milliseconds to wait before the next:
 * what Retry-After (may be empty) says, else base doubled with each try.
 * -1 when tries or time are used up; *ms is what the server asked for then,
 * or 0.
 */
int	 retry_next(struct retry *, const char *after, uint64_t base,
	    uint64_t *ms);

/* error.c */

/* Connection trouble in our words, into text. */
void	 error_transport(const struct http_result *, char *text, size_t);
/* "404 not found (CODE: message)"; body: what came with it. */
void	 error_status(unsigned int status, const struct body *, char *text,
	    size_t);

/* doc.c */

void	 doc_resolve(struct fetch *, uint32_t id,
	    const struct msg_fetch_resolve *);
void	 doc_get(struct fetch *, uint32_t id, const struct msg_fetch_blob *);

/* blob.c */

/* Takes ownership of fd, the write end of a pipe. */
void	 blob_get(struct fetch *, uint32_t id, const struct msg_fetch_blob *,
	    int fd);

/* fetch.c */

struct auth;

struct registry {
	struct ref	 ref;
	struct url	 url;		/* scheme and host, path "/" */
	struct addr_policy policy;
	char		 name[REF_MAXLEN + 1];	/* the reference, for people */
	uint32_t	 insecure;	/* INSECURE_TLS, INSECURE_HTTP */
	int		 other_scheme;	/* may still be tried */
	int		 answered;	/* it has spoken HTTP with us */
	char		 first_error[256];	/* before the scheme changed */
};

struct fetch {
	struct event_base *base;
	struct evchan	*chan;
	struct http	*http;
	struct auth	*auth;
	struct registry	 reg;
};

/* Sends to the broker; a full queue ends us. */
void	 fetch_send(struct fetch *, enum msg_type, uint32_t id,
	    const void *payload, int fd);
void	 fetch_note(struct fetch *, uint32_t id, enum note_kind,
	    uint64_t done, uint64_t total, const char *fmt, ...)
	    __attribute__((format(printf, 6, 7)));
/* The one line for the user: "REF: " and any bytes.  Then we exit with 1. */
void	 fetch_fail(struct fetch *, uint32_t id, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4), noreturn));

#endif
