/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The end of the audit record, as a crash or a stranger may have left it:
 * after it has been taken, one more line can be written behind it and the
 * chain goes on.
 */
#include <sys/mman.h>

/* for audit_head(), which is no one else's */
#include "../../worker/engine/audit.c"
#include "fuzz.h"

struct engine	 env;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int	 dir = cage_enter();

	(void)argc;
	(void)argv;
	log_init("fuzz", 0);
	MUST(mkdirat(dir, "audit", 0700) == 0);
	MUST(fchdir(dir) == 0);
	MUST((auditfd = memfd_create("audit", 0)) != -1);
	return (0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct head	 h, next;
	struct audit	 a;
	struct stat	 st;
	size_t		 linelen;
	char		*line, last;
	int		 dir;

	MUST(ftruncate(auditfd, 0) == 0);
	MUST(pwrite(auditfd, data, len, 0) == (ssize_t)len);
	if (audit_head(&h) == 0) {
		MUST(fstat(auditfd, &st) == 0);
		if (st.st_size > 0) {
			/* a whole line is its end, and it is numbered */
			MUST(pread(auditfd, &last, 1, st.st_size - 1) == 1);
			MUST(last == '\n' && h.seq > 0);
		} else
			MUST(h.seq == 0);
		memset(&a, 0, sizeof(a));
		a.action = "test";
		a.object = "\"\\\x01\xff";
		a.rule = "none";
		line = audit_line(&a, &h, 1, "ok", NULL, &linelen);
		MUST(line != NULL);
		MUST(pwrite(auditfd, line, linelen, st.st_size) ==
		    (ssize_t)linelen);
		free(line);
		MUST(audit_head(&next) == 0);
		MUST(next.seq == h.seq + 1);
	}
	MUST((dir = open("audit", O_RDONLY | O_DIRECTORY)) != -1);
	cage_empty(dir);
	close(dir);
	return (0);
}
