/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The broker's tables of handlers, one per kind of peer, from msg.def. */
#include "broker.h"

#define CONF_SAYS(N, n)		[MSG_##N] = conf_on_##n,
#define ENGINE_SAYS(N, n)
const evchan_handler dispatch_conf[MSG_MAX] = {
#include "../proto/msg.def"
};
#undef CONF_SAYS
#undef ENGINE_SAYS

#define CONF_SAYS(N, n)
#define ENGINE_SAYS(N, n)	[MSG_##N] = engine_on_##n,
const evchan_handler dispatch_engine[MSG_MAX] = {
#include "../proto/msg.def"
};
