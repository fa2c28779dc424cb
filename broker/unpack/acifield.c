/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * What each field of an ACI manifest can say of an image's config, and the
 * annotations for the rest, in berth-unpack.  Pure.
 *
 * Keys are written in sorted order; nothing is refused here: what the
 * grammar of a field (appc spec 0.8, aci.md and types.md) has no room for
 * stands word for word in an annotation.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"

#define LOWER	"abcdefghijklmnopqrstuvwxyz"
#define UPPER	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	"0123456789"

#define CONVERSION	"1"	/* changes with every change of these bytes */

/* types.ValidOSArch of the spec, in the words of GOARCH and variant. */
static const struct {
	const char	*arch, *variant, *appc;
} linux_archs[] = {
	{ "amd64", NULL, "amd64" },
	{ "386", NULL, "i386" },
	{ "arm64", NULL, "aarch64" },
	{ "arm", "v5", NULL },
	{ "arm", "v6", "armv6l" },
	{ "arm", NULL, "armv7l" },
	{ "ppc64", NULL, "ppc64" },
	{ "ppc64le", NULL, "ppc64le" },
	{ "s390x", NULL, "s390x" },
};

/* An item that has to be sorted; of equal names the last one counts. */
struct item {
	const char	*name;
	size_t		 namelen;
	const char	*value;
	size_t		 index;
};

void
acifield_labels(struct jsonout *o, const struct msg_platform *p)
{
	size_t	 i;

	jsonout_open(o, "labels", '[');
	for (i = 0; i < sizeof(linux_archs) / sizeof(linux_archs[0]); i++) {
		if (strcmp(p->os, "linux") != 0 ||
		    strcmp(p->arch, linux_archs[i].arch) != 0 ||
		    (linux_archs[i].variant != NULL &&
		    strcmp(p->variant, linux_archs[i].variant) != 0))
			continue;
		if (linux_archs[i].appc != NULL) {
			jsonout_pair(o, "arch", linux_archs[i].appc,
			    strlen(linux_archs[i].appc));
			jsonout_pair(o, "os", "linux", 5);
		}
		break;
	}
	jsonout_close(o, ']');
}

/* [A-Za-z_][A-Za-z0-9_.-]*, then "=". */
static int
env_expressible(const char *s)
{
	size_t	 len = strspn(s, LOWER UPPER DIGITS "_.-");

	return (len > 0 && s[len] == '=' &&
	    strchr(DIGITS ".-", s[0]) == NULL);
}

static int
by_name(const void *a, const void *b)
{
	const struct item	*x = a, *y = b;
	size_t			 len;
	int			 n;

	len = x->namelen < y->namelen ? x->namelen : y->namelen;
	if ((n = memcmp(x->name, y->name, len)) != 0)
		return (n);
	if (x->namelen != y->namelen)
		return (x->namelen < y->namelen ? -1 : 1);
	return (x->index < y->index ? -1 : 1);
}

static int
same_name(const struct item *a, const struct item *b)
{
	return (a->namelen == b->namelen &&
	    memcmp(a->name, b->name, a->namelen) == 0);
}

/*
 * The environment as the field can have it: names of its grammar, each
 * once, sorted.  Returns an array of *n (caller frees), NULL without
 * memory; *lossy says that the field is not all of it.
 */
static struct item *
env_items(const json_t *env, size_t *n, int *lossy)
{
	struct item	*items;
	const char	*s;
	size_t		 i, count = 0;

	*n = 0;
	*lossy = 0;
	items = calloc(json_array_size(env) + 1, sizeof(*items));
	if (items == NULL)
		return (NULL);
	for (i = 0; i < json_array_size(env); i++) {
		s = json_string_value(json_array_get(env, i));
		if (!env_expressible(s)) {
			*lossy = 1;
			continue;
		}
		items[count].name = s;
		items[count].namelen = strcspn(s, "=");
		items[count].value = s + items[count].namelen + 1;
		items[count].index = i;
		count++;
	}
	qsort(items, count, sizeof(*items), by_name);
	for (i = 0; i < count; i++) {
		if (i + 1 < count && same_name(&items[i], &items[i + 1]))
			*lossy = 1;
		else
			items[(*n)++] = items[i];
	}
	return (items);
}

static void
put_environment(struct jsonout *o, const struct config *c)
{
	struct item	*items;
	size_t		 i, n;
	int		 lossy;

	jsonout_open(o, "environment", '[');
	if ((items = env_items(c->env, &n, &lossy)) == NULL)
		o->error = 1;
	for (i = 0; i < n; i++) {
		jsonout_open(o, NULL, '{');
		jsonout_text(o, "name", items[i].name, items[i].namelen);
		jsonout_string(o, "value", items[i].value);
		jsonout_close(o, '}');
	}
	free(items);
	jsonout_close(o, ']');
}

