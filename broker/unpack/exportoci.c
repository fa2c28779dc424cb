/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * An image as an OCI archive, in berth-unpack: image-spec image-layout.md
 * in one tar.  Layers are the original tars, uncompressed, so that each
 * blob's digest is the layer's diff id.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export.h"

#define TYPE		"application/vnd.oci.image."
#define LAYOUT		"{\"imageLayoutVersion\":\"1.0.0\"}"

struct archive {
	struct export	*e;
	struct outfile	 out;
	uint64_t	 sizes[LAYERS_MAX];	/* of the layers' tars */
};

/* The header of a file or, when its name ends with "/", a directory. */
static void
make_header(unsigned char block[TAROUT_BLOCK], const char *name,
    uint64_t size)
{
	struct tarout	 t;
	int		 dir = name[strlen(name) - 1] == '/';

	memset(&t, 0, sizeof(t));
	t.type = dir ? '5' : '0';
	t.name = name;
	t.mode = dir ? 0755 : 0644;
	t.size = size;
	tarout_header(block, &t);	/* no name of ours is too long */
}

static void
put_file(struct archive *a, const char *name, const void *data, size_t len)
{
	unsigned char	 block[TAROUT_BLOCK];

	make_header(block, name, len);
	outfile_write(&a->out, block, sizeof(block));
	outfile_write(&a->out, data, len);
	outfile_zeros(&a->out, tarout_padding(len));
}

static void
blob_name(char *out, size_t size, const char *digest)
{
	snprintf(out, size, "blobs/sha256/%s", digest + 7);
}

static void
put_blob(struct archive *a, const struct blob *b, char digest[DIGEST_SIZE])
{
	char	 name[128];

	digest_of(b->data, b->len, digest);
	blob_name(name, sizeof(name), digest);
	put_file(a, name, b->data, b->len);
}

static int
on_piece(void *arg, const void *data, size_t len)
{
	struct archive	*a = arg;

	outfile_write(&a->out, data, len);
	if (a->out.error == 0)
		return (0);
	why_refuse(&a->e->why, "export: write: %s", strerror(a->out.error));
	return (1);
}

/* The layer's size is known when all of it has passed: the header waits. */
static int
put_layer(struct archive *a, size_t i)
{
	const char	(*ids)[DIGEST_SIZE];
	unsigned char	 block[TAROUT_BLOCK];
	char		 name[128];
	uint64_t	 start;
	size_t		 j;

	ids = (const char (*)[DIGEST_SIZE])a->e->config.diffids;
	for (j = 0; j < i; j++)
		if (strcmp(ids[j], ids[i]) == 0) {
			a->sizes[i] = a->sizes[j];
			return (0);	/* one blob serves both */
		}
	start = outfile_tell(&a->out);
	outfile_zeros(&a->out, TAROUT_BLOCK);
	if (export_stream(a->e, i, on_piece, a) == -1)
		return (-1);
	a->sizes[i] = outfile_tell(&a->out) - start - TAROUT_BLOCK;
	outfile_zeros(&a->out, tarout_padding(a->sizes[i]));
	blob_name(name, sizeof(name), ids[i]);
	make_header(block, name, a->sizes[i]);
	outfile_patch(&a->out, start, block, sizeof(block));
	return (0);
}

static void
put_descriptor(struct jsonout *o, const char *key, const char *type,
    const char *digest, uint64_t size)
{
	jsonout_open(o, key, '{');
	jsonout_string(o, "digest", digest);
	jsonout_string(o, "mediaType", type);
	jsonout_integer(o, "size", (long long)size);
	jsonout_close(o, '}');
}

static int
make_manifest(const struct archive *a, const char *config, struct blob *b)
{
	struct jsonout	 o;
	size_t		 i;

	jsonout_init(&o, 1);
	jsonout_open(&o, NULL, '{');
	put_descriptor(&o, "config", TYPE "config.v1+json", config,
	    a->e->configblob.len);
	jsonout_open(&o, "layers", '[');
	for (i = 0; i < a->e->config.ndiffids; i++)
		put_descriptor(&o, NULL, TYPE "layer.v1.tar",
		    a->e->config.diffids[i], a->sizes[i]);
	jsonout_close(&o, ']');
	jsonout_string(&o, "mediaType", TYPE "manifest.v1+json");
	jsonout_integer(&o, "schemaVersion", 2);
	jsonout_close(&o, '}');
	return (jsonout_finish(&o, b));
}

static int
make_index(const struct archive *a, const char *manifest, uint64_t size,
    struct blob *b)
{
	const struct msg_platform	*p = &a->e->config.platform;
	struct jsonout			 o;

	jsonout_init(&o, 1);
	jsonout_open(&o, NULL, '{');
	jsonout_open(&o, "manifests", '[');
	jsonout_open(&o, NULL, '{');
	jsonout_string(&o, "digest", manifest);
	jsonout_string(&o, "mediaType", TYPE "manifest.v1+json");
	jsonout_open(&o, "platform", '{');
	jsonout_string(&o, "architecture", p->arch);
	jsonout_string(&o, "os", p->os);
	if (*p->variant != '\0')
		jsonout_string(&o, "variant", p->variant);
	jsonout_close(&o, '}');
	jsonout_integer(&o, "size", (long long)size);
	jsonout_close(&o, '}');
	jsonout_close(&o, ']');
	jsonout_string(&o, "mediaType", TYPE "index.v1+json");
	jsonout_integer(&o, "schemaVersion", 2);
	jsonout_close(&o, '}');
	return (jsonout_finish(&o, b));
}

/* Config, manifest and index, once the layers' sizes are known. */
static int
put_documents(struct archive *a)
{
	struct blob	 manifest, index;
	char		 config[DIGEST_SIZE], digest[DIGEST_SIZE];

	put_blob(a, &a->e->configblob, config);
	if (make_manifest(a, config, &manifest) == -1)
		return (why_refuse(&a->e->why, "export: out of memory"));
	put_blob(a, &manifest, digest);
	if (make_index(a, digest, manifest.len, &index) == -1) {
		free(manifest.data);
		return (why_refuse(&a->e->why, "export: out of memory"));
	}
	put_file(a, "index.json", index.data, index.len);
	free(manifest.data);
	free(index.data);
	return (0);
}

static int
put_all(struct archive *a)
{
	unsigned char	 block[TAROUT_BLOCK];
	size_t		 i;

	put_file(a, "oci-layout", LAYOUT, strlen(LAYOUT));
	make_header(block, "blobs/", 0);
	outfile_write(&a->out, block, sizeof(block));
	make_header(block, "blobs/sha256/", 0);
	outfile_write(&a->out, block, sizeof(block));
	for (i = 0; i < a->e->config.ndiffids; i++)
		if (put_layer(a, i) == -1)
			return (-1);
	if (put_documents(a) == -1)
		return (-1);
	outfile_zeros(&a->out, 2 * TAROUT_BLOCK);
	return (0);
}

int
export_oci(struct export *e, int fd)
{
	struct archive	 a;
	int		 error;

	memset(&a, 0, sizeof(a));
	a.e = e;
	outfile_open(&a.out, fd);
	error = put_all(&a);
	if (outfile_close(&a.out) == -1 && error == 0)
		error = why_refuse(&e->why, "export: write: %s",
		    strerror(errno));
	/* the file is the caller's to remove; half an image is not left */
	if (error == -1 && ftruncate(fd, 0) == -1)
		return (-1);
	return (error);
}
