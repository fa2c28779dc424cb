/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * One check per payload of msg.h: every field, refused or taken as it is.
 * The privileged side checks again what a worker has checked, because the
 * worker may by now be somebody else's program.  Pure; 1 is good.
 */
#include <signal.h>
#include <string.h>

#include "../common/ref.h"
#include "../common/valid.h"
#include "msg.h"

#define CHECK(name)							\
int	msg_check_##name(const void *);				\
static int check_##name(const struct msg_##name *);			\
int									\
msg_check_##name(const void *payload)					\
{									\
	return (check_##name(payload));					\
}									\
static int								\
check_##name(const struct msg_##name *m)

/* A reference in normal form in its array. */
static int
ref_ok(const char *s, size_t size)
{
	return (valid_string(s, size) && ref_normal(s));
}

/* "sha512-" prefix or a reference. */
static int
name_ok(const char *s, size_t size)
{
	return (valid_string(s, size) &&
	    (valid_imageid(s, IMAGEID_MINLEN) || ref_normal(s)));
}

static int
digest_ok(const char s[DIGEST_SIZE])
{
	return (valid_string(s, DIGEST_SIZE) && valid_digest(s));
}

static int
digest_or_empty(const char s[DIGEST_SIZE])
{
	return (valid_string(s, DIGEST_SIZE) &&
	    (*s == '\0' || valid_digest(s)));
}

static int
platform_ok(const struct msg_platform *p)
{
	return (valid_string(p->os, sizeof(p->os)) && *p->os != '\0' &&
	    valid_platform(p->os) &&
	    valid_string(p->arch, sizeof(p->arch)) && *p->arch != '\0' &&
	    valid_platform(p->arch) &&
	    valid_string(p->variant, sizeof(p->variant)) &&
	    valid_platform(p->variant));
}

CHECK(none)
{
	return (m->zero == 0);
}

CHECK(text)
{
	return (valid_text(m->text, sizeof(m->text)));
}

CHECK(fetch)
{
	return ((m->insecure & ~(uint32_t)INSECURE_ALL) == 0 &&
	    m->policy < PULL_MAX && m->sync <= 1 &&
	    platform_ok(&m->platform) && ref_ok(m->ref, sizeof(m->ref)));
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

CHECK(signal)
{
	return (m->signo > 0 && m->signo < 65);
}

CHECK(image)
{
	return (name_ok(m->name, sizeof(m->name)));
}

CHECK(export)
{
	return (m->form < EXPORT_MAX && name_ok(m->name, sizeof(m->name)));
}

CHECK(note)
{
	return (m->kind < NOTE_MAX && m->zero == 0 &&
	    valid_text(m->text, sizeof(m->text)));
}

CHECK(failure)
{
	return ((m->status == 1 || (m->status >= 125 && m->status <= 127)) &&
	    valid_text(m->text, sizeof(m->text)));
}

CHECK(image_entry)
{
	return (valid_string(m->id, sizeof(m->id)) &&
	    valid_imageid(m->id, IMAGEID_HEXLEN) &&
	    valid_text(m->platform, sizeof(m->platform)) &&
	    valid_string(m->ref, sizeof(m->ref)) &&
	    (*m->ref == '\0' || ref_normal(m->ref)));
}

CHECK(stdio)
{
	return (m->which < STDIO_MAX);
}

CHECK(started)
{
	return (valid_string(m->uuid, sizeof(m->uuid)) && valid_uuid(m->uuid));
}

CHECK(exited)
{
	return (m->status <= 255);
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

CHECK(fetch_resolve)
{
	return ((m->insecure & ~(uint32_t)INSECURE_ALL_FETCH) == 0 &&
	    ref_ok(m->ref, sizeof(m->ref)) && digest_or_empty(m->known));
}

CHECK(fetch_blob)
{
	return (m->size <= BLOB_MAX && m->manifest <= 1 &&
	    m->media < MEDIA_MAX && digest_ok(m->digest));
}

CHECK(document)
{
	return (m->size <= MANIFEST_MAX && m->media < MEDIA_MAX &&
	    m->zero == 0 && digest_or_empty(m->digest));
}

CHECK(digest)
{
	return (digest_ok(m->digest));
}

CHECK(unpack_image)
{
	return (m->size <= MANIFEST_MAX && m->media < MEDIA_MAX &&
	    m->zero == 0 && platform_ok(&m->platform) &&
	    digest_or_empty(m->digest));
}

CHECK(unpack_layer)
{
	return (m->size <= BLOB_MAX && m->codec < CODEC_MAX &&
	    (m->flags & ~(uint32_t)(LAYER_BOTTOM | LAYER_MERGED)) == 0 &&
	    digest_ok(m->blob) && digest_ok(m->diffid));
}

CHECK(unpack_stack)
{
	return (m->nlayers <= LAYERS_MAX && m->form < EXPORT_MAX &&
	    valid_string(m->id, sizeof(m->id)) &&
	    valid_imageid(m->id, IMAGEID_HEXLEN));
}

CHECK(want)
{
	return (m->size <= MANIFEST_MAX && m->media < MEDIA_MAX &&
	    m->manifest <= 1 && digest_ok(m->digest));
}

CHECK(layer)
{
	return (m->index < LAYERS_MAX && m->codec < CODEC_MAX &&
	    m->size <= BLOB_MAX && digest_ok(m->blob) &&
	    digest_ok(m->diffid) && digest_ok(m->chainid));
}

CHECK(image_part)
{
	return (m->part < PART_MAX && m->nlayers <= LAYERS_MAX &&
	    m->size <= MEMFD_MAX && (m->part == PART_MANIFEST ?
	    digest_ok(m->digest) : digest_or_empty(m->digest)));
}

CHECK(unpacked)
{
	return (m->selfcontained <= 1 && m->zero == 0 &&
	    digest_or_empty(m->diffid));
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

CHECK(conf_word)
{
	return (valid_string(m->data, sizeof(m->data)));
}

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
	    m->idbase <= UINT32_MAX - 1 - WORKERID_FETCH &&
	    m->idcount >= IDCOUNT_MIN && m->idcount <= IDRANGE_COUNT &&
	    valid_text(m->token, sizeof(m->token)) &&
	    valid_text(m->group, sizeof(m->group)) &&
	    valid_text(m->listen, sizeof(m->listen)) && *m->listen != '\0');
}

CHECK(conf_app)
{
	return ((m->flags & ~(uint32_t)(RUN_NETHOST | RUN_READONLY |
	    RUN_NOLIMITS)) == 0 && m->hasargs <= 1 &&
	    valid_string(m->hostname, sizeof(m->hostname)) &&
	    (*m->hostname == '\0' || valid_hostname(m->hostname)) &&
	    valid_string(m->name, sizeof(m->name)) &&
	    valid_appname(m->name) && name_ok(m->ref, sizeof(m->ref)));
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
