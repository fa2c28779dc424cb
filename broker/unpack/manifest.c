/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Manifests of registries, OCI's and Docker's schema 2, in berth-unpack:
 * bytes in, struct out.  Pure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"

#define EMPTY_TYPE	"application/vnd.oci.empty.v1+json"

static const struct {
	const char	*name;
	enum media	 media;
} media_types[] = {
	{ "application/vnd.oci.image.manifest.v1+json", MEDIA_OCI_MANIFEST },
	{ "application/vnd.oci.image.index.v1+json", MEDIA_OCI_INDEX },
	{ "application/vnd.docker.distribution.manifest.v2+json",
	    MEDIA_DOCKER_MANIFEST },
	{ "application/vnd.docker.distribution.manifest.list.v2+json",
	    MEDIA_DOCKER_LIST },
	{ "application/vnd.oci.image.config.v1+json", MEDIA_CONFIG },
	{ "application/vnd.docker.container.image.v1+json", MEDIA_CONFIG },
};

/* foreign: the bytes may be kept elsewhere, under the descriptor's urls. */
static const struct {
	const char	*name;
	enum codec	 codec;
	int		 foreign;
} layer_types[] = {
	{ "application/vnd.oci.image.layer.v1.tar", CODEC_NONE, 0 },
	{ "application/vnd.oci.image.layer.v1.tar+gzip", CODEC_GZIP, 0 },
	{ "application/vnd.oci.image.layer.v1.tar+zstd", CODEC_ZSTD, 0 },
	{ "application/vnd.docker.image.rootfs.diff.tar", CODEC_NONE, 0 },
	{ "application/vnd.docker.image.rootfs.diff.tar.gzip", CODEC_GZIP, 0 },
	{ "application/vnd.docker.image.rootfs.diff.tar.zstd", CODEC_ZSTD, 0 },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar",
	    CODEC_NONE, 1 },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
	    CODEC_GZIP, 1 },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
	    CODEC_ZSTD, 1 },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar",
	    CODEC_NONE, 1 },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
	    CODEC_GZIP, 1 },
};

static const char *const manifest_keys[] = {
	"schemaVersion", "mediaType", "artifactType", "config", "layers",
	"manifests", "subject", "annotations", "fsLayers", NULL
};

enum media
media_of(const char *name)
{
	size_t	 i;

	for (i = 0; i < sizeof(media_types) / sizeof(media_types[0]); i++)
		if (strcmp(name, media_types[i].name) == 0)
			return (media_types[i].media);
	return (MEDIA_UNKNOWN);
}

int
descriptor_known(const json_t *descriptor, const char *at, struct why *why)
{
	static const char *const	 keys[] = {
		"mediaType", "digest", "size", "urls", "annotations", "data",
		"platform", "artifactType", NULL
	};

	return (jdoc_known(descriptor, at, keys, why));
}

/* Neither a schema 1 manifest nor another version. */
static int
check_version(const json_t *root, struct why *why)
{
	uint64_t	 version = 0;

	if (json_object_get(root, "fsLayers") != NULL ||
	    json_integer_value(json_object_get(root, "schemaVersion")) == 1)
		return (why_refuse(why, "deprecated Docker schema 1 manifest: "
		    "ask the publisher to push it again"));
	if (jdoc_size(root, "", "schemaVersion", INT32_MAX, &version, why) ==
	    -1)
		return (-1);
	if (version != 2)
		return (why_refuse(why, "schemaVersion is %llu, not 2",
		    (unsigned long long)version));
	return (0);
}

/*
 * What the document is.  A body that says so must agree with the claim; a
 * body that could be read as two kinds is refused whatever it says
 * (CVE-2021-41190).
 */
static int
find_media(const json_t *root, enum media claim, enum media *media,
    struct why *why)
{
	char		 show[WHY_SHOWSIZE];
	const char	*type;
	int		 index, image;

	index = json_object_get(root, "manifests") != NULL;
	image = json_object_get(root, "layers") != NULL ||
	    json_object_get(root, "config") != NULL;
	if (index && image)
		return (why_refuse(why, "both a manifest and an index (it has "
		    "\"manifests\" beside \"layers\" or \"config\")"));
	if (jdoc_string(root, "", "mediaType", &type, why) == -1)
		return (-1);
	*media = claim;
	if (type != NULL) {
		*media = media_of(type);
		if (*media == MEDIA_UNKNOWN || *media == MEDIA_CONFIG)
			return (why_refuse(why, "media type %s is not an "
			    "image's manifest or index",
			    why_show(show, type)));
		if (claim != MEDIA_UNKNOWN && claim != *media)
			return (why_refuse(why, "media type %s in the body "
			    "differs from what it was served as",
			    why_show(show, type)));
	}
	if (*media == MEDIA_UNKNOWN && index != image)
		*media = index ? MEDIA_OCI_INDEX : MEDIA_OCI_MANIFEST;
	if (*media == MEDIA_OCI_INDEX || *media == MEDIA_DOCKER_LIST) {
		if (!index)
			return (why_refuse(why, "an index without manifests"));
	} else if (index)
		return (why_refuse(why, "an index, served as a manifest"));
	else if (!image)
		return (why_refuse(why, "not an image manifest (neither "
		    "\"config\" and \"layers\" nor \"manifests\")"));
	return (0);
}

