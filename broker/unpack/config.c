/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The image config, OCI's and Docker's, in berth-unpack: bytes in, struct
 * out.  Pure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "../../common/valid.h"
#include "image.h"

static const char *const config_keys[] = {
	"architecture", "os", "variant", "config", "rootfs", "history",
	"created", "author", NULL
};
static const char *const run_keys[] = {
	"User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes",
	"WorkingDir", "Labels", "StopSignal", "Healthcheck", NULL
};
static const char *const health_keys[] = {
	"Test", "Interval", "Timeout", "StartPeriod", "StartInterval",
	"Retries", NULL
};
static const char *const rootfs_keys[] = { "type", "diff_ids", NULL };

/* A platform's part: there, and a name. */
static int
read_name(const json_t *root, const char *key, int needed,
    char out[PLATFORM_MAXLEN + 1], struct why *why)
{
	char		 show[WHY_SHOWSIZE];
	const char	*s;

	if (jdoc_string(root, "", key, &s, why) == -1)
		return (-1);
	if (s == NULL || *s == '\0') {
		if (needed)
			return (why_refuse(why, "%s is missing", key));
		return (0);
	}
	if (!valid_platform(s))
		return (why_refuse(why, "%s is \"%s\", not a name of up to %d "
		    "lower case letters and digits", key, why_show(show, s),
		    PLATFORM_MAXLEN));
	strlcpy(out, s, PLATFORM_MAXLEN + 1);
	return (0);
}

static int
read_rootfs(struct config *c, struct why *why)
{
	char		 show[WHY_SHOWSIZE];
	const json_t	*rootfs, *ids;
	const char	*type, *s;
	size_t		 i;

	if (jdoc_object(c->root, "", "rootfs", &rootfs, why) == -1)
		return (-1);
	if (rootfs == NULL)
		return (why_refuse(why, "rootfs is missing"));
	if (jdoc_known(rootfs, "rootfs", rootfs_keys, why) == -1 ||
	    jdoc_string(rootfs, "rootfs", "type", &type, why) == -1 ||
	    jdoc_strings(rootfs, "rootfs", "diff_ids", &ids, why) == -1)
		return (-1);
	if (type != NULL && strcmp(type, "layers") != 0)
		return (why_refuse(why, "rootfs.type is \"%s\", not \"layers\"",
		    why_show(show, type)));
	if ((c->ndiffids = json_array_size(ids)) > LAYERS_MAX)
		return (why_refuse(why, "%zu diff_ids, more than %d",
		    c->ndiffids, LAYERS_MAX));
	c->diffids = calloc(c->ndiffids + 1, sizeof(*c->diffids));
	if (c->diffids == NULL)
		return (why_refuse(why, "out of memory"));
	for (i = 0; i < c->ndiffids; i++) {
		s = json_string_value(json_array_get(ids, i));
		if (!valid_digest(s))
			return (why_refuse(why, "rootfs.diff_ids[%zu] is "
			    "\"%s\", not \"sha256:\" and 64 lower case hex "
			    "digits", i, why_show(show, s)));
		memcpy(c->diffids[i], s, DIGEST_SIZE);
	}
	return (0);
}

/*
 * The history is for people, and many writers leave it out or short; one
 * that tells of more layers than there are describes another image.
 */
static int
check_history(const struct config *c, struct why *why)
{
	const json_t	*history, *entry;
	size_t		 i, n = 0;

	if (jdoc_array(c->root, "", "history", &history, why) == -1)
		return (-1);
	for (i = 0; i < json_array_size(history); i++) {
		entry = json_array_get(history, i);
		if (!json_is_object(entry))
			return (why_refuse(why, "history[%zu] is not an object",
			    i));
		if (!json_is_true(json_object_get(entry, "empty_layer")))
			n++;
	}
	if (n > c->ndiffids)
		return (why_refuse(why, "history tells of %zu layers, "
		    "rootfs.diff_ids of %zu", n, c->ndiffids));
	return (0);
}

/*
 * An absolute path without "//", "." and trailing "/", or NULL: not
 * absolute, a ".." (whose meaning would depend on links), too long.
 */
