/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Debug builds only: their filters trap where others kill, and this names
 * the call that was refused.
 */
#ifndef COMMON_TRAP_H
#define COMMON_TRAP_H

/* 0, or -1 with errno.  Whoever traps ends with status 159, 128 + SIGSYS. */
int	 trap_install(void);

#endif
