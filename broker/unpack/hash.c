/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * SHA-256 in berth-unpack.  libcrypto uses the processor's instructions for
 * it (five times the speed of plain C); its plain functions, not EVP, whose
 * first call opens files and costs more than a small layer.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

struct hash {
	SHA256_CTX	 ctx;
};

struct hash *
hash_new(void)
{
	struct hash	*h;

	if ((h = malloc(sizeof(*h))) == NULL)
		return (NULL);
	SHA256_Init(&h->ctx);
	return (h);
}

void
hash_add(struct hash *h, const void *data, size_t len)
{
	SHA256_Update(&h->ctx, data, len);
}

void
hash_digest(struct hash *h, char out[DIGEST_SIZE])
{
	unsigned char	 md[SHA256_DIGEST_LENGTH];
	size_t		 i;

	SHA256_Final(md, &h->ctx);
	memcpy(out, "sha256:", 7);
	for (i = 0; i < sizeof(md); i++)
		snprintf(out + 7 + 2 * i, 3, "%02x", md[i]);
}

void
hash_free(struct hash *h)
{
	free(h);
}