static char *
clean_path(const char *path)
{
	char	*out, *o;
	size_t	 len;

	if (*path != '/' || strlen(path) > PATH_MAXLEN ||
	    (out = calloc(1, strlen(path) + 2)) == NULL)
		return (NULL);
	for (o = out; *path != '\0'; path += len) {
		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 0 || (len == 1 && *path == '.'))
			continue;
		if (len == 2 && path[0] == '.' && path[1] == '.') {
			free(out);
			return (NULL);
		}
		*o++ = '/';
		memcpy(o, path, len);
		o += len;
	}
	if (o == out)
		*o = '/';
	return (out);
}

/* The root itself and the kernel's file systems are no place for a volume. */
static int
forbidden(const char *path)
{
	static const char *const	 tops[] = { "/proc", "/sys", "/dev" };
	size_t				 i, len;

	for (i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
		len = strlen(tops[i]);
		if (strncmp(path, tops[i], len) == 0 &&
		    (path[len] == '\0' || path[len] == '/'))
			return (1);
	}
	return (strcmp(path, "/") == 0);
}

static int
by_name(const void *a, const void *b)
{
	return (strcmp(*(char *const *)a, *(char *const *)b));
}

/* Sorted, so that equals meet and the order is nobody's choice. */
static int
read_volumes(struct config *c, const json_t *run, struct why *why)
{
	char		 show[WHY_SHOWSIZE];
	const json_t	*volumes;
	const char	*key;
	json_t		*value;
	char		*path;
	size_t		 i, n = 0;

	if (jdoc_object(run, "config", "Volumes", &volumes, why) == -1)
		return (-1);
	if (volumes == NULL)
		return (0);
	c->volumes = calloc(json_object_size(volumes) + 1, sizeof(char *));
	if (c->volumes == NULL)
		return (why_refuse(why, "out of memory"));
	json_object_foreach((json_t *)(uintptr_t)volumes, key, value) {
		if ((path = clean_path(key)) == NULL)
			return (why_refuse(why, "volume \"%s\" is not an "
			    "absolute path without \"..\"",
			    why_show(show, key)));
		c->volumes[c->nvolumes++] = path;
		if (forbidden(path))
			return (why_refuse(why, "volume \"%s\" would hide the "
			    "root or a kernel file system",
			    why_show(show, key)));
	}
	qsort(c->volumes, c->nvolumes, sizeof(char *), by_name);
	for (i = 0; i < c->nvolumes; i++) {
		if (n > 0 && strcmp(c->volumes[n - 1], c->volumes[i]) == 0)
			free(c->volumes[i]);
		else
			c->volumes[n++] = c->volumes[i];
	}
	c->nvolumes = n;
	return (0);
}

static int
read_labels(struct config *c, const json_t *run, struct why *why)
{
	char		 show[WHY_SHOWSIZE];
	const char	*key;
	json_t		*value;

	if (jdoc_object(run, "config", "Labels", &c->labels, why) == -1)
		return (-1);
	if (c->labels == NULL)
		return (0);
	json_object_foreach((json_t *)(uintptr_t)c->labels, key, value)
		if (!json_is_string(value))
			return (why_refuse(why, "config.Labels.%s is not a "
			    "string", why_show(show, key)));
	return (0);
}

/* Kept word for word in the ACI: its numbers must have one spelling. */
static int
read_health(struct config *c, const json_t *run, struct why *why)
{
	static const char	 at[] = "config.Healthcheck";
	const json_t		*test;
	const char		*key;
	json_t			*value;

	if (jdoc_object(run, "config", "Healthcheck", &c->healthcheck, why) ==
	    -1)
		return (-1);
	if (c->healthcheck == NULL)
		return (0);
	if (jdoc_known(c->healthcheck, at, health_keys, why) == -1 ||
	    jdoc_strings(c->healthcheck, at, "Test", &test, why) == -1)
		return (-1);
	json_object_foreach((json_t *)(uintptr_t)c->healthcheck, key, value)
		if (strcmp(key, "Test") != 0 && !json_is_integer(value) &&
		    !json_is_null(value))
			return (why_refuse(why, "%s has a value that is not an "
			    "integer", at));
	return (0);
}

