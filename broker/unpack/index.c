/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Indexes of registries, OCI's and Docker's manifest list, and the choice
 * of a platform, in berth-unpack.  Pure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "../../common/valid.h"
#include "image.h"

/* BuildKit's mark on what is attached to an image and is none itself. */
#define ATTACHED	"vnd.docker.reference.type"

#define LADDER_MAX	6

/* What runs on a machine of the first: itself, then all behind it. */
static const struct {
	const char	*arch;
	const char	*variants[LADDER_MAX];
} ladders[] = {
	{ "amd64", { "v4", "v3", "v2", "v1", NULL } },
	{ "arm", { "v8", "v7", "v6", "v5", NULL } },
	{ "arm64", { "v8", NULL } },
};

void
platform_print(const struct msg_platform *p, char *text, size_t size)
{
	snprintf(text, size, "%s/%s%s%s", p->os, p->arch,
	    *p->variant != '\0' ? "/" : "", p->variant);
}

/*
 * 1 with *p filled, 0 when no wish can ever equal it (a name outside
 * valid_platform()), -1 when it is malformed.
 */
static int
read_platform(const json_t *platform, const char *at, struct msg_platform *p,
    struct why *why)
{
	static const char *const	 keys[] = {
		"os", "architecture", "variant", "os.version", "os.features",
		"features", NULL
	};
	const char	*os, *arch, *variant;

	if (jdoc_known(platform, at, keys, why) == -1 ||
	    jdoc_string(platform, at, "os", &os, why) == -1 ||
	    jdoc_string(platform, at, "architecture", &arch, why) == -1 ||
	    jdoc_string(platform, at, "variant", &variant, why) == -1)
		return (-1);
	if (variant == NULL)
		variant = "";
	if (os == NULL || *os == '\0' || arch == NULL || *arch == '\0' ||
	    !valid_platform(os) || !valid_platform(arch) ||
	    !valid_platform(variant))
		return (0);
	strlcpy(p->os, os, sizeof(p->os));
	strlcpy(p->arch, arch, sizeof(p->arch));
	strlcpy(p->variant, variant, sizeof(p->variant));
	return (1);
}

/* 1 with *e filled, 0 for an entry to pass over, -1 for one to refuse. */
static int
read_entry(const json_t *entry, const char *at, struct index_entry *e,
    struct why *why)
{
	char		 where[64];
	const json_t	*annotations, *platform;
	const char	*type;

	if (!json_is_object(entry))
		return (why_refuse(why, "%s is not an object", at));
	if (descriptor_known(entry, at, why) == -1 ||
	    jdoc_string(entry, at, "mediaType", &type, why) == -1 ||
	    jdoc_object(entry, at, "annotations", &annotations, why) == -1 ||
	    jdoc_object(entry, at, "platform", &platform, why) == -1)
		return (-1);
	if (type == NULL)
		return (why_refuse(why, "%s.mediaType is missing", at));
	memset(e, 0, sizeof(*e));
	e->media = media_of(type);
	if (e->media == MEDIA_UNKNOWN || e->media == MEDIA_CONFIG)
		return (0);
	if (jdoc_digest(entry, at, "digest", e->digest, why) == -1 ||
	    jdoc_size(entry, at, "size", MANIFEST_MAX, &e->size, why) == -1)
		return (-1);
	if (json_object_get(annotations, ATTACHED) != NULL)
		return (0);
	if (platform == NULL) {
		e->anywhere = 1;
		return (1);
	}
	snprintf(where, sizeof(where), "%s.platform", at);
	return (read_platform(platform, where, &e->platform, why));
}

int
index_read(const json_t *root, struct index *index, struct why *why)
{
	const json_t	*manifests;
	char		 at[32];
	size_t		 i;
	int		 n;

	memset(index, 0, sizeof(*index));
	if (jdoc_array(root, "", "manifests", &manifests, why) == -1)
		return (-1);
	if (manifests == NULL)
		return (why_refuse(why, "manifests is missing"));
	index->total = json_array_size(manifests);
	if (index->total > INDEX_ENTRIES_MAX)
		return (why_refuse(why, "%zu manifests, more than %d",
		    index->total, INDEX_ENTRIES_MAX));
	index->entries = calloc(index->total + 1, sizeof(*index->entries));
	if (index->entries == NULL)
		return (why_refuse(why, "out of memory"));
	for (i = 0; i < index->total; i++) {
		snprintf(at, sizeof(at), "manifests[%zu]", i);
		n = read_entry(json_array_get(manifests, i), at,
		    &index->entries[index->n], why);
		if (n == -1) {
			index_free(index);
			return (-1);
		}
		index->n += (size_t)n;
	}
	return (0);
}

