/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The engine's handlers, their prototypes made from msg.def: a message for
 * the engine without its handler does not link.  Each is given what its
 * channel was made with: a client, or a child (see child_arg()).
 */
#ifndef ENGINE_HANDLERS_H
#define ENGINE_HANDLERS_H

#define CLI_ENGINE(n)		void client_on_##n(void *, struct msg *);
#define HTTP_ENGINE(n)		void control_on_##n(void *, struct msg *);
#define FETCH_ENGINE(n)		void fetch_on_##n(void *, struct msg *);
#define INIT_ENGINE(n)		void pod_on_##n(void *, struct msg *);
#define BROKER_ENGINE(n)	void broker_on_##n(void *, struct msg *);
#define UNPACK_ENGINE(n)	/* by job, below */
#define ENGINE_CLI(n)
#define ENGINE_HTTP(n)
#define ENGINE_FETCH(n)
#define ENGINE_UNPACK(n)
#define ENGINE_INIT(n)
#define ENGINE_BROKER(n)
#define CONF_BROKER(n)
#define BROKER_CONF(n)
#define MSG(N, n, from, to, p, fd, ph)	from##_##to(n)
#include "../../proto/msg.def"
#undef MSG
#undef CLI_ENGINE
#undef HTTP_ENGINE
#undef FETCH_ENGINE
#undef INIT_ENGINE
#undef BROKER_ENGINE
#undef UNPACK_ENGINE
#undef ENGINE_CLI
#undef ENGINE_HTTP
#undef ENGINE_FETCH
#undef ENGINE_UNPACK
#undef ENGINE_INIT
#undef ENGINE_BROKER
#undef CONF_BROKER
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
