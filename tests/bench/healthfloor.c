/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * healthfloor PORT: the smallest /health endpoint that libevent's own HTTP
 * server gives.  The yardstick of berth-http.
 */
#include <err.h>
#include <signal.h>
#include <stdlib.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

static const char	 body[] = "{\"status\":\"ok\"}\n";

static void
health(struct evhttp_request *req, void *arg)
{
	struct evbuffer	*b;

	(void)arg;
	if ((b = evbuffer_new()) == NULL)
		return;
	evbuffer_add_reference(b, body, sizeof(body) - 1, NULL, NULL);
	evhttp_add_header(evhttp_request_get_output_headers(req),
	    "Content-Type", "application/json");
	evhttp_send_reply(req, HTTP_OK, "OK", b);
	evbuffer_free(b);
}

int
main(int argc, char **argv)
{
	struct event_base	*base;
	struct evhttp		*http;

	if (argc != 2)
		errx(2, "usage: healthfloor PORT");
	signal(SIGPIPE, SIG_IGN);
	if ((base = event_base_new()) == NULL ||
	    (http = evhttp_new(base)) == NULL)
		errx(1, "libevent");
	evhttp_set_cb(http, "/health", health, NULL);
	if (evhttp_bind_socket(http, "127.0.0.1",
	    (ev_uint16_t)atoi(argv[1])) == -1)
		err(1, "port %s", argv[1]);
	return (event_base_dispatch(base) == 0 ? 0 : 1);
}