/* The command line in full, when its first word is an absolute path. */
static void
put_exec(struct jsonout *o, const struct config *c)
{
	const json_t	*words[2] = { c->entrypoint, c->cmd };
	const json_t	*first;
	size_t		 i, j;

	first = json_array_get(json_array_size(c->entrypoint) > 0 ?
	    c->entrypoint : c->cmd, 0);
	if (first == NULL || *json_string_value(first) != '/')
		return;
	jsonout_open(o, "exec", '[');
	for (i = 0; i < 2; i++)
		for (j = 0; j < json_array_size(words[i]); j++)
			jsonout_value(o, NULL, json_array_get(words[i], j));
	jsonout_close(o, ']');
}

/*
 * The spec wants both.  A user without a group gets the same word as group,
 * as docker2aci did: the group that counts is the one of the image's
 * passwd, which is known where the app runs; "0" would give more.
 */
static const char *
user_part(const struct config *c, size_t *len)
{
	const char	*user = c->user == NULL ? "0" : c->user;

	*len = strcspn(user, ":");
	if (*len == 0) {
		*len = 1;
		return ("0");
	}
	return (user);
}

static void
put_group(struct jsonout *o, const struct config *c)
{
	const char	*group, *user;
	size_t		 len;

	user = user_part(c, &len);
	group = c->user == NULL ? NULL : strchr(c->user, ':');
	if (group != NULL && group[1] != '\0')
		jsonout_string(o, "group", group + 1);
	else
		jsonout_text(o, "group", user, len);
}

/*
 * "/var/tmp" becomes "volume-var-tmp": lower case letters, digits, single
 * hyphens.  The caller frees it.
 */
static char *
mount_name(const char *path)
{
	char	*name, *o;
	int	 hyphen = 0;

	if ((name = malloc(sizeof("volume-") + strlen(path))) == NULL)
		return (NULL);
	memcpy(name, "volume", 6);
	for (o = name + 6; *path != '\0'; path++) {
		if (*path >= 'A' && *path <= 'Z')
			*o = (char)(*path - 'A' + 'a');
		else if (strchr(LOWER DIGITS, *path) != NULL)
			*o = *path;
		else {
			hyphen = 1;
			continue;
		}
		if (hyphen) {
			o[1] = o[0];
			*o++ = '-';
			hyphen = 0;
		}
		o++;
	}
	*o = '\0';
	return (name);
}

/*
 * A name that no other mount point has.  seen remembers each name with the
 * number that its next namesake tries first, so that many of them cost no
 * more than their count.
 */
static void
put_mount(struct jsonout *o, json_t *seen, const char *path)
{
	char	*base, *name = NULL;
	json_t	*next;
	long long n;

	if ((base = mount_name(path)) == NULL)
		goto fail;
	if ((next = json_object_get(seen, base)) != NULL) {
		n = json_integer_value(next);
		do {
			free(name);
			if (asprintf(&name, "%s-%lld", base, n++) == -1) {
				name = NULL;
				goto fail;
			}
		} while (json_object_get(seen, name) != NULL);
		if (json_integer_set(next, n) == -1 ||
		    json_object_set_new(seen, name, json_integer(2)) == -1)
			goto fail;
	} else if (json_object_set_new(seen, base, json_integer(2)) == -1)
		goto fail;
	jsonout_open(o, NULL, '{');
	jsonout_string(o, "name", name != NULL ? name : base);
	jsonout_string(o, "path", path);
	jsonout_close(o, '}');
	free(base);
	free(name);
	return;
 fail:
	o->error = 1;
	free(base);
	free(name);
}

static void
put_mounts(struct jsonout *o, const struct config *c)
{
	json_t	*seen;
	size_t	 i;

	jsonout_open(o, "mountPoints", '[');
	if ((seen = json_object()) == NULL)
		o->error = 1;
	for (i = 0; i < c->nvolumes && !o->error; i++)
		put_mount(o, seen, c->volumes[i]);
	json_decref(seen);
	jsonout_close(o, ']');
}

/*
 * "80/tcp", or "80" for the same: its number, or 0.  The name is
 * "80-tcp", the protocol its tail.
 */
static int
read_port(const char *key, char name[32])
{
	const char	*protocol = "tcp";
	size_t		 digits = strspn(key, DIGITS), len;
	long		 port;

	if (digits == 0 || digits > 5 || key[0] == '0')
		return (0);
	if (key[digits] == '/')
		protocol = key + digits + 1;
	else if (key[digits] != '\0')
		return (0);
	len = strspn(protocol, LOWER DIGITS);
	port = strtol(key, NULL, 10);
	if (len == 0 || len > 16 || protocol[len] != '\0' || port > 65535)
		return (0);
	snprintf(name, 32, "%ld-%s", port, protocol);
	return ((int)port);
}

static int
by_text(const void *a, const void *b)
{
	return (strcmp(a, b));
}