void
index_free(struct index *index)
{
	free(index->entries);
	memset(index, 0, sizeof(*index));
}

static int
is_index(const struct index_entry *e)
{
	return (e->media == MEDIA_OCI_INDEX || e->media == MEDIA_DOCKER_LIST);
}

static int
same_machine(const struct msg_platform *a, const struct msg_platform *b)
{
	return (strcmp(a->os, b->os) == 0 && strcmp(a->arch, b->arch) == 0);
}

/*
 * The variants that suit, best first: the one asked for, what lies below it
 * on its architecture's ladder, then the unnamed one.  With none asked for,
 * the unnamed one comes first, then the ladder; of amd64 only its lowest
 * step, because a level that this CPU lacks would die of SIGILL.
 */
static size_t
wishes(const struct msg_platform *want, const char *list[LADDER_MAX + 1])
{
	const char *const	*step = NULL;
	size_t			 i, n = 0;

	for (i = 0; i < sizeof(ladders) / sizeof(ladders[0]); i++)
		if (strcmp(want->arch, ladders[i].arch) == 0)
			step = ladders[i].variants;
	if (*want->variant == '\0') {
		list[n++] = "";
		if (strcmp(want->arch, "amd64") == 0)
			step = &step[3];
	} else {
		while (step != NULL && *step != NULL &&
		    strcmp(*step, want->variant) != 0)
			step++;
		if (step == NULL || *step == NULL)
			list[n++] = want->variant;
	}
	for (; step != NULL && *step != NULL; step++)
		list[n++] = *step;
	if (*want->variant != '\0')
		list[n++] = "";
	return (n);
}

const struct index_entry *
index_match(const struct index *index, const struct msg_platform *want)
{
	const struct index_entry	*e;
	const char			*list[LADDER_MAX + 1];
	size_t				 i, j, n = wishes(want, list);

	for (i = 0; i < n; i++)
		for (j = 0; j < index->n; j++) {
			e = &index->entries[j];
			if (!is_index(e) && !e->anywhere &&
			    same_machine(&e->platform, want) &&
			    strcmp(e->platform.variant, list[i]) == 0)
				return (e);
		}
	return (NULL);
}

const struct index_entry *
index_nested(const struct index *index, const struct msg_platform *want,
    size_t *pos)
{
	const struct index_entry	*e;

	while (*pos < index->n) {
		e = &index->entries[(*pos)++];
		if (is_index(e) && (e->anywhere ||
		    same_machine(&e->platform, want)))
			return (e);
	}
	return (NULL);
}

const struct index_entry *
index_anywhere(const struct index *index)
{
	size_t	 i;

	for (i = 0; i < index->n; i++)
		if (!is_index(&index->entries[i]) &&
		    index->entries[i].anywhere)
			return (&index->entries[i]);
	return (NULL);
}

/* True when list ("a, b, c") has this item. */
static int
listed(const char *list, const char *item)
{
	const char	*p;
	size_t		 len = strlen(item);

	for (p = list; (p = strstr(p, item)) != NULL; p++)
		if ((p == list || p[-1] == ' ') &&
		    (p[len] == '\0' || p[len] == ','))
			return (1);
	return (0);
}

void
index_platforms(const struct index *index, char *text, size_t size)
{
	char	 one[3 * (PLATFORM_MAXLEN + 1)];
	size_t	 i, len = strlen(text);

	for (i = 0; i < index->n; i++) {
		if (is_index(&index->entries[i]) ||
		    index->entries[i].anywhere)
			continue;
		platform_print(&index->entries[i].platform, one, sizeof(one));
		if (listed(text, one))
			continue;
		if (len + strlen(one) + 6 >= size) {
			if (len + 5 < size && !listed(text, "..."))
				memcpy(text + len, ", ...", 6);
			return;
		}
		len += (size_t)snprintf(text + len, size - len, "%s%s",
		    len > 0 ? ", " : "", one);
	}
}
