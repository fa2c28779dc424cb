/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The broker's handlers, their prototypes made from msg.def: a message for
 * the broker without its handler does not link.  Each is given what its
 * channel was made with: a client, or a child (see child_arg()).
 */
#ifndef BROKER_HANDLERS_H
#define BROKER_HANDLERS_H

#define CLI_BROKER(n)		void client_on_##n(void *, struct msg *);
#define HTTP_BROKER(n)		void control_on_##n(void *, struct msg *);
#define FETCH_BROKER(n)		void fetch_on_##n(void *, struct msg *);
#define INIT_BROKER(n)		void pod_on_##n(void *, struct msg *);
#define CONF_BROKER(n)		void conf_on_##n(void *, struct msg *);
#define UNPACK_BROKER(n)	/* by job, below */
#define BROKER_CLI(n)
#define BROKER_HTTP(n)
#define BROKER_FETCH(n)
#define BROKER_UNPACK(n)
#define BROKER_INIT(n)
#define BROKER_CONF(n)
#define MSG(N, n, from, to, p, fd, ph)	from##_##to(n)
#include "../proto/msg.def"
#undef MSG
#undef CLI_BROKER
#undef HTTP_BROKER
#undef FETCH_BROKER
#undef INIT_BROKER
#undef CONF_BROKER
#undef UNPACK_BROKER
#undef BROKER_CLI
#undef BROKER_HTTP
#undef BROKER_FETCH
#undef BROKER_UNPACK
#undef BROKER_INIT
#undef BROKER_CONF

/* One program, four kinds of job; fetch.c, layer.c, stack.c, durable.c. */
void	 image_on_want(void *, struct msg *);
void	 image_on_layer(void *, struct msg *);
void	 image_on_part(void *, struct msg *);
void	 image_on_fail(void *, struct msg *);
void	 layer_on_hashed(void *, struct msg *);
void	 layer_on_needs_lower(void *, struct msg *);
void	 layer_on_unpacked(void *, struct msg *);
void	 layer_on_fail(void *, struct msg *);
void	 stack_on_unpacked(void *, struct msg *);
void	 stack_on_fail(void *, struct msg *);
void	 durable_on_fail(void *, struct msg *);

#endif
