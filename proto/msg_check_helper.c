/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The checks of what the engine sends and never receives. */
#include "../common/ref.h"
#include "msg_check.h"

CHECK(image_entry)
{
	return (valid_string(m->id, sizeof(m->id)) &&
	    valid_imageid(m->id, IMAGEID_HEXLEN) &&
	    valid_text(m->platform, sizeof(m->platform)) &&
	    valid_string(m->ref, sizeof(m->ref)) &&
	    (*m->ref == '\0' || ref_normal(m->ref)));
}

CHECK(started)
{
	return (valid_string(m->uuid, sizeof(m->uuid)) && valid_uuid(m->uuid));
}

CHECK(http_hello)
{
	return (m->token_needed <= 1 && m->napps <= APPS_MAX &&
	    valid_text(m->token, sizeof(m->token)));
}

CHECK(http_app)
{
	return (m->app < APPS_MAX && valid_string(m->name, sizeof(m->name)) &&
	    valid_appname(m->name));
}

CHECK(http_param)
{
	return (m->app < APPS_MAX && m->param < PARAMS_MAX &&
	    (m->flags & ~(uint32_t)(PARAM_REQUIRED | PARAM_SECRET)) == 0 &&
	    valid_string(m->name, sizeof(m->name)) &&
	    valid_paramname(m->name));
}

CHECK(http_state)
{
	return ((m->flags & ~(uint32_t)(HTTP_HEALTHY | HTTP_READY |
	    HTTP_STOPPING)) == 0 && valid_text(m->reason, sizeof(m->reason)));
}

CHECK(http_reply)
{
	return (m->status >= 200 && m->status <= 599 &&
	    valid_text(m->text, sizeof(m->text)));
}

CHECK(fetch_resolve)
{
	return ((m->insecure & ~(uint32_t)INSECURE_ALL_FETCH) == 0 &&
	    msg_ref_ok(m->ref, sizeof(m->ref)) &&
	    msg_digest_or_empty(m->known));
}

CHECK(fetch_blob)
{
	return (m->size <= BLOB_MAX && m->manifest <= 1 &&
	    m->media < MEDIA_MAX && msg_digest_ok(m->digest));
}

CHECK(unpack_image)
{
	return (m->size <= MANIFEST_MAX && m->media < MEDIA_MAX &&
	    m->zero == 0 && msg_platform_ok(&m->platform) &&
	    msg_digest_or_empty(m->digest));
}

CHECK(unpack_layer)
{
	return (m->size <= BLOB_MAX && m->codec < CODEC_MAX &&
	    (m->flags & ~(uint32_t)(LAYER_BOTTOM | LAYER_MERGED)) == 0 &&
	    msg_digest_ok(m->blob) && msg_digest_ok(m->diffid));
}

CHECK(unpack_stack)
{
	return (m->nlayers <= LAYERS_MAX && m->form < EXPORT_MAX &&
	    valid_string(m->id, sizeof(m->id)) &&
	    valid_imageid(m->id, IMAGEID_HEXLEN));
}

CHECK(init_start)
{
	return ((m->flags & ~(uint32_t)RUN_FLAGS) == 0 &&
	    (m->insecure & ~(uint32_t)INSECURE_ALL_RUN) == 0 &&
	    m->nlayers <= LAYERS_MAX && m->cgroup_ns <= 1 &&
	    valid_string(m->uuid, sizeof(m->uuid)) && valid_uuid(m->uuid) &&
	    valid_string(m->hostname, sizeof(m->hostname)) &&
	    valid_hostname(m->hostname) &&
	    valid_string(m->app, sizeof(m->app)));
}
