/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The head of an HTTP answer, line by line; berth-fetch, pure. */
#ifndef FETCH_HEAD_H
#define FETCH_HEAD_H

#include "fetch.h"

enum head_state {
	HEAD_MORE,
	HEAD_END,		/* head is whole: once per answer */
	HEAD_ERROR		/* no HTTP, or over HTTPHEAD_MAX */
};

struct head_reader {
	struct http_head head;
	size_t		 len;	/* bytes seen, trailers included */
	int		 done;
	int		 typed;	/* a Content-Type came */
};

void	 head_init(struct head_reader *);
/* One line with its line end, as libcurl gives them. */
enum head_state	 head_line(struct head_reader *, const char *, size_t len);
void	 head_free(struct head_reader *);

#endif
