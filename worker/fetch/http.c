/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * One HTTP exchange of berth-fetch: libcurl's multi handle in the libevent
 * loop.  No redirect, login, retry, proxy, cookie or file of the host is
 * libcurl's to decide on.
 */
#include "../../common/log.h"
#include "fetch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "head.h"

#define BUFFER_SIZE	(256L * 1024)	/* what one read from a socket takes */
#define CONNECT_TIMEOUT	20L		/* seconds, TLS included */
#define SLOW_BYTES	512L		/* per second, and for this long: */
#define SLOW_SECONDS	30L

struct http {
	struct event_base	*base;
	struct event		*timer;
	struct addr_policy	*policy;
	CURLM			*multi;
	const char		*cafile;	/* NULL: not looked for yet */
};

struct xfer {
	struct http		*http;
	CURL			*easy;
	struct curl_slist	*fields;
	struct http_spec	 spec;	/* url, accept, token: not kept */
	struct head_reader	 reader;
	const char		*refused;
	char			*tls_host;	/* NULL: not verified */
	char			 address[64];
	char			 text[CURL_ERROR_SIZE];
};

static void	 http_finish(struct http *);

/* What a distribution calls its bundle; the sandbox lets these through. */
static const char *const	 cafiles[] = {
	"/etc/ssl/certs/ca-certificates.crt",	/* Debian */
	"/etc/pki/tls/certs/ca-bundle.crt",	/* Fedora */
	"/etc/ssl/ca-bundle.pem",		/* SUSE */
	"/etc/ssl/cert.pem",			/* Alpine */
};

static const char *
http_cafile(struct http *h)
{
	size_t	 i;

	for (i = 0; h->cafile == NULL &&
	    i < sizeof(cafiles) / sizeof(cafiles[0]); i++)
		if (access(cafiles[i], R_OK) == 0)
			h->cafile = cafiles[i];
	return (h->cafile != NULL ? h->cafile : cafiles[0]);
}

/* libcurl and libevent: each socket has one event, each multi one timer. */

static void
http_on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct http	*h = arg;
	int		 mask = 0, running;

	if (what & EV_READ)
		mask |= CURL_CSELECT_IN;
	if (what & EV_WRITE)
		mask |= CURL_CSELECT_OUT;
	curl_multi_socket_action(h->multi, fd, mask, &running);
	http_finish(h);
}

static void
http_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct http	*h = arg;
	int		 running;

	(void)fd;
	(void)what;
	curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	http_finish(h);
}

static int
http_watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *sock)
{
	struct http	*h = arg;
	struct event	*ev = sock;
	short		 flags = EV_PERSIST;

	(void)easy;
	if (ev != NULL)
		event_del(ev);
	if (what == CURL_POLL_REMOVE) {
		curl_multi_assign(h->multi, fd, NULL);
		if (ev != NULL)
			event_free(ev);
		return (0);
	}
	if (what & CURL_POLL_IN)
		flags |= EV_READ;
	if (what & CURL_POLL_OUT)
		flags |= EV_WRITE;
	if (ev == NULL) {
		ev = event_new(h->base, fd, flags, http_on_socket, h);
		if (ev == NULL ||
		    curl_multi_assign(h->multi, fd, ev) != CURLM_OK)
			return (-1);
	} else if (event_assign(ev, h->base, fd, flags, http_on_socket, h) ==
	    -1)
		return (-1);
	/* libcurl would give up, and tell whoever calls it next: nobody */
	if (event_add(ev, NULL) == -1)
		fatal("event");
	return (0);
}

static int
http_set_timer(CURLM *multi, long ms, void *arg)
{
	struct http	*h = arg;
	struct timeval	 tv;

	(void)multi;
	if (ms == -1)
		return (evtimer_del(h->timer));
	tv.tv_sec = ms / 1000;
	tv.tv_usec = (ms % 1000) * 1000;
	return (evtimer_add(h->timer, &tv));
}

