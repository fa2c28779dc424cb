/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The checks of what declares an app: the broker passes it on, unread. */
#include "msg_check.h"

CHECK(conf_app)
{
	return ((m->flags & ~(uint32_t)(RUN_NETHOST | RUN_READONLY |
	    RUN_NOLIMITS)) == 0 && m->hasargs <= 1 &&
	    valid_string(m->hostname, sizeof(m->hostname)) &&
	    (*m->hostname == '\0' || valid_hostname(m->hostname)) &&
	    valid_string(m->name, sizeof(m->name)) &&
	    valid_appname(m->name) && msg_name_ok(m->ref, sizeof(m->ref)));
}

/* A secret is never an argument, which others see. */
CHECK(conf_param)
{
	return ((m->flags & ~(uint32_t)(PARAM_REQUIRED | PARAM_SECRET)) == 0 &&
	    m->kind < PARAM_KIND_MAX && (m->kind == PARAM_ENVIRONMENT ||
	    (m->flags & PARAM_SECRET) == 0) &&
	    valid_string(m->name, sizeof(m->name)) &&
	    valid_paramname(m->name) &&
	    valid_string(m->data, sizeof(m->data)) && *m->data != '\0' &&
	    (m->kind == PARAM_ARGUMENT || strchr(m->data, '=') == NULL));
}
