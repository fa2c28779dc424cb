/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Which connection of berth-http waits for which answer of the broker, by
 * request id.
 */
#include "http.h"

/* An id's remainder is its slot; its quotient, from 1 on, tells uses apart. */
static struct {
	struct conn	*conn;		/* NULL: free */
	uint32_t	 uses;
} slots[HTTP_WAITING_MAX];
static uint32_t		 nwaiting, next;

static uint32_t
slot_id(uint32_t i)
{
	return (slots[i].uses * HTTP_WAITING_MAX + i);
}

uint32_t
wait_add(struct conn *c)
{
	uint32_t	 i;

	if (nwaiting == HTTP_WAITING_MAX)
		return (0);
	do {
		i = next;
		next = (next + 1) % HTTP_WAITING_MAX;
	} while (slots[i].conn != NULL);
	if (++slots[i].uses > UINT32_MAX / HTTP_WAITING_MAX)
		slots[i].uses = 1;
	slots[i].conn = c;
	nwaiting++;
	return (slot_id(i));
}

struct conn *
wait_find(uint32_t id)
{
	uint32_t	 i = id % HTTP_WAITING_MAX;

	return (slot_id(i) == id ? slots[i].conn : NULL);
}

void
wait_remove(uint32_t id)
{
	if (wait_find(id) == NULL)
		return;
	slots[id % HTTP_WAITING_MAX].conn = NULL;
	nwaiting--;
}

uint32_t
wait_first(void)
{
	uint32_t	 i;

	for (i = 0; nwaiting > 0 && i < HTTP_WAITING_MAX; i++)
		if (slots[i].conn != NULL)
			return (slot_id(i));
	return (0);
}
