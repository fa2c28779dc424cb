/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The liar's own header: one process that lies as the plan says. */
#ifndef TESTS_PROTO_LIAR_H
#define TESTS_PROTO_LIAR_H

#include "plan.h"

extern struct plan	*plan;
extern struct chan	 chan;

/* Waits for a message of that kind; whatever else comes is ignored. */
void	 await(enum msg_type, struct msg *);
void	 say(enum msg_type, const void *payload, enum kind);
/* The lie, when this is the one who tells it and the moment has come. */
void	 at(uint32_t state);

/* Lives on, asks for an answer, or exits, as the plan says. */
void	 finish(void) __attribute__((noreturn));

/* lieengine.c: in the engine's place */
void	 play_engine(void) __attribute__((noreturn));

#endif
