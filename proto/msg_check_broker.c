/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The checks of what the broker alone receives. */
#include <syslog.h>

#include "msg_check.h"

CHECK(conf_open)
{
	return (m->kind < CONF_FILE_MAX &&
	    valid_string(m->data, sizeof(m->data)) &&
	    (m->kind == CONF_TOKEN || *m->data == '\0'));
}

CHECK(conf_main)
{
	return ((m->insecure & ~(uint32_t)INSECURE_ALL) == 0 &&
	    m->family < CONF_FAMILY_MAX &&
	    m->port >= 1 && m->port <= 65535 && m->idbase >= IDBASE_MIN &&
	    m->idbase <= UINT32_MAX - 1 - WORKERID_ENGINE &&
	    m->idcount >= IDCOUNT_MIN && m->idcount <= IDRANGE_COUNT &&
	    valid_text(m->token, sizeof(m->token)) &&
	    valid_text(m->group, sizeof(m->group)) &&
	    valid_text(m->listen, sizeof(m->listen)) && *m->listen != '\0');
}

/* Passed on: who takes it as what it is looks at it. */
CHECK(opaque_app)
{
	(void)m;
	return (1);
}

CHECK(opaque_param)
{
	(void)m;
	return (1);
}

CHECK(engine_log)
{
	return (m->priority >= LOG_ERR && m->priority <= LOG_DEBUG &&
	    valid_text(m->text, sizeof(m->text)));
}

/*
 * Beneath the store: our own words, digests and hex.  A "." in the middle of
 * a name is none of these.
 */
CHECK(spawn_dir)
{
	const char	*s = m->path;

	return (valid_string(s, sizeof(m->path)) && *s != '\0' && *s != '/' &&
	    s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-/")] == '\0');
}

CHECK(spawn)
{
	const uint32_t	 flags = m->program == SPAWN_INIT ?
			    RUN_NETHOST | RUN_NOLIMITS : SPAWN_IDLE;

	if (m->child == 0 || m->program >= SPAWN_PROGRAMS || m->zero != 0 ||
	    (m->flags & ~flags) != 0 ||
	    !valid_string(m->uuid, sizeof(m->uuid)))
		return (0);
	if (m->program == SPAWN_INIT)
		return (valid_uuid(m->uuid));
	return (*m->uuid == '\0' && m->cpu == 0 && m->pids == 0 &&
	    m->memory == 0);
}

CHECK(spawn_kill)
{
	return (m->child != 0);
}

CHECK(spawn_sweep)
{
	return (valid_string(m->uuid, sizeof(m->uuid)) &&
	    valid_uuid(m->uuid));
}
