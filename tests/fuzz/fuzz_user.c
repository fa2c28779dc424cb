/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Who a container runs as: the config's user, the command line's group,
 * the image's passwd, its group.
 */
#include "../../broker/init/init.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct user	 u;
	struct fuzz_in		 in = { data, len };
	struct user_text	 passwd, groups;
	enum user_error		 error;
	char			*spec, *group;
	size_t			 i;

	spec = fuzz_part(&in, NULL);
	group = fuzz_part(&in, NULL);
	passwd.data = fuzz_part(&in, &passwd.len);
	groups.data = fuzz_copy(in.p, in.len);
	groups.len = in.len;
	error = user_resolve(&u, spec, *group == '\0' ? NULL : group,
	    &passwd, &groups);
	MUST(user_strerror(error) != NULL);
	if (error == USER_OK) {
		MUST(u.uid <= USER_ID_MAX && u.gid <= USER_ID_MAX);
		MUST(u.ngroups <= USER_GROUPS_MAX);
		for (i = 0; i < u.ngroups; i++)
			MUST(u.groups[i] <= USER_ID_MAX);
		MUST(u.home[0] != '\0');
		MUST(strnlen(u.home, sizeof(u.home)) < sizeof(u.home));
		/* nobody becomes id 0 by another word than 0 or a name */
		MUST(u.uid != 0 || (spec[0] != '-' && spec[0] != '+' &&
		    spec[0] != ' '));
	}
	free(spec);
	free(group);
	free((char *)(uintptr_t)passwd.data);
	free((char *)(uintptr_t)groups.data);
	return (0);
}
