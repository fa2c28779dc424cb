/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The App Container Image of a config, in berth-unpack: its manifest and
 * the tar around it, whose SHA-512 is the image ID.  Pure, and the same on
 * every machine: no clock, no user, no reference, no registry.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"

#define AC_VERSION	"0.8.11"

/* "berth/layer/sha256-<hex>" of a chain id "sha256:<hex>". */
static void
identifier(char *out, size_t size, const char *kind, const char *digest)
{
	snprintf(out, size, "berth/%s/sha256-%s", kind, digest + 7);
}

static void
put_dependency(struct jsonout *o, const char *chainid)
{
	char	 name[128];

	jsonout_open(o, "dependencies", '[');
	if (*chainid != '\0') {
		identifier(name, sizeof(name), "layer", chainid);
		jsonout_open(o, NULL, '{');
		jsonout_string(o, "imageName", name);
		jsonout_close(o, '}');
	}
	jsonout_close(o, ']');
}

int
aci_manifest(const struct config *c, const char *config_digest,
    struct blob *manifest, struct why *why)
{
	struct jsonout	 o;
	char		 name[128], chain[DIGEST_SIZE] = "";
	size_t		 i;

	for (i = 0; i < c->ndiffids; i++)
		digest_chain(chain, c->diffids[i], chain);
	identifier(name, sizeof(name), "image", config_digest);

	jsonout_init(&o, 0);
	jsonout_open(&o, NULL, '{');
	jsonout_string(&o, "acKind", "ImageManifest");
	jsonout_string(&o, "acVersion", AC_VERSION);
	acifield_annotations(&o, c);
	acifield_app(&o, c);
	put_dependency(&o, chain);
	acifield_labels(&o, &c->platform);
	jsonout_string(&o, "name", name);
	jsonout_close(&o, '}');
	if (jsonout_finish(&o, manifest) == -1)
		return (why_refuse(why, "ACI manifest: out of memory"));
	if (manifest->len > MEMFD_MAX - MIB) {
		free(manifest->data);
		return (why_refuse(why, "ACI manifest: larger than %llu bytes",
		    MEMFD_MAX - MIB));
	}
	return (0);
}

void
aci_layer_begin(struct jsonout *o, const struct config *c,
    const char *chainid, const char *diffid, const char *beneath)
{
	char	 name[128];

	identifier(name, sizeof(name), "layer", chainid);
	jsonout_init(o, 0);
	jsonout_open(o, NULL, '{');
	jsonout_string(o, "acKind", "ImageManifest");
	jsonout_string(o, "acVersion", AC_VERSION);
	jsonout_open(o, "annotations", '[');
	jsonout_pair(o, "berth/diff-id", diffid, strlen(diffid));
	jsonout_close(o, ']');
	put_dependency(o, beneath);
	acifield_labels(o, &c->platform);
	jsonout_string(o, "name", name);
	jsonout_open(o, "pathWhitelist", '[');
}

int
aci_layer_end(struct jsonout *o, struct blob *manifest)
{
	jsonout_close(o, ']');
	jsonout_close(o, '}');
	return (jsonout_finish(o, manifest));
}

int
aci_wrap(const struct blob *manifest, struct blob *aci)
{
	struct tarout	 file, rootfs;
	size_t		 body;

	memset(&file, 0, sizeof(file));
	file.type = '0';
	file.name = "manifest";
	file.mode = 0644;
	file.size = manifest->len;
	memset(&rootfs, 0, sizeof(rootfs));
	rootfs.type = '5';
	rootfs.name = "rootfs";
	rootfs.mode = 0755;

	body = manifest->len + tarout_padding(manifest->len);
	aci->len = TAROUT_BLOCK + body + TAROUT_BLOCK + 2 * TAROUT_BLOCK;
	if ((aci->data = calloc(1, aci->len)) == NULL)
		return (-1);
	if (tarout_header(aci->data, &file) == -1 ||
	    tarout_header(aci->data + TAROUT_BLOCK + body, &rootfs) == -1) {
		free(aci->data);
		errno = EOVERFLOW;
		return (-1);
	}
	memcpy(aci->data + TAROUT_BLOCK, manifest->data, manifest->len);
	return (0);
}