struct http *
http_new(struct event_base *base, struct addr_policy *policy)
{
	struct http	*h;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return (NULL);
	h->base = base;
	h->policy = policy;
	h->timer = evtimer_new(base, http_on_timer, h);
	h->multi = curl_multi_init();
	if (h->timer == NULL || h->multi == NULL) {
		if (h->timer != NULL)
			event_free(h->timer);
		curl_multi_cleanup(h->multi);
		free(h);
		errno = ENOMEM;
		return (NULL);
	}
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, http_watch);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, http_set_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
	    (long)FETCH_CONNS_MAX);
	return (h);
}

/* libcurl's callbacks. */

static curl_socket_t
xfer_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct xfer	*x = arg;
	const void	*addr;

	if (purpose != CURLSOCKTYPE_IPCXN)
		return (CURL_SOCKET_BAD);
	x->refused = addr_refused(x->http->policy, &a->addr,
	    x->spec.registry);
	if (x->refused == NULL)
		return (socket(a->family, a->socktype | SOCK_CLOEXEC |
		    SOCK_NONBLOCK, a->protocol));
	if (a->family == AF_INET)
		addr = &((struct sockaddr_in *)&a->addr)->sin_addr;
	else
		addr = &((struct sockaddr_in6 *)&a->addr)->sin6_addr;
	if (inet_ntop(a->family, addr, x->address, sizeof(x->address)) ==
	    NULL)
		x->address[0] = '\0';
	return (CURL_SOCKET_BAD);
}

static size_t
xfer_on_field(char *line, size_t size, size_t n, void *arg)
{
	struct xfer	*x = arg;

	(void)size;
	switch (head_line(&x->reader, line, n)) {
	case HEAD_MORE:
		return (n);
	case HEAD_END:
		if (x->spec.on_head(x->spec.arg, &x->reader.head) == 0)
			return (n);
		break;
	case HEAD_ERROR:
		break;
	}
	return (0);
}

static size_t
xfer_on_body(char *data, size_t size, size_t n, void *arg)
{
	struct xfer	*x = arg;

	(void)size;
	if (n == 0)
		return (0);
	return (x->spec.on_body(x->spec.arg, (unsigned char *)data, n));
}

static void
xfer_free(struct xfer *x)
{
	if (x->easy != NULL) {
		curl_multi_remove_handle(x->http->multi, x->easy);
		curl_easy_cleanup(x->easy);
	}
	curl_slist_free_all(x->fields);
	head_free(&x->reader);
	free(x->tls_host);
	free(x);
}

/* Frees x behind on_done(). */
static void
xfer_done(struct xfer *x, CURLcode code)
{
	struct http_result	 r;
	long			 e = 0;

	memset(&r, 0, sizeof(r));
	r.code = code;
	curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &e);
	r.os_errno = (int)e;
	memcpy(r.text, x->text, sizeof(r.text));
	if (r.text[0] == '\0')
		snprintf(r.text, sizeof(r.text), "%s",
		    curl_easy_strerror(code));
	r.refused = code == CURLE_OK ? NULL : x->refused;
	memcpy(r.address, x->address, sizeof(r.address));
	r.head = &x->reader.head;
	/* the connection goes back to the pool before anyone asks for one */
	curl_multi_remove_handle(x->http->multi, x->easy);
	x->spec.on_done(x->spec.arg, &r);
	xfer_free(x);
}

static void
http_finish(struct http *h)
{
	struct xfer	*x;
	CURLMsg		*m;
	CURLcode	 code;
	int		 left;

	while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		code = m->data.result;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
		xfer_done(x, code);
	}
}

/* Adds one line to the request; 0, or -1. */
static int
xfer_field(struct xfer *x, const char *name, const char *value)
{
	struct curl_slist	*l;
	char			*line;

	if (value == NULL)
		return (0);
	if (asprintf(&line, "%s%s", name, value) == -1)
		return (-1);
	l = curl_slist_append(x->fields, line);
	explicit_bzero(line, strlen(line));
	free(line);
	if (l == NULL)
		return (-1);
	x->fields = l;
	return (0);
}

static void
xfer_callbacks(struct xfer *x)
{
	CURL	*c = x->easy;

	curl_easy_setopt(c, CURLOPT_PRIVATE, x);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->text);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, xfer_on_field);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, xfer_on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, xfer_open);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, x);
}

