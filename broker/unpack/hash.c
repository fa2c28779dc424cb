/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * SHA-256 through libcrypto, which uses the processor's instructions for it
 * (five times the speed of plain C).  In berth-unpack.
 */
#include <openssl/evp.h>

#include <stdio.h>
#include <string.h>

#include "hash.h"

/* The context itself stands for struct hash: nothing else is needed. */
static EVP_MD_CTX *
ctx(struct hash *h)
{
	return ((EVP_MD_CTX *)h);
}

struct hash *
hash_new(void)
{
	EVP_MD_CTX	*c;

	if ((c = EVP_MD_CTX_new()) == NULL)
		return (NULL);
	if (EVP_DigestInit_ex(c, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(c);
		return (NULL);
	}
	return ((struct hash *)c);
}

void
hash_add(struct hash *h, const void *data, size_t len)
{
	EVP_DigestUpdate(ctx(h), data, len);
}

void
hash_digest(struct hash *h, char out[DIGEST_SIZE])
{
	unsigned char	 md[EVP_MAX_MD_SIZE];
	unsigned int	 n, i;

	/* should it ever fail, zeros are no one's digest */
	memset(md, 0, sizeof(md));
	EVP_DigestFinal_ex(ctx(h), md, &n);
	memcpy(out, "sha256:", 7);
	for (i = 0; i < DIGEST_HEXLEN / 2; i++)
		snprintf(out + 7 + 2 * i, 3, "%02x", md[i]);
}

void
hash_free(struct hash *h)
{
	EVP_MD_CTX_free(ctx(h));
}
