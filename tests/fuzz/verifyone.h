/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* verifyone.c: is the layer at UNPACK_FD_LAYERS what its tar says? */
#ifndef FUZZ_VERIFYONE_H
#define FUZZ_VERIFYONE_H

#include <stddef.h>

int	 verify_one(const char *diffid, char *why, size_t whysize);

#endif
