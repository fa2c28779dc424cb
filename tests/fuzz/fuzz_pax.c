/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* The records of a pax header; the first byte says whether it is global. */
#include "../../broker/unpack/tarwalk.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_in	 in = { data, len };
	struct tar_pax	 pax;
	const char	*rule;
	char		*copy;
	int		 global = fuzz_byte(&in) & 1;

	memset(&pax, 0, sizeof(pax));
	copy = fuzz_copy(in.p, in.len);
	rule = tar_pax_parse(&pax, copy, in.len, global);
	if (rule != NULL)
		fuzz_text(rule, 4096);
	else {
		MUST(!global || (pax.path == NULL && pax.has == 0));
		MUST(pax.nxattrs <= XATTRS_MAX);
		MUST(pax.xattrbytes <= XATTR_BYTES_MAX);
		MUST(pax.nsec < 1000000000);
	}
	tar_pax_free(&pax);
	free(copy);
	return (0);
}
