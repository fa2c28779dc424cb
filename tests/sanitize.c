/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Linked into every program of "make SANITIZE=1": helpers have no
 * environment to take a sanitizer's options from.
 */
const char	*__asan_default_options(void);
const char	*__ubsan_default_options(void);

/*
 * Memory that is in use at the end goes with the process, and a process
 * that is not dumpable cannot look for leaks (the unit tests do).  A
 * finding ends it by a signal, which nobody takes for an exit status.
 */
const char *
__asan_default_options(void)
{
	return ("detect_leaks=0:abort_on_error=1:"
	    "allocator_may_return_null=1");
}

const char *
__ubsan_default_options(void)
{
	return ("print_stacktrace=1:abort_on_error=1");
}
