/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* What is a valid name.  Pure; true is 1. */
#ifndef COMMON_VALID_H
#define COMMON_VALID_H

#include <stddef.h>

/* The array ends with a NUL and holds only zeros behind it. */
int	 valid_string(const char *s, size_t size);
/* As valid_string, and printable ASCII only. */
int	 valid_text(const char *s, size_t size);
/* "sha256:" and 64 lower case hex digits, and nothing else. */
int	 valid_digest(const char *);
/* "sha512-" and min to 128 lower case hex digits. */
int	 valid_imageid(const char *, size_t min);
int	 valid_uuid(const char *);
/* [a-z0-9] then [a-z0-9._-]*, 63 at most: apps and parameters. */
int	 valid_appname(const char *);
int	 valid_paramname(const char *);
/* [a-zA-Z0-9-.] as sethostname takes it, 64 at most, not empty. */
int	 valid_hostname(const char *);
/* [a-z0-9._-]*, 31 at most: os, architecture, variant. */
int	 valid_platform(const char *);

#endif
