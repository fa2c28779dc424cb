/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The one line that berth-init leaves behind when no app can run. */
#include <errno.h>
#include <string.h>

#include "../../common/log.h"
#include "init.h"

struct msg_failure	 init_failure;

/* Appends, cut to what fits. */
static void
add(const char *s)
{
	size_t	 len = strlen(init_failure.text), n = strlen(s);

	if (n > sizeof(init_failure.text) - 1 - len)
		n = sizeof(init_failure.text) - 1 - len;
	memcpy(init_failure.text + len, s, n);
}

int
failed(uint32_t status, const char *kind, const char *name, const char *reason)
{
	char	 coded[512], first[2] = { 0, 0 };
	int	 quoted;

	if (init_failure.status != 0)
		return (-1);
	if (reason == NULL && (reason = strerrordesc_np(errno)) == NULL)
		reason = "unknown error";
	init_failure.status = status;
	quoted = kind != NULL && name != NULL && (strcmp(kind, "user") == 0 ||
	    strcmp(kind, "group") == 0);
	if (kind != NULL)
		add(kind);
	if (kind != NULL && name != NULL)
		add(quoted ? " \"" : " ");
	if (name != NULL)
		add(log_encode(coded, sizeof(coded), name, strlen(name)));
	add(quoted ? "\": " : ": ");
	/* the C library's texts begin with a capital, berth's do not */
	first[0] = reason[0];
	if (first[0] >= 'A' && first[0] <= 'Z' &&
	    reason[1] >= 'a' && reason[1] <= 'z')
		first[0] = (char)(first[0] - 'A' + 'a');
	add(first);
	if (reason[0] != '\0')
		add(reason + 1);
	return (-1);
}
