/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The two threads of a layer job (in berth-unpack): one decodes, the other
 * parses and applies.  The hash belongs to neither: whoever would have to
 * wait for the other hashes the next piece, so that both are done at about
 * the same time, be it decoding or applying that this layer has more of.
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
	pthread_cond_t	 turn;		/* any of what follows has changed */
	struct decoder	*decoder;
	struct hash	*hash;
	unsigned char	*buf[SLOTS];
	ssize_t		 len[SLOTS];	/* 0: the end; -1: it failed */
	unsigned int	 head, tail;	/* next to fill, next to take */
	unsigned int	 hashed;	/* next to hash */
	int		 hashing;	/* by one of the two */
	int		 taken;		/* tail is with the applying thread */
	int		 stop;
};

/* The next piece that waits for it, if any; else waits for the other. */
static void
hash_or_wait(struct ring *r)
{
	unsigned int	 i = r->hashed % SLOTS;

	if (r->hashing || r->hashed == r->head || r->len[i] <= 0) {
		pthread_cond_wait(&r->turn, &r->lock);
		return;
	}
	r->hashing = 1;
	pthread_mutex_unlock(&r->lock);
	hash_add(r->hash, r->buf[i], (size_t)r->len[i]);
	pthread_mutex_lock(&r->lock);
	r->hashing = 0;
	r->hashed++;
	pthread_cond_signal(&r->turn);
}

/* A slot is free when it has been hashed and applied. */
static int
full(const struct ring *r)
{
	return (r->head - r->tail == SLOTS || r->head - r->hashed == SLOTS);
}

/* The slot to fill, or NULL when nobody wants more. */
static unsigned char *
slot_wait(struct ring *r)
{
	unsigned char	*p;

	pthread_mutex_lock(&r->lock);
	while (full(r) && !r->stop)
		hash_or_wait(r);
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
		pthread_cond_signal(&r->turn);
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
	pthread_cond_destroy(&r->turn);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

struct ring *
ring_start(struct decoder *d, struct hash *h)
{
	struct ring	*r;
	int		 i, error = 0;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	r->decoder = d;
	r->hash = h;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->turn, NULL);
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
		pthread_cond_signal(&r->turn);
	}
	while (r->head == r->tail)
		hash_or_wait(r);
	n = r->len[r->tail % SLOTS];
	*data = r->buf[r->tail % SLOTS];
	/* the end stays where it is, for those who ask again */
	r->taken = n > 0;
	/* by then all has been hashed */
	while (n == 0 && r->hashed != r->tail)
		hash_or_wait(r);
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
	pthread_cond_signal(&r->turn);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	release(r);
}
