/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The probe: a static program that tries, inside a container, what nothing
 * inside may do.  Each check prints "name expected got ok|BAD"; expected is
 * one outcome or several with "|" between: an errno's name, "done", a
 * signal's name, or a word of the check's own.
 */
#ifndef PROBE_H
#define PROBE_H

#define NELEM(a)	(sizeof(a) / sizeof((a)[0]))

/* probe.c */
void		 judge(const char *name, const char *want, const char *got);
/* As judge(), of a system call's return value and errno. */
void		 judge_rv(const char *name, const char *want, long rv);
const char	*outcome(long rv);
/* One system call in a child of its own; what it does stays there. */
const char	*try_call(long nr, const long args[5]);

/* probe_calls.c */
void		 check_calls(void);
void		 check_sockets(void);

/* probe_files.c */
void		 check_hidden(void);
void		 check_readonly(void);
void		 check_others(void);
void		 check_dev(void);

/* probe_self.c */
void		 check_descriptors(void);
void		 check_status(void);
void		 check_limits(void);
void		 check_mounts(void);
void		 check_gain(void);
int		 gained(void);

#endif
