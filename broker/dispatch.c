/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The broker's tables of handlers, one per kind of peer, from msg.def. */
#include "broker.h"

/* Every message for the broker, with the peer that it comes from. */
#define CLI_BROKER(N, n)
#define HTTP_BROKER(N, n)
#define FETCH_BROKER(N, n)
#define UNPACK_BROKER(N, n)
#define INIT_BROKER(N, n)
#define CONF_BROKER(N, n)
#define BROKER_CLI(N, n)
#define BROKER_HTTP(N, n)
#define BROKER_FETCH(N, n)
#define BROKER_UNPACK(N, n)
#define BROKER_INIT(N, n)
#define BROKER_CONF(N, n)
#define MSG(N, n, from, to, p, fd, ph)	from##_##to(N, n)

#undef CLI_BROKER
#define CLI_BROKER(N, n)	[MSG_##N] = client_on_##n,
const evchan_handler dispatch_cli[MSG_MAX] = {
#include "../proto/msg.def"
};
#undef CLI_BROKER
#define CLI_BROKER(N, n)

#undef HTTP_BROKER
#define HTTP_BROKER(N, n)	[MSG_##N] = control_on_##n,
const evchan_handler dispatch_http[MSG_MAX] = {
#include "../proto/msg.def"
};
#undef HTTP_BROKER
#define HTTP_BROKER(N, n)

#undef FETCH_BROKER
#define FETCH_BROKER(N, n)	[MSG_##N] = fetch_on_##n,
const evchan_handler dispatch_fetch[MSG_MAX] = {
#include "../proto/msg.def"
};
#undef FETCH_BROKER
#define FETCH_BROKER(N, n)

#undef INIT_BROKER
#define INIT_BROKER(N, n)	[MSG_##N] = pod_on_##n,
const evchan_handler dispatch_init[MSG_MAX] = {
#include "../proto/msg.def"
};
#undef INIT_BROKER
#define INIT_BROKER(N, n)

#undef CONF_BROKER
#define CONF_BROKER(N, n)	[MSG_##N] = conf_on_##n,
const evchan_handler dispatch_conf[MSG_MAX] = {
#include "../proto/msg.def"
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