static int
read_config(const json_t *root, struct manifest *m, struct why *why)
{
	char		 show[WHY_SHOWSIZE];
	const json_t	*config;
	const char	*type, *artifact;

	if (jdoc_object(root, "", "config", &config, why) == -1)
		return (-1);
	if (config == NULL)
		return (why_refuse(why, "config is missing"));
	if (descriptor_known(config, "config", why) == -1 ||
	    jdoc_string(config, "config", "mediaType", &type, why) == -1 ||
	    jdoc_string(root, "", "artifactType", &artifact, why) == -1)
		return (-1);
	if (type == NULL)
		return (why_refuse(why, "config.mediaType is missing"));
	if (media_of(type) != MEDIA_CONFIG) {
		if (strcmp(type, EMPTY_TYPE) == 0 && artifact != NULL)
			return (why_refuse(why, "not a container image: "
			    "artifact type %s", why_show(show, artifact)));
		return (why_refuse(why, "not a container image: config media "
		    "type %s", why_show(show, type)));
	}
	if (jdoc_digest(config, "config", "digest", m->config, why) == -1)
		return (-1);
	return (jdoc_size(config, "config", "size", CONFIG_MAX,
	    &m->config_size, why));
}

/* The codec of a layer's media type, or the reason why berth has none. */
static int
layer_type(const json_t *layer, const char *at, enum codec *codec,
    struct why *why)
{
	char		 show[WHY_SHOWSIZE];
	const char	*type;
	const json_t	*urls;
	size_t		 i;

	if (jdoc_string(layer, at, "mediaType", &type, why) == -1 ||
	    jdoc_strings(layer, at, "urls", &urls, why) == -1)
		return (-1);
	if (type == NULL)
		return (why_refuse(why, "%s.mediaType is missing", at));
	for (i = 0; i < sizeof(layer_types) / sizeof(layer_types[0]); i++) {
		if (strcmp(type, layer_types[i].name) != 0)
			continue;
		if (layer_types[i].foreign && json_array_size(urls) > 0)
			return (why_refuse(why, "%s is a foreign layer (%s): "
			    "berth does not follow its urls", at, type));
		*codec = layer_types[i].codec;
		return (0);
	}
	if (strstr(type, "+encrypted") != NULL)
		return (why_refuse(why, "%s is an encrypted layer (%s)", at,
		    why_show(show, type)));
	return (why_refuse(why, "%s has the unknown media type %s", at,
	    why_show(show, type)));
}

static int
read_layers(const json_t *root, struct manifest *m, struct why *why)
{
	struct layer_desc	*layer;
	const json_t		*layers, *entry;
	uint64_t		 total = 0;
	char			 at[32];
	size_t			 i;

	if (jdoc_array(root, "", "layers", &layers, why) == -1)
		return (-1);
	if (layers == NULL)
		return (why_refuse(why, "layers is missing"));
	if ((m->nlayers = json_array_size(layers)) > LAYERS_MAX)
		return (why_refuse(why, "%zu layers, more than %d", m->nlayers,
		    LAYERS_MAX));
	for (i = 0; i < m->nlayers; i++) {
		layer = &m->layers[i];
		entry = json_array_get(layers, i);
		snprintf(at, sizeof(at), "layers[%zu]", i);
		if (!json_is_object(entry))
			return (why_refuse(why, "%s is not an object", at));
		if (descriptor_known(entry, at, why) == -1 ||
		    layer_type(entry, at, &layer->codec, why) == -1 ||
		    jdoc_digest(entry, at, "digest", layer->digest, why) ==
		    -1 || jdoc_size(entry, at, "size", BLOB_MAX, &layer->size,
		    why) == -1)
			return (-1);
		if ((total += layer->size) > IMAGE_MAX)
			return (why_refuse(why, "layers of more than %llu "
			    "bytes together", (unsigned long long)IMAGE_MAX));
	}
	return (0);
}

/* Of no use to us, but never a way to carry what is no digest. */
static int
check_subject(const json_t *root, struct why *why)
{
	const json_t	*subject;
	char		 digest[DIGEST_SIZE];

	if (jdoc_object(root, "", "subject", &subject, why) == -1)
		return (-1);
	if (subject == NULL)
		return (0);
	if (descriptor_known(subject, "subject", why) == -1)
		return (-1);
	return (jdoc_digest(subject, "subject", "digest", digest, why));
}

int
document_parse(const void *data, size_t len, enum media claim,
    struct document *d, struct why *why)
{
	json_t	*root;
	int	 error = -1;

	memset(d, 0, sizeof(*d));
	if ((root = jdoc_parse(data, len, why)) == NULL)
		return (-1);
	if (jdoc_known(root, "", manifest_keys, why) == -1 ||
	    check_version(root, why) == -1 ||
	    find_media(root, claim, &d->media, why) == -1 ||
	    check_subject(root, why) == -1)
		goto out;
	if (d->media == MEDIA_OCI_INDEX || d->media == MEDIA_DOCKER_LIST)
		error = index_read(root, &d->index, why);
	else if (read_config(root, &d->manifest, why) == 0)
		error = read_layers(root, &d->manifest, why);
 out:
	json_decref(root);
	return (error);
}

void
document_free(struct document *d)
{
	index_free(&d->index);
}
