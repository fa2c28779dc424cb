/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* What a user may call an image, and what he is told about its checks. */
#include <stdio.h>
#include <string.h>

#include "../../common/log.h"
#include "../../common/ref.h"
#include "../../common/valid.h"
#include "cli.h"

#define SCHEME		"docker://"
#define SCHEME_LEN	(sizeof(SCHEME) - 1)

int
name_is_id(const char *name)
{
	return (strncmp(name, "sha512-", 7) == 0);
}

/*
 * What was typed, for the screen.  What stands where a URL has a password is
 * left out, whatever else is wrong: "@" has no place but before a digest.
 */
static void
name_show(char *dst, size_t size, const char *typed)
{
	const char	*start, *p, *at = NULL, *colon;
	char		 text[REF_MAXLEN + 1];

	if ((start = strstr(typed, "://")) == NULL)
		start = typed;
	else
		start += 3;
	for (p = start; (p = strchr(p, '@')) != NULL; p++)
		if (strncmp(p + 1, "sha256:", 7) != 0)
			at = p;
	if (at != NULL && (colon = memchr(start, ':',
	    (size_t)(at - start))) != NULL) {
		snprintf(text, sizeof(text), "%.*s...%s",
		    (int)(colon + 1 - typed), typed, at);
		typed = text;
	}
	log_encode(dst, size, typed, strlen(typed));
}

int
name_parse(const char *typed, char name[REF_MAXLEN + 1])
{
	struct ref	 ref;
	enum ref_error	 error;
	char		 enc[256];

	name_show(enc, sizeof(enc), typed);
	memset(name, 0, REF_MAXLEN + 1);
	if (name_is_id(typed)) {
		if (!valid_imageid(typed, IMAGEID_MINLEN)) {
			log_warnx("%s: an image ID is \"sha512-\" and %d to "
			    "%d digits of lower case hex", enc,
			    IMAGEID_MINLEN, IMAGEID_HEXLEN);
			return (-1);
		}
		memcpy(name, typed, strlen(typed));
		return (0);
	}
	if (strncmp(typed, SCHEME, SCHEME_LEN) != 0) {
		log_warnx("%s: not an image; expected docker://NAME or the "
		    "sha512- ID of a stored one", enc);
		return (-1);
	}
	error = ref_parse(typed + SCHEME_LEN, &ref);
	if (error == REF_OK && ref_format(&ref, name, REF_MAXLEN + 1) == -1)
		error = REF_LONG;
	if (error != REF_OK) {
		log_warnx("%s: %s", enc, ref_strerror(error));
		return (-1);
	}
	return (0);
}

int
name_policy(const struct options *o, const char *name)
{
	if (name_is_id(name) || (o->insecure & INSECURE_IMAGE) != 0)
		return (0);
	log_warnx("signature verification for docker images is not supported "
	    "(try --insecure-options=image)");
	return (-1);
}

void
name_warn(uint32_t *bits)
{
	static const struct {
		uint32_t	 bit;
		const char	*text;
	} warnings[] = {
		{ INSECURE_IMAGE,
		    "image signature verification has been disabled" },
		{ INSECURE_TLS,
		    "TLS certificate verification has been disabled" },
		{ INSECURE_HTTP,
		    "plain HTTP to the registry has been allowed" },
		{ INSECURE_CAPABILITIES,
		    "limits on capabilities have been disabled" },
		{ INSECURE_PATHS,
		    "protection of kernel paths has been disabled" },
		{ INSECURE_SECCOMP,
		    "seccomp filtering has been disabled" },
	};
	size_t	 i;

	for (i = 0; i < sizeof(warnings) / sizeof(warnings[0]); i++)
		if ((*bits & warnings[i].bit) != 0)
			log_warnx("warning: %s", warnings[i].text);
	*bits = 0;
}
