/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Names and what consists of them: whoever hears of images. */
#include "../common/ref.h"
#include "msg_check.h"

int
msg_ref_ok(const char *s, size_t size)
{
	return (valid_string(s, size) && ref_normal(s));
}

int
msg_name_ok(const char *s, size_t size)
{
	return (valid_string(s, size) &&
	    (valid_imageid(s, IMAGEID_MINLEN) || ref_normal(s)));
}

int
msg_digest_ok(const char s[DIGEST_SIZE])
{
	return (valid_string(s, DIGEST_SIZE) && valid_digest(s));
}

int
msg_digest_or_empty(const char s[DIGEST_SIZE])
{
	return (valid_string(s, DIGEST_SIZE) &&
	    (*s == '\0' || valid_digest(s)));
}

int
msg_platform_ok(const struct msg_platform *p)
{
	return (valid_string(p->os, sizeof(p->os)) && *p->os != '\0' &&
	    valid_platform(p->os) &&
	    valid_string(p->arch, sizeof(p->arch)) && *p->arch != '\0' &&
	    valid_platform(p->arch) &&
	    valid_string(p->variant, sizeof(p->variant)) &&
	    valid_platform(p->variant));
}

CHECK(document)
{
	return (m->size <= MANIFEST_MAX && m->media < MEDIA_MAX &&
	    m->zero == 0 && msg_digest_or_empty(m->digest));
}
