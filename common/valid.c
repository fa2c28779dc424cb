/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* What is a valid name: pure checks, for every process. */
#include <string.h>

#include "limits.h"
#include "valid.h"

#define LOWER	"abcdefghijklmnopqrstuvwxyz"
#define UPPER	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	"0123456789"
#define HEX	"0123456789abcdef"

int
valid_string(const char *s, size_t size)
{
	size_t	 i, len;

	if ((len = strnlen(s, size)) == size)
		return (0);
	for (i = len; i < size; i++)
		if (s[i] != '\0')
			return (0);
	return (1);
}

int
valid_text(const char *s, size_t size)
{
	if (!valid_string(s, size))
		return (0);
	for (; *s != '\0'; s++)
		if (*s < 0x20 || *s > 0x7e)
			return (0);
	return (1);
}

/* min to max characters, all of set. */
static int
of_set(const char *s, const char *set, size_t min, size_t max)
{
	size_t	 len = strspn(s, set);

	return (s[len] == '\0' && len >= min && len <= max);
}

int
valid_digest(const char *s)
{
	return (strncmp(s, "sha256:", 7) == 0 &&
	    of_set(s + 7, HEX, DIGEST_HEXLEN, DIGEST_HEXLEN));
}

int
valid_imageid(const char *s, size_t min)
{
	return (strncmp(s, "sha512-", 7) == 0 &&
	    of_set(s + 7, HEX, min, IMAGEID_HEXLEN));
}

int
valid_uuid(const char *s)
{
	size_t	 i;

	for (i = 0; i < UUID_SIZE - 1; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (s[i] != '-')
				return (0);
		} else if (s[i] == '\0' || strchr(HEX, s[i]) == NULL)
			return (0);
	}
	return (s[i] == '\0');
}

int
valid_appname(const char *s)
{
	return (*s != '.' && *s != '-' && *s != '_' &&
	    of_set(s, LOWER DIGITS "._-", 1, APPNAME_MAXLEN));
}

int
valid_paramname(const char *s)
{
	return (*s != '.' && *s != '-' &&
	    of_set(s, LOWER UPPER DIGITS "._-", 1, PARAMNAME_MAXLEN));
}

int
valid_hostname(const char *s)
{
	return (*s != '-' && *s != '.' &&
	    of_set(s, LOWER UPPER DIGITS "-.", 1, HOSTNAME_MAXLEN));
}

int
valid_platform(const char *s)
{
	return (of_set(s, LOWER DIGITS "._-", 0, PLATFORM_MAXLEN));
}
