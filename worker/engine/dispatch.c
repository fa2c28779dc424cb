/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The engine's tables of handlers, one per kind of peer, from msg.def. */
#include "engine.h"

/* Every message for the engine, with the peer that it comes from. */
#define CLI_ENGINE(N, n)
#define HTTP_ENGINE(N, n)
#define FETCH_ENGINE(N, n)
#define UNPACK_ENGINE(N, n)
#define INIT_ENGINE(N, n)
#define BROKER_ENGINE(N, n)
#define ENGINE_BROKER(N, n)
#define CONF_BROKER(N, n)
#define ENGINE_CLI(N, n)
#define ENGINE_HTTP(N, n)
#define ENGINE_FETCH(N, n)
#define ENGINE_UNPACK(N, n)
#define ENGINE_INIT(N, n)
#define BROKER_CONF(N, n)
#define MSG(N, n, from, to, p, fd, ph)	from##_##to(N, n)

#undef CLI_ENGINE
#define CLI_ENGINE(N, n)	[MSG_##N] = client_on_##n,
const evchan_handler dispatch_cli[MSG_MAX] = {
#include "../../proto/msg.def"
};
#undef CLI_ENGINE
#define CLI_ENGINE(N, n)

#undef HTTP_ENGINE
#define HTTP_ENGINE(N, n)	[MSG_##N] = control_on_##n,
const evchan_handler dispatch_http[MSG_MAX] = {
#include "../../proto/msg.def"
};
#undef HTTP_ENGINE
#define HTTP_ENGINE(N, n)

#undef FETCH_ENGINE
#define FETCH_ENGINE(N, n)	[MSG_##N] = fetch_on_##n,
const evchan_handler dispatch_fetch[MSG_MAX] = {
#include "../../proto/msg.def"
};
#undef FETCH_ENGINE
#define FETCH_ENGINE(N, n)

#undef INIT_ENGINE
#define INIT_ENGINE(N, n)	[MSG_##N] = pod_on_##n,
const evchan_handler dispatch_init[MSG_MAX] = {
#include "../../proto/msg.def"
};
#undef INIT_ENGINE
#define INIT_ENGINE(N, n)

#undef BROKER_ENGINE
#define BROKER_ENGINE(N, n)	[MSG_##N] = broker_on_##n,
const evchan_handler dispatch_broker[MSG_MAX] = {
#include "../../proto/msg.def"
};

/*
 * One program, four kinds of job: an unpacker may say only what belongs to
 * the job that it was given.
 */
const evchan_handler dispatch_image[MSG_MAX] = {
	[MSG_WANT] = image_on_want,
	[MSG_LAYER] = image_on_layer,
	[MSG_IMAGE_PART] = image_on_part,
	[MSG_UNPACK_FAIL] = image_on_fail,
};

const evchan_handler dispatch_layer[MSG_MAX] = {
	[MSG_HASHED] = layer_on_hashed,
	[MSG_NEEDS_LOWER] = layer_on_needs_lower,
	[MSG_UNPACKED] = layer_on_unpacked,
	[MSG_UNPACK_FAIL] = layer_on_fail,
};

const evchan_handler dispatch_stack[MSG_MAX] = {
	[MSG_UNPACKED] = stack_on_unpacked,
	[MSG_UNPACK_FAIL] = stack_on_fail,
};

const evchan_handler dispatch_sync[MSG_MAX] = {
	[MSG_UNPACK_FAIL] = durable_on_fail,
};
