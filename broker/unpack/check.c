/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Is a stored image still what its ID says?  In berth-unpack, for the
 * verify job: everything is made again from the config and compared.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "image.h"

/* Longest name of a layer's directory, with "\n" and NUL. */
#define LAYERNAME_SIZE	(sizeof("chain-sha256-") + DIGEST_HEXLEN + 1)

struct stored {
	struct blob	 aci, manifest, config, app, layers;
};

int
check_load(int dir, const char *name, size_t max, struct blob *b,
    struct why *why)
{
	char		 digest[DIGEST_SIZE];
	struct stat	 st;
	int		 fd, error;

	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return (why_refuse(why, "%s: %s", name, strerror(errno)));
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size > max)
		error = why_refuse(why, "%s: not a regular file of at most "
		    "%zu bytes", name, max);
	else
		error = document_read(fd, name, (uint64_t)st.st_size, "", b,
		    digest, why);
	close(fd);
	if (error == -1)
		b->data = NULL;
	return (error);
}

static int
same(const struct blob *b, const void *data, size_t len)
{
	return (b->len == len && memcmp(b->data, data, len) == 0);
}

/*
 * "layers" names one directory per layer, by diff id when it stands alone,
 * else by chain id.
 */
static int
check_layers(const struct blob *file, const struct config *c, struct why *why)
{
	char		 own[LAYERNAME_SIZE], merged[LAYERNAME_SIZE];
	char		 chain[DIGEST_SIZE] = "";
	size_t		 i, len, off = 0;

	for (i = 0; i < c->ndiffids; i++) {
		digest_chain(chain, c->diffids[i], chain);
		snprintf(own, sizeof(own), "sha256-%s\n", c->diffids[i] + 7);
		snprintf(merged, sizeof(merged), "chain-sha256-%s\n",
		    chain + 7);
		len = strlen(own);
		if (file->len - off < len ||
		    memcmp(file->data + off, own, len) != 0) {
			len = strlen(merged);
			if (file->len - off < len ||
			    memcmp(file->data + off, merged, len) != 0)
				return (why_refuse(why, "layers: line %zu is "
				    "not layer %s", i + 1, c->diffids[i]));
		}
		off += len;
	}
	if (off != file->len)
		return (why_refuse(why, "layers: more than the config's %zu "
		    "layers", c->ndiffids));
	return (0);
}

/* Makes ACI and app record again; the ID is the judge of the ACI. */
static int
compare(const struct stored *s, const struct config *c, const char *id,
    struct why *why)
{
	char		 digest[DIGEST_SIZE], is[IMAGEID_SIZE];
	struct blob	 manifest, aci;
	struct record	 app;
	int		 error = -1;

	digest_imageid(s->aci.data, s->aci.len, is);
	if (strcmp(is, id) != 0)
		return (why_refuse(why, "aci: its ID is %s", is));
	digest_of(s->config.data, s->config.len, digest);
	if (aci_manifest(c, digest, &manifest, why) == -1)
		return (-1);
	if (aci_wrap(&manifest, &aci) == -1) {
		free(manifest.data);
		return (why_refuse(why, "aci: %s", strerror(errno)));
	}
	if (!same(&s->aci, aci.data, aci.len))
		why_refuse(why, "config: the ACI made of it differs from aci");
	else if (!same(&s->manifest, manifest.data, manifest.len))
		why_refuse(why, "manifest: differs from the one in aci");
	else if (apprecord_build(c, &app, why) == -1)
		record_free(&app);
	else {
		if (same(&s->app, app.data, app.len))
			error = check_layers(&s->layers, c, why);
		else
			why_refuse(why, "app: differs from the record made of "
			    "the config");
		record_free(&app);
	}
	free(manifest.data);
	free(aci.data);
	return (error);
}

int
image_check(int dir, const char *id, char (*diffids)[DIGEST_SIZE], size_t *n,
    char *text, size_t textsize)
{
	struct stored	 s;
	struct config	 c;
	struct why	 why;
	int		 error = -1;

	memset(&s, 0, sizeof(s));
	if (check_load(dir, "aci", MEMFD_MAX, &s.aci, &why) == -1 ||
	    check_load(dir, "manifest", MEMFD_MAX, &s.manifest, &why) == -1 ||
	    check_load(dir, "config", CONFIG_MAX, &s.config, &why) == -1 ||
	    check_load(dir, "app", RECORD_MAX, &s.app, &why) == -1 ||
	    check_load(dir, "layers", LAYERS_MAX * LAYERNAME_SIZE, &s.layers,
	    &why) == -1)
		goto out;
	if (config_parse(s.config.data, s.config.len, &c, &why) == -1) {
		why_about(&why, "config", "");
		goto out;
	}
	if ((error = compare(&s, &c, id, &why)) == 0) {
		*n = c.ndiffids;
		memcpy(diffids, c.diffids, c.ndiffids * sizeof(*c.diffids));
	}
	config_free(&c);
 out:
	free(s.aci.data);
	free(s.manifest.data);
	free(s.config.data);
	free(s.app.data);
	free(s.layers.data);
	if (error == -1)
		strlcpy(text, why.text, textsize);
	return (error);
}
