/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The grammar of option values, for the command line.  Pure. */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "../../common/limits.h"
#include "../../common/valid.h"
#include "../insecure.h"
#include "options.h"

#define FRACTION_DIGITS	9

/*
 * Digits, perhaps a point and more digits: whole and frac (in 1/10^9).
 * Returns what follows, or NULL when there is no number or it is too large.
 */
static const char *
number(const char *s, uint64_t *whole, uint64_t *frac)
{
	unsigned int	 digits = 0, n = 0;

	*whole = *frac = 0;
	for (; *s >= '0' && *s <= '9'; s++, n++) {
		if (__builtin_mul_overflow(*whole, 10, whole) ||
		    __builtin_add_overflow(*whole, (uint64_t)(*s - '0'),
		    whole))
			return (NULL);
	}
	if (n == 0)
		return (NULL);
	if (*s != '.')
		return (s);
	for (s++; *s >= '0' && *s <= '9'; s++, digits++) {
		if (digits == FRACTION_DIGITS)
			return (NULL);
		*frac = *frac * 10 + (uint64_t)(*s - '0');
	}
	if (digits == 0)
		return (NULL);
	for (; digits < FRACTION_DIGITS; digits++)
		*frac *= 10;
	return (s);
}

const char *
value_memory(const char *s, uint64_t *bytes)
{
	static const struct {
		const char	*name;
		uint64_t	 unit;
	} units[] = {
		{ "",	1 },
		{ "K",	1000ULL },
		{ "M",	1000ULL * 1000 },
		{ "G",	1000ULL * 1000 * 1000 },
		{ "Ki",	KIB },
		{ "Mi",	MIB },
		{ "Gi",	GIB },
	};
	static const char	 bad[] =
	    "expected a number of bytes such as 64M or 1.5Gi";
	uint64_t		 whole, frac, unit = 0;
	size_t			 i;

	if ((s = number(s, &whole, &frac)) == NULL)
		return (bad);
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(s, units[i].name) == 0)
			unit = units[i].unit;
	if (unit == 0)
		return (bad);
	/* a part of a byte counts as one */
	frac = (frac * unit + 999999999) / 1000000000;
	if (__builtin_mul_overflow(whole, unit, &whole) ||
	    __builtin_add_overflow(whole, frac, &whole) ||
	    whole > INT64_MAX)
		return ("larger than any memory");
	if (whole == 0)
		return ("must be more than nothing");
	*bytes = whole;
	return (NULL);
}

const char *
value_cpu(const char *s, uint32_t *milli)
{
	static const char	 bad[] =
	    "expected a number of CPUs such as 1.5 or 500m";
	uint64_t		 whole, frac;

	if ((s = number(s, &whole, &frac)) == NULL)
		return (bad);
	if (strcmp(s, "m") == 0 && frac == 0) {
		frac = whole % 1000 * 1000000;
		whole /= 1000;
	} else if (*s != '\0')
		return (bad);
	if (frac % 1000000 != 0)
		return ("finer than 1/1000 of a CPU");
	if (whole > 1000000)
		return ("more than a million CPUs");
	if (whole == 0 && frac == 0)
		return ("must be more than nothing");
	*milli = (uint32_t)(whole * 1000 + frac / 1000000);
	return (NULL);
}

const char *
value_count(const char *s, uint32_t *count)
{
	uint64_t	 whole, frac;

	s = number(s, &whole, &frac);
	if (s == NULL || *s != '\0' || frac != 0 || whole == 0 ||
	    whole > 4194304)	/* PID_MAX_LIMIT of Linux */
		return ("expected a whole number from 1 to 4194304");
	*count = (uint32_t)whole;
	return (NULL);
}

const char *
value_insecure(const char *s, uint32_t *bits, uint32_t *seen)
{
	uint32_t	 word;
	size_t		 len;
	int		 i;

	for (;; s += len + 1) {
		len = strcspn(s, ",");
		if ((i = insecure_find(s, len, strncasecmp, &word)) == -1)
			return ("expected words of " INSECURE_WORDS ", all");
		if ((*seen & 1U << i) != 0)
			return ("names a word twice");
		*seen |= 1U << i;
		*bits |= word;
		if ((*seen & 1) != 0 && *seen != 1)
			return ("\"none\" goes with no other word");
		if (s[len] == '\0')
			return (NULL);
	}
}

/* One part of a platform, up to its slash.  Returns what follows, or NULL. */
static const char *
platform_part(const char *s, char part[PLATFORM_MAXLEN + 1])
{
	size_t	 len = strcspn(s, "/");

	if (len == 0 || len > PLATFORM_MAXLEN)
		return (NULL);
	memcpy(part, s, len);
	part[len] = '\0';
	if (!valid_platform(part))
		return (NULL);
	return (s + len);
}

const char *
value_platform(const char *s, struct msg_platform *p)
{
	static const char	 bad[] =
	    "expected OS/ARCH[/VARIANT] such as linux/arm64";

	memset(p, 0, sizeof(*p));
	s = platform_part(s, p->os);
	if (s == NULL || *s != '/')
		return (bad);
	s = platform_part(s + 1, p->arch);
	if (s != NULL && *s == '/')
		s = platform_part(s + 1, p->variant);
	if (s == NULL || *s != '\0')
		return (bad);
	return (NULL);
}

void
value_platform_here(struct msg_platform *p)
{
#if defined(__x86_64__)
	static const char	 here[] = "linux/amd64";
#elif defined(__aarch64__)
	static const char	 here[] = "linux/arm64";
#elif defined(__arm__)
	static const char	 here[] = "linux/arm/v7";
#elif defined(__i386__)
	static const char	 here[] = "linux/386";
#elif defined(__riscv)
	static const char	 here[] = "linux/riscv64";
#elif defined(__s390x__)
	static const char	 here[] = "linux/s390x";
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
	static const char	 here[] = "linux/ppc64le";
#else
	static const char	 here[] = "";
	_Static_assert(sizeof(here) > 1,
	    "name this machine as image indexes do");
#endif
	(void)value_platform(here, p);
}

int
value_env_same(const char *a, const char *b)
{
	size_t	 len = strcspn(a, "=");

	return (strcspn(b, "=") == len && memcmp(a, b, len) == 0);
}

const char *
value_env(const char *s, const struct strings *list)
{
	size_t	 i;

	if (*s == '=' || strchr(s, '=') == NULL)
		return ("expected NAME=VALUE");
	for (i = 0; i < list->n; i++)
		if (value_env_same(list->v[i], s))
			return ("sets a variable that is already set");
	return (NULL);
}