/* What libcurl would do by itself, or take from the machine: not for us. */
static void
xfer_restrict(struct xfer *x)
{
	CURL	*c = x->easy;

	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(c, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	curl_easy_setopt(c, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION,
	    (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, BUFFER_SIZE);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS);
	/* a resolver that does not answer is not waited for at the end */
	curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "berth/" BERTH_VERSION);
}

/*
 * libcurl takes a certificate's common name for a host's when there is no
 * alternative name; RFC 9525 6.3 has ended that, and OpenSSL can be told.
 */
static CURLcode
xfer_tls_host(CURL *easy, void *ssl_ctx, void *arg)
{
	X509_VERIFY_PARAM	*param = SSL_CTX_get0_param(ssl_ctx);
	const struct xfer	*x = arg;
	const char		*host = x->tls_host;
	char			 addr[INET6_ADDRSTRLEN];
	struct in_addr		 in4;

	(void)easy;
	X509_VERIFY_PARAM_set_hostflags(param,
	    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
	    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (*host == '[') {
		snprintf(addr, sizeof(addr), "%.*s", (int)strcspn(host + 1,
		    "]"), host + 1);
		host = addr;
	}
	if (*x->tls_host == '[' || inet_pton(AF_INET, host, &in4) == 1)
		return (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1 ?
		    CURLE_OK : CURLE_SSL_CERTPROBLEM);
	return (X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 ?
	    CURLE_OK : CURLE_SSL_CERTPROBLEM);
}

/* Only for https: reading the bundle costs more than a plain exchange. */
static int
xfer_tls(struct xfer *x, const char *host)
{
	CURL	*c = x->easy;

	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(c, CURLOPT_CAINFO, http_cafile(x->http));
	if (x->spec.insecure_tls) {
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
		return (0);
	}
	if ((x->tls_host = strdup(host)) == NULL ||
	    curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, x) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, xfer_tls_host) !=
	    CURLE_OK)
		return (-1);
	return (0);
}

static int
xfer_set(struct xfer *x, const struct http_spec *s)
{
	CURL	*c = x->easy;
	char	 range[32];

	xfer_callbacks(x);
	xfer_restrict(x);
	if (strcmp(s->url->scheme, "https") == 0 &&
	    xfer_tls(x, s->url->host) == -1)
		return (-1);
	if (curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, s->url->scheme) !=
	    CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_URL, s->url->text) != CURLE_OK)
		return (-1);
	if (s->head)
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	if (s->timeout != 0)
		curl_easy_setopt(c, CURLOPT_TIMEOUT, s->timeout);
	if (s->offset != 0) {
		snprintf(range, sizeof(range), "%llu-",
		    (unsigned long long)s->offset);
		if (curl_easy_setopt(c, CURLOPT_RANGE, range) != CURLE_OK)
			return (-1);
	}
	if (xfer_field(x, "Accept: ", s->accept) == -1 ||
	    xfer_field(x, "Authorization: Bearer ", s->token) == -1)
		return (-1);
	if (curl_easy_setopt(c, CURLOPT_HTTPHEADER, x->fields) != CURLE_OK)
		return (-1);
	return (0);
}

struct xfer *
http_start(struct http *h, const struct http_spec *spec)
{
	struct xfer	*x;

	if ((x = calloc(1, sizeof(*x))) == NULL)
		return (NULL);
	x->http = h;
	x->spec = *spec;
	head_init(&x->reader);
	if ((x->easy = curl_easy_init()) == NULL || xfer_set(x, spec) == -1 ||
	    curl_multi_add_handle(h->multi, x->easy) != CURLM_OK) {
		xfer_free(x);
		errno = ENOMEM;
		return (NULL);
	}
	x->spec.url = NULL;
	x->spec.accept = x->spec.token = NULL;
	return (x);
}

void
http_unpause(struct xfer *x)
{
	CURLcode	 code;

	/* it hands on what it holds, and may hear of an abort in there */
	code = curl_easy_pause(x->easy, CURLPAUSE_CONT);
	if (code != CURLE_OK)
		xfer_done(x, code);
}

void
http_cancel(struct xfer *x)
{
	if (x != NULL)
		xfer_free(x);
}
