/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Figures for people and strings for programs, for the command line. */
#include <stdio.h>

#include "cli.h"

char *
format_size(char *buf, size_t size, uint64_t bytes)
{
	static const char *const	 units[] = { "KiB", "MiB", "GiB",
					    "TiB" };
	uint64_t			 whole = bytes, part = 0;
	size_t				 i;

	if (bytes < KIB) {
		snprintf(buf, size, "%u B", (unsigned int)bytes);
		return (buf);
	}
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		part = whole % KIB;
		whole /= KIB;
		if (whole < KIB)
			break;
	}
	if (i == sizeof(units) / sizeof(units[0]))
		i--;
	snprintf(buf, size, "%llu.%u %s", (unsigned long long)whole,
	    (unsigned int)(part * 10 / KIB), units[i]);
	return (buf);
}

void
format_json_string(const char *s)
{
	const unsigned char	*p;

	putchar('"');
	for (p = (const unsigned char *)s; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			printf("\\%c", *p);
		else if (*p < 0x20 || *p >= 0x7f)
			printf("\\u%04x", *p);
		else
			putchar(*p);
	}
	putchar('"');
}
