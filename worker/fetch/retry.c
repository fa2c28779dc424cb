/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* How often and after what time berth-fetch asks again. */
#include "fetch.h"

#define MS	1000

int
retry_status(unsigned int status)
{
	return (status == 429 || (status >= 502 && status <= 504));
}

int
retry_next(struct retry *r, const char *after, uint64_t base, uint64_t *ms)
{
	uint64_t	 seconds;
	int		 asked;

	asked = *after != '\0' &&
	    header_retry(after, time(NULL), &seconds) == 0;
	if (!asked)
		*ms = base << r->tries;
	else if (seconds > UINT32_MAX)
		*ms = (uint64_t)UINT32_MAX * MS;
	else
		*ms = seconds * MS;
	/* a wait that will not do any good is not begun */
	if (++r->tries >= FETCH_TRIES_MAX ||
	    *ms > FETCH_WAIT_MAX_MS - r->waited) {
		if (!asked)
			*ms = 0;
		return (-1);
	}
	r->waited += *ms;
	return (0);
}
