/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* What fetch.c has and no parser calls. */
#ifndef FUZZ_FETCHSTUB_H
#define FUZZ_FETCHSTUB_H

#include "../../worker/fetch/fetch.h"

void
fetch_send(struct fetch *f, enum msg_type type, uint32_t id,
    const void *payload, int fd)
{
	(void)f;
	(void)type;
	(void)id;
	(void)payload;
	(void)fd;
	abort();
}

void
fetch_note(struct fetch *f, uint32_t id, enum note_kind kind, uint64_t done,
    uint64_t total, const char *fmt, ...)
{
	(void)f;
	(void)id;
	(void)kind;
	(void)done;
	(void)total;
	(void)fmt;
	abort();
}

void
fetch_fail(struct fetch *f, uint32_t id, const char *fmt, ...)
{
	(void)f;
	(void)id;
	(void)fmt;
	abort();
}

#endif
