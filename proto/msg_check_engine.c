/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The checks of what the engine alone receives. */
#include "msg_check.h"

CHECK(fetch)
{
	return ((m->insecure & ~(uint32_t)INSECURE_ALL) == 0 &&
	    m->policy < PULL_MAX && m->sync <= 1 &&
	    msg_platform_ok(&m->platform) &&
	    msg_ref_ok(m->ref, sizeof(m->ref)));
}

CHECK(run)
{
	return ((m->flags & ~(uint32_t)RUN_FLAGS) == 0 &&
	    (m->insecure & ~(uint32_t)INSECURE_ALL_RUN) == 0 &&
	    valid_string(m->image, sizeof(m->image)) &&
	    valid_imageid(m->image, IMAGEID_MINLEN) &&
	    valid_string(m->hostname, sizeof(m->hostname)) &&
	    (*m->hostname == '\0' || valid_hostname(m->hostname)));
}

CHECK(image)
{
	return (msg_name_ok(m->name, sizeof(m->name)));
}

CHECK(export)
{
	return (m->form < EXPORT_MAX && msg_name_ok(m->name, sizeof(m->name)));
}

/* Each value inside data, ended by its NUL, and no parameter twice. */
CHECK(http_start)
{
	uint32_t	 i, seen = 0;

	if (m->app >= APPS_MAX || m->n > PARAMS_MAX)
		return (0);
	for (i = 0; i < m->n; i++) {
		if (m->v[i].zero != 0 || m->v[i].param >= PARAMS_MAX ||
		    (seen & (1U << m->v[i].param)) != 0 ||
		    (size_t)m->v[i].off + m->v[i].len >= sizeof(m->data) ||
		    m->data[m->v[i].off + m->v[i].len] != '\0')
			return (0);
		if (__builtin_strlen(m->data + m->v[i].off) != m->v[i].len)
			return (0);
		seen |= 1U << m->v[i].param;
	}
	return (1);
}

CHECK(http_app_index)
{
	return (m->app < APPS_MAX);
}

CHECK(digest)
{
	return (msg_digest_ok(m->digest));
}

CHECK(want)
{
	return (m->size <= MANIFEST_MAX && m->media < MEDIA_MAX &&
	    m->manifest <= 1 && msg_digest_ok(m->digest));
}

CHECK(layer)
{
	return (m->index < LAYERS_MAX && m->codec < CODEC_MAX &&
	    m->size <= BLOB_MAX && msg_digest_ok(m->blob) &&
	    msg_digest_ok(m->diffid) && msg_digest_ok(m->chainid));
}

CHECK(image_part)
{
	return (m->part < PART_MAX && m->nlayers <= LAYERS_MAX &&
	    m->size <= MEMFD_MAX && (m->part == PART_MANIFEST ?
	    msg_digest_ok(m->digest) : msg_digest_or_empty(m->digest)));
}

CHECK(unpacked)
{
	return (m->selfcontained <= 1 && m->zero == 0 &&
	    msg_digest_or_empty(m->diffid));
}

CHECK(engine_start)
{
	return (m->private <= 1 && m->token_needed <= 1 && m->zero == 0 &&
	    (m->insecure & ~(uint32_t)INSECURE_ALL) == 0 &&
	    m->idbase >= IDBASE_MIN && m->idcount >= IDCOUNT_MIN &&
	    m->idcount <= IDRANGE_COUNT &&
	    valid_string(m->boot_id, sizeof(m->boot_id)) &&
	    valid_text(m->token, sizeof(m->token)) &&
	    valid_string(m->failed, sizeof(m->failed)));
}

CHECK(engine_serve)
{
	return (m->detached <= 1);
}

CHECK(engine_client)
{
	return (m->pid <= INT32_MAX);
}

CHECK(engine_born)
{
	return (m->child != 0 && m->pid > 1 && m->pid <= INT32_MAX &&
	    valid_text(m->lacking, sizeof(m->lacking)));
}

CHECK(engine_ended)
{
	return (m->child != 0 && valid_text(m->why, sizeof(m->why)));
}

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
