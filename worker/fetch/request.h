/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * A request, shared by registry.c (what is asked, and what to do next) and
 * answer.c (what comes, and whether it will do).
 */
#ifndef FETCH_REQUEST_H
#define FETCH_REQUEST_H

#include "fetch.h"

struct request {
	struct fetch	*f;
	struct request_spec spec;
	char		*path;		/* at the registry */
	struct url	 url;		/* where this hop leads */
	unsigned int	 hops;
	unsigned int	 logins;	/* tokens got since a good answer */
	unsigned int	 serial;	/* of the token that was sent */
	struct retry	 retry;
	struct event	*timer;
	struct xfer	*x;
	/* of the sink's bytes, over all tries */
	uint64_t	 got;
	/* of the present answer */
	uint64_t	 skip;		/* bytes that the sink has already */
	int		 good;		/* its body is the sink's */
	int		 overflow;	/* its error text was too long */
	int		 gone;		/* the sink's reader has left */
	char		 why[512];	/* it is refused: the reason */
	struct body	 err;		/* what came with a bad status */
};

/* registry.c */
void	 request_unreached(struct request *, const struct http_result *);
void	 request_cut(struct request *, const char *text);
void	 request_finish(struct request *, const struct http_head *);
void	 request_status(struct request *, const struct http_head *);

/* answer.c: libcurl's callbacks by way of http.c */
int	 request_on_head(void *, const struct http_head *);
size_t	 request_on_body(void *, const unsigned char *, size_t);
void	 request_on_done(void *, const struct http_result *);

#endif
