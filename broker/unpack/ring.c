/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The two threads of a layer job (in berth-unpack): one decodes, the other
 * hashes, parses and applies.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "ring.h"

#define SLOTS		8
#define SLOT_SIZE	(256 * 1024)

struct ring {
	pthread_t	 thread;
	pthread_mutex_t	 lock;
	pthread_cond_t	 filled, freed;
	struct decoder	*decoder;
	unsigned char	*buf[SLOTS];
	ssize_t		 len[SLOTS];	/* 0: the end; -1: it failed */
	unsigned int	 head, tail;	/* next to fill, next to take */
	int		 taken;		/* tail is with the applying thread */
	int		 stop;
};

/* The slot to fill, or NULL when nobody wants more. */
static unsigned char *
slot_wait(struct ring *r)
{
	unsigned char	*p;

	pthread_mutex_lock(&r->lock);
	while (r->head - r->tail == SLOTS && !r->stop)
		pthread_cond_wait(&r->freed, &r->lock);
	p = r->stop ? NULL : r->buf[r->head % SLOTS];
	pthread_mutex_unlock(&r->lock);
	return (p);
}

static void *
decode(void *arg)
{
	struct ring	*r = arg;
	unsigned char	*p;
	ssize_t		 n;

	do {
		if ((p = slot_wait(r)) == NULL)
			break;
		n = decoder_read(r->decoder, p, SLOT_SIZE);
		pthread_mutex_lock(&r->lock);
		r->len[r->head % SLOTS] = n;
		r->head++;
		pthread_cond_signal(&r->filled);
		pthread_mutex_unlock(&r->lock);
	} while (n > 0);
	return (NULL);
}

static void
release(struct ring *r)
{
	int	 i;

	for (i = 0; i < SLOTS; i++)
		free(r->buf[i]);
	pthread_cond_destroy(&r->filled);
	pthread_cond_destroy(&r->freed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

struct ring *
ring_start(struct decoder *d)
{
	struct ring	*r;
	int		 i, error = 0;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	r->decoder = d;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->filled, NULL);
	pthread_cond_init(&r->freed, NULL);
	for (i = 0; i < SLOTS; i++)
		if ((r->buf[i] = malloc(SLOT_SIZE)) == NULL)
			error = ENOMEM;
	if (error == 0)
		error = pthread_create(&r->thread, NULL, decode, r);
	if (error != 0) {
		release(r);
		errno = error;
		return (NULL);
	}
	return (r);
}

ssize_t
ring_next(struct ring *r, const void **data)
{
	ssize_t	 n;

	pthread_mutex_lock(&r->lock);
	if (r->taken) {
		r->tail++;
		r->taken = 0;
		pthread_cond_signal(&r->freed);
	}
	while (r->head == r->tail)
		pthread_cond_wait(&r->filled, &r->lock);
	n = r->len[r->tail % SLOTS];
	*data = r->buf[r->tail % SLOTS];
	/* the end stays where it is, for those who ask again */
	r->taken = n > 0;
	pthread_mutex_unlock(&r->lock);
	return (n);
}

void
ring_free(struct ring *r)
{
	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = 1;
	pthread_cond_signal(&r->freed);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	release(r);
}