/* The names "80-tcp" of all ports that have one, sorted; as env_items(). */
static char (*
port_names(const json_t *ports, size_t *n, int *lossy))[32]
{
	const char	 *key;
	json_t		 *value;
	char		(*names)[32];

	*n = 0;
	*lossy = 0;
	if ((names = calloc(json_object_size(ports) + 1, sizeof(*names))) ==
	    NULL)
		return (NULL);
	json_object_foreach((json_t *)(uintptr_t)ports, key, value) {
		if (read_port(key, names[*n]) != 0)
			(*n)++;
		else
			*lossy = 1;
	}
	qsort(names, *n, sizeof(*names), by_text);
	return (names);
}

static void
put_ports(struct jsonout *o, const struct config *c)
{
	char	(*names)[32];
	size_t	  i, n;
	int	  lossy;

	jsonout_open(o, "ports", '[');
	if ((names = port_names(c->ports, &n, &lossy)) == NULL)
		o->error = 1;
	for (i = 0; i < n; i++) {
		if (i > 0 && strcmp(names[i], names[i - 1]) == 0)
			continue;	/* "80" beside "80/tcp" */
		jsonout_open(o, NULL, '{');
		jsonout_integer(o, "count", 1);
		jsonout_string(o, "name", names[i]);
		jsonout_integer(o, "port", strtol(names[i], NULL, 10));
		jsonout_string(o, "protocol", strchr(names[i], '-') + 1);
		jsonout_close(o, '}');
	}
	free(names);
	jsonout_close(o, ']');
}

void
acifield_app(struct jsonout *o, const struct config *c)
{
	const char	*user;
	size_t		 len;

	jsonout_open(o, "app", '{');
	if (json_array_size(c->env) > 0)
		put_environment(o, c);
	put_exec(o, c);
	put_group(o, c);
	if (c->nvolumes > 0)
		put_mounts(o, c);
	if (json_object_size(c->ports) > 0)
		put_ports(o, c);
	user = user_part(c, &len);
	jsonout_text(o, "user", user, len);
	if (json_object_size(c->labels) > 0)
		jsonout_value(o, "userLabels", c->labels);
	if (c->workdir != NULL && *c->workdir == '/')
		jsonout_string(o, "workingDirectory", c->workdir);
	jsonout_close(o, '}');
}

/* RFC 3339, section 5.6, as far as its form goes. */
static int
is_time(const char *s)
{
	static const char	 form[] = "dddd-dd-ddTdd:dd:dd";
	size_t			 i;

	for (i = 0; form[i] != '\0'; i++)
		if (form[i] == 'd' ? (s[i] < '0' || s[i] > '9') :
		    s[i] != form[i])
			return (0);
	s += i;
	if (*s == '.') {
		if ((i = strspn(s + 1, DIGITS)) == 0)
			return (0);
		s += i + 1;
	}
	if (strcmp(s, "Z") == 0)
		return (1);
	return ((*s == '+' || *s == '-') && strspn(s + 1, DIGITS) == 2 &&
	    s[3] == ':' && strspn(s + 4, DIGITS) == 2 && s[6] == '\0');
}

static void
put_string(struct jsonout *o, const char *name, const char *value)
{
	if (value != NULL)
		jsonout_pair(o, name, value, strlen(value));
}

static void
put_json(struct jsonout *o, const char *name, const json_t *value)
{
	if (value != NULL)
		jsonout_pair_json(o, name, value);
}

/* Env in full, where the field holds less or in another way. */
static void
put_env_rest(struct jsonout *o, const struct config *c)
{
	size_t	 n;
	int	 lossy;

	free(env_items(c->env, &n, &lossy));
	if (lossy)
		put_json(o, "berth/environment", c->env);
}

static void
put_port_rest(struct jsonout *o, const struct config *c)
{
	size_t	 n;
	int	 lossy;

	free(port_names(c->ports, &n, &lossy));
	if (lossy)
		jsonout_pair_keys(o, "berth/ports", c->ports);
}

void
acifield_annotations(struct jsonout *o, const struct config *c)
{
	char	 platform[3 * (PLATFORM_MAXLEN + 1)];
	int	 timely = c->created != NULL && is_time(c->created);

	platform_print(&c->platform, platform, sizeof(platform));
	jsonout_open(o, "annotations", '[');
	put_string(o, "authors", c->author);
	put_json(o, "berth/cmd", c->cmd);
	put_string(o, "berth/conversion", CONVERSION);
	put_string(o, "berth/created", timely ? NULL : c->created);
	put_json(o, "berth/diff-ids", json_object_get(
	    json_object_get(c->root, "rootfs"), "diff_ids"));
	put_json(o, "berth/entrypoint", c->entrypoint);
	put_env_rest(o, c);
	put_json(o, "berth/healthcheck", c->healthcheck);
	put_string(o, "berth/platform", platform);
	put_port_rest(o, c);
	put_string(o, "berth/stop-signal", c->stopsignal);
	put_string(o, "berth/user", c->user);
	put_string(o, "berth/working-directory", c->workdir != NULL &&
	    *c->workdir != '/' ? c->workdir : NULL);
	put_string(o, "created", timely ? c->created : NULL);
	jsonout_close(o, ']');
}
