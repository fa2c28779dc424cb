/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The verify job on a single layer, for the applier's fuzz target. */

/* for verify_layer(), which is no one else's */
#include "../../broker/unpack/verify.c"
#include "verifyone.h"

int
verify_one(const char *diffid, char *why, size_t whysize)
{
	static struct verify	 v;
	int			 r;

	memset(&v, 0, sizeof(v));
	v.n = 1;
	v.fs[0] = -1;
	snprintf(v.diffids[0], sizeof(v.diffids[0]), "%s", diffid);
	if (model_init(&v.model) == -1)
		return (-1);
	if ((r = verify_layer(&v, 0)) == 0)
		r = verify_view(&v);
	snprintf(why, whysize, "%s", v.why.text);
	if (v.fs[0] != -1)
		close(v.fs[0]);
	model_free(&v.model);
	free(v.sparse);
	return (r);
}
