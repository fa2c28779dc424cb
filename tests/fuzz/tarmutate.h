/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* tarmutate.c: inputs that are tars, for the targets that take them. */
#ifndef FUZZ_TARMUTATE_H
#define FUZZ_TARMUTATE_H

#include <stddef.h>
#include <stdint.h>

/* Sets the checksum of every header. */
void	 tar_sums(uint8_t *, size_t len);
/* As LLVMFuzzerCustomMutator(). */
size_t	 tar_mutate(uint8_t *, size_t len, size_t max, unsigned int seed);

#endif
