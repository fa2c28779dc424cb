/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * One check per payload of msg.h: every field, refused or taken as it is.
 * Here, those that more than one program receives.  The other side
 * checks again what a worker has checked, because the worker may by now be
 * somebody else's program.  Pure; 1 is good.
 */
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

CHECK(none)
{
	return (m->zero == 0);
}

CHECK(text)
{
	return (valid_text(m->text, sizeof(m->text)));
}

CHECK(signal)
{
	return (m->signo > 0 && m->signo < 65);
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

CHECK(document)
{
	return (m->size <= MANIFEST_MAX && m->media < MEDIA_MAX &&
	    m->zero == 0 && msg_digest_or_empty(m->digest));
}

CHECK(stdio)
{
	return (m->which < STDIO_MAX);
}

CHECK(exited)
{
	return (m->status <= 255);
}

CHECK(conf_word)
{
	return (valid_string(m->data, sizeof(m->data)));
}
