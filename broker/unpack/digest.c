/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Digests of an image's documents, in berth-unpack.  Pure.
 *
 * The plain functions of libcrypto, not EVP: these documents are small, and
 * EVP's first call (providers, openssl.cnf) costs more than hashing them.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <string.h>

#include "image.h"

static void
hex(const unsigned char *p, size_t len, char *out)
{
	static const char	 digits[] = "0123456789abcdef";
	size_t			 i;

	for (i = 0; i < len; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

void
digest_of(const void *data, size_t len, char out[DIGEST_SIZE])
{
	unsigned char	 md[SHA256_DIGEST_LENGTH];
	SHA256_CTX	 ctx;

	SHA256_Init(&ctx);
	SHA256_Update(&ctx, data, len);
	SHA256_Final(md, &ctx);
	memcpy(out, "sha256:", 7);
	hex(md, sizeof(md), out + 7);
}

void
digest_imageid(const void *data, size_t len, char out[IMAGEID_SIZE])
{
	unsigned char	 md[SHA512_DIGEST_LENGTH];
	SHA512_CTX	 ctx;

	SHA512_Init(&ctx);
	SHA512_Update(&ctx, data, len);
	SHA512_Final(md, &ctx);
	memcpy(out, "sha512-", 7);
	hex(md, sizeof(md), out + 7);
}

void
digest_chain(const char *beneath, const char *diffid, char out[DIGEST_SIZE])
{
	char	 both[2 * DIGEST_SIZE];

	if (*beneath == '\0') {
		memmove(out, diffid, DIGEST_SIZE);
		return;
	}
	memcpy(both, beneath, DIGEST_SIZE - 1);
	both[DIGEST_SIZE - 1] = ' ';
	memcpy(both + DIGEST_SIZE, diffid, DIGEST_SIZE - 1);
	digest_of(both, 2 * DIGEST_SIZE - 1, out);
}