/* An empty string means as much as none. */
static void
drop_empty(const char **s)
{
	if (*s != NULL && **s == '\0')
		*s = NULL;
}

static int
read_run(struct config *c, struct why *why)
{
	static const char	 at[] = "config";
	char			 show[WHY_SHOWSIZE];
	const json_t		*run;

	if (jdoc_object(c->root, "", at, &run, why) == -1)
		return (-1);
	if (run == NULL)
		return (0);
	if (jdoc_known(run, at, run_keys, why) == -1 ||
	    jdoc_string(run, at, "User", &c->user, why) == -1 ||
	    jdoc_string(run, at, "WorkingDir", &c->workdir, why) == -1 ||
	    jdoc_string(run, at, "StopSignal", &c->stopsignal, why) == -1 ||
	    jdoc_strings(run, at, "Entrypoint", &c->entrypoint, why) == -1 ||
	    jdoc_strings(run, at, "Cmd", &c->cmd, why) == -1 ||
	    jdoc_strings(run, at, "Env", &c->env, why) == -1 ||
	    jdoc_object(run, at, "ExposedPorts", &c->ports, why) == -1 ||
	    read_labels(c, run, why) == -1 ||
	    read_health(c, run, why) == -1 ||
	    read_volumes(c, run, why) == -1)
		return (-1);
	drop_empty(&c->user);
	drop_empty(&c->workdir);
	drop_empty(&c->stopsignal);
	if (c->user != NULL && strlen(c->user) > USER_MAXLEN)
		return (why_refuse(why, "config.User is longer than %d bytes",
		    USER_MAXLEN));
	if (c->workdir != NULL && strlen(c->workdir) > PATH_MAXLEN)
		return (why_refuse(why, "config.WorkingDir is longer than %d "
		    "bytes", PATH_MAXLEN));
	if (c->stopsignal != NULL &&
	    (c->signo = apprecord_signal(c->stopsignal)) == -1)
		return (why_refuse(why, "config.StopSignal is \"%s\", which is "
		    "no signal", why_show(show, c->stopsignal)));
	return (0);
}

int
config_parse(const void *data, size_t len, struct config *c, struct why *why)
{
	memset(c, 0, sizeof(*c));
	if ((c->root = jdoc_parse(data, len, why)) == NULL)
		return (-1);
	if (jdoc_known(c->root, "", config_keys, why) == -1 ||
	    read_name(c->root, "os", 1, c->platform.os, why) == -1 ||
	    read_name(c->root, "architecture", 1, c->platform.arch, why) ==
	    -1 ||
	    read_name(c->root, "variant", 0, c->platform.variant, why) == -1 ||
	    jdoc_string(c->root, "", "created", &c->created, why) == -1 ||
	    jdoc_string(c->root, "", "author", &c->author, why) == -1 ||
	    read_rootfs(c, why) == -1 ||
	    check_history(c, why) == -1 ||
	    read_run(c, why) == -1) {
		config_free(c);
		return (-1);
	}
	drop_empty(&c->created);
	drop_empty(&c->author);
	return (0);
}

void
config_free(struct config *c)
{
	size_t	 i;

	for (i = 0; i < c->nvolumes; i++)
		free(c->volumes[i]);
	free(c->volumes);
	free(c->diffids);
	json_decref(c->root);
	memset(c, 0, sizeof(*c));
}

int
config_suits(const struct config *c, const struct msg_platform *want,
    struct why *why)
{
	char	 has[3 * (PLATFORM_MAXLEN + 1)], asked[sizeof(has)];

	if (strcmp(c->platform.os, want->os) == 0 &&
	    strcmp(c->platform.arch, want->arch) == 0)
		return (0);
	platform_print(&c->platform, has, sizeof(has));
	platform_print(want, asked, sizeof(asked));
	return (why_refuse(why, "the image is for %s, not for %s", has, asked));
}
