/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Of unpack.c, whose main() a fuzz target cannot have. */
#include <stdarg.h>
#include <stdio.h>

#include "../../broker/unpack/unpack.h"
#include "fuzz.h"

void
why_set(struct why *w, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
}

int
unpack_fail(struct chan *c, uint32_t id, const char *fmt, ...)
{
	(void)c;
	(void)id;
	(void)fmt;
	abort();
}
