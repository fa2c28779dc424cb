/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Images in the store, in the engine: found by ID or reference, listed,
 * shown, removed.  The engine reads only what it wrote itself: names of
 * directories, the list of layers, references.
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "../../common/valid.h"
#include "engine.h"

#define IMAGE_PATH	(IMAGEID_SIZE + 32)

static enum image_find
find_prefix(const char *prefix, char id[IMAGEID_SIZE])
{
	struct dirent	*d;
	DIR		*dir;
	int		 n = 0;

	if ((dir = opendir("images")) == NULL)
		return (IMAGE_ERROR);
	while ((d = readdir(dir)) != NULL) {
		if (!valid_imageid(d->d_name, IMAGEID_HEXLEN) ||
		    strncmp(d->d_name, prefix, strlen(prefix)) != 0)
			continue;
		if (n++ == 0)
			memcpy(id, d->d_name, IMAGEID_SIZE);
	}
	closedir(dir);
	return (n == 0 ? IMAGE_NONE : n == 1 ? IMAGE_FOUND : IMAGE_AMBIGUOUS);
}

struct find_ref {
	const char	*ref;
	char		*id;
	int		 n;
};

/* A reference stands for one ID, whatever the platforms it came for. */
static int
find_ref_one(void *arg, const char *ref, const char *platform,
    const char *file, const struct refrec *r)
{
	struct find_ref	*f = arg;

	(void)platform;
	(void)file;
	if (strcmp(ref, f->ref) != 0 || strcmp(r->id, f->id) == 0)
		return (0);
	memcpy(f->id, r->id, IMAGEID_SIZE);
	f->n++;
	return (0);
}

enum image_find
image_find(const char *name, char id[IMAGEID_SIZE])
{
	struct msg_platform	 host;
	struct refrec	 rec;
	struct find_ref	 f;
	struct layers	*l;
	int		 r;

	memset(id, 0, IMAGEID_SIZE);
	if (valid_imageid(name, IMAGEID_MINLEN))
		return (find_prefix(name, id));
	f.ref = name;
	f.id = id;
	f.n = 0;
	platform_host(&host);	/* ours first, where there are several */
	if (ref_load(name, &host, &rec) == 0) {
		memcpy(id, rec.id, IMAGEID_SIZE);
		f.n = 1;
	} else if (ref_each(find_ref_one, &f) == -1)
		return (IMAGE_ERROR);
	if (f.n != 1)
		return (f.n == 0 ? IMAGE_NONE : IMAGE_AMBIGUOUS);
	if ((l = malloc(sizeof(*l))) == NULL)
		return (IMAGE_ERROR);
	r = image_layers(id, l);	/* removed behind its reference? */
	free(l);
	return (r == -1 ? IMAGE_NONE : IMAGE_FOUND);
}

const char *
image_why(enum image_find f, const char *name)
{
	static char	 text[REF_MAXLEN + 64];
	const char	*why = "";

	switch (f) {
	case IMAGE_NONE:
		why = "no image IDs found";
		if (!valid_imageid(name, IMAGEID_MINLEN))
			why = "not in the store";
		break;
	case IMAGE_AMBIGUOUS:
		why = "ambiguous image ID";
		break;
	case IMAGE_ERROR:
		why = strerror(errno);
		break;
	case IMAGE_FOUND:
		why = "found";
		break;
	}
	snprintf(text, sizeof(text), "image \"%s\": %s", name, why);
	return (text);
}

int
image_open(const char *id)
{
	char	 path[IMAGE_PATH];
	int	 fd;

	snprintf(path, sizeof(path), "images/%s", id);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd != -1 && flock(fd, LOCK_SH | LOCK_NB) == -1) {
		close(fd);
		errno = EBUSY;
		return (-1);
	}
	return (fd);
}

/* A helper that dies, or was cloned and has not run yet, is no user of it. */
void
image_close(int fd)
{
	if (fd == -1)
		return;
	(void)flock(fd, LOCK_UN);
	close(fd);
}

/* "sha256-" or "chain-sha256-" and 64 hex digits: what we wrote. */
static int
layer_name_ok(const char *s)
{
	if (strncmp(s, "chain-", 6) == 0)
		s += 6;
	return (strncmp(s, "sha256-", 7) == 0 && strlen(s) == 7 +
	    DIGEST_HEXLEN && strspn(s + 7, "0123456789abcdef") ==
	    DIGEST_HEXLEN);
}

int
image_layers(const char *id, struct layers *l)
{
	static char	 text[LAYERS_MAX * STORE_NAME_SIZE];
	char		 path[IMAGE_PATH], *line, *save = NULL;

	snprintf(path, sizeof(path), "images/%s/layers", id);
	if (store_read(path, text, sizeof(text)) == -1)
		return (-1);
	memset(l, 0, sizeof(*l));
	for (line = strtok_r(text, "\n", &save); line != NULL;
	    line = strtok_r(NULL, "\n", &save)) {
		if (l->n == LAYERS_MAX || !layer_name_ok(line)) {
			errno = EINVAL;
			return (-1);
		}
		snprintf(l->name[l->n++], STORE_NAME_SIZE, "%s", line);
	}
	return (0);
}

int
layer_stored(const char *name)
{
	char	 path[STORE_NAME_SIZE + 16];

	snprintf(path, sizeof(path), "layers/%s", name);
	return (access(path, F_OK) == 0);
}

struct list {
	struct client	*c;
	uint32_t	 id;
	const char	*image;		/* only this one */
	int		 n;
};

static void
entry_fill(struct msg_image_entry *e, const char *id)
{
	struct layers	*l;
	char		 path[STORE_NAME_SIZE + 16], size[32];
	unsigned int	 i;

	memset(e, 0, sizeof(*e));
	snprintf(e->id, sizeof(e->id), "%s", id);
	if ((l = malloc(sizeof(*l))) == NULL || image_layers(id, l) == -1) {
		free(l);
		return;
	}
	e->layers = l->n;
	for (i = 0; i < l->n; i++) {
		snprintf(path, sizeof(path), "layers/%s/size", l->name[i]);
		if (store_read(path, size, sizeof(size)) != -1)
			e->size += strtoull(size, NULL, 10);
	}
	free(l);
}

static int
list_ref(void *arg, const char *ref, const char *platform, const char *file,
    const struct refrec *r)
{
	struct list		*ls = arg;
	struct msg_image_entry	 e;

	(void)file;
	if (strcmp(r->id, ls->image) != 0)
		return (0);
	entry_fill(&e, r->id);
	e.time = r->time;
	snprintf(e.ref, sizeof(e.ref), "%s", ref);
	snprintf(e.platform, sizeof(e.platform), "%s", platform);
	client_send(ls->c, MSG_IMAGE_ENTRY, ls->id, &e, -1);
	ls->n++;
	return (0);
}

void
image_on_list(struct client *c, uint32_t id)
{
	struct msg_image_entry	 e;
	struct dirent		*d;
	struct list		 ls;
	DIR			*dir;

	if ((dir = opendir("images")) == NULL) {
		client_fail(c, id, 1, "store: images: %s", strerror(errno));
		return;
	}
	while ((d = readdir(dir)) != NULL) {
		if (!valid_imageid(d->d_name, IMAGEID_HEXLEN))
			continue;
		ls.c = c;
		ls.id = id;
		ls.image = d->d_name;
		ls.n = 0;
		(void)ref_each(list_ref, &ls);
		if (ls.n > 0)
			continue;
		entry_fill(&e, d->d_name);
		client_send(c, MSG_IMAGE_ENTRY, id, &e, -1);
	}
	closedir(dir);
	client_ok(c, MSG_DONE, id, NULL);
}

void
image_on_cat(struct client *c, uint32_t id, const char *name)
{
	char		 image[IMAGEID_SIZE], path[IMAGE_PATH];
	enum image_find	 r;
	int		 fd;

	if ((r = image_find(name, image)) != IMAGE_FOUND) {
		client_fail(c, id, 1, "%s", image_why(r, name));
		return;
	}
	snprintf(path, sizeof(path), "images/%s/manifest", image);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) == -1) {
		client_fail(c, id, 1, "%s: %s", path, strerror(errno));
		return;
	}
	client_send(c, MSG_FILE, id, NULL, fd);
	close(fd);
	client_ok(c, MSG_DONE, id, NULL);
}

void
image_remove_dir(const char *dir)
{
	static const char *const names[] = { "aci", "manifest", "config",
	    "app", "layers" };
	char	 path[IMAGE_PATH + 16];
	size_t	 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		if (unlink(path) == -1 && errno != ENOENT)
			log_warn("%s", path);
	}
	if (rmdir(dir) == -1)
		log_warn("%s", dir);
}

static int
drop_ref(void *arg, const char *ref, const char *platform, const char *file,
    const struct refrec *r)
{
	(void)ref;
	(void)platform;
	if (strcmp(r->id, arg) == 0 && unlink(file) == -1)
		log_warn("%s", file);
	return (0);
}

/* Is the layer named by any image that is left? */
static int
layer_used(const char *name)
{
	static struct layers	 l;
	struct dirent		*d;
	unsigned int		 i;
	DIR			*dir;
	int			 used = 0;

	if ((dir = opendir("images")) == NULL)
		return (1);
	while (!used && (d = readdir(dir)) != NULL) {
		if (!valid_imageid(d->d_name, IMAGEID_HEXLEN))
			continue;
		if (image_layers(d->d_name, &l) == -1)
			used = 1;	/* not known: keep it */
		for (i = 0; !used && i < l.n; i++)
			used = strcmp(l.name[i], name) == 0;
	}
	closedir(dir);
	return (used);
}

/* Layers that no image names; not while a fetch may be about to. */
static int
gc_layers(void)
{
	char		 path[STORE_NAME_SIZE + 16];
	struct dirent	*d;
	DIR		*dir;
	int		 n = 0;

	if (fetch_count() > 0 || (dir = opendir("layers")) == NULL)
		return (0);
	while ((d = readdir(dir)) != NULL) {
		if (!layer_name_ok(d->d_name) || layer_used(d->d_name))
			continue;
		snprintf(path, sizeof(path), "layers/%.80s", d->d_name);
		if (trash_put(path) == -1)
			log_warn("%s: to trash", path);
		else
			n++;
	}
	closedir(dir);
	return (n);
}

/* References first: one never names an image that is half gone. */
int
image_remove(const char *id)
{
	char	 path[IMAGE_PATH], to[STORE_NAME_SIZE];
	int	 fd;

	snprintf(path, sizeof(path), "images/%s", id);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return (-1);
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		close(fd);
		errno = EBUSY;
		return (-1);
	}
	(void)ref_each(drop_ref, (void *)(uintptr_t)id);
	store_temp(to, sizeof(to), "tmp/image-");
	if (rename(path, to) == -1) {
		close(fd);
		return (-1);
	}
	image_remove_dir(to);
	close(fd);
	return (0);
}

void
image_on_rm(struct client *c, uint32_t id, const char *name)
{
	char		 image[IMAGEID_SIZE];
	struct audit	 a;
	enum image_find	 r;
	const char	*why;
	uint64_t	 intent;

	if ((r = image_find(name, image)) != IMAGE_FOUND) {
		client_fail(c, id, 1, "%s", image_why(r, name));
		return;
	}
	memset(&a, 0, sizeof(a));
	a.action = "image rm";
	a.object = image;
	a.rule = "owner of the store";
	client_creds(c, &a.uid, &a.pid);
	if ((intent = audit_intent(&a)) == 0) {
		client_fail(c, id, 1, "audit record: %s", strerror(errno));
		return;
	}
	if (image_remove(image) == -1) {
		why = errno == EBUSY ? "in use by a running pod" :
		    strerror(errno);
		audit_outcome(&a, intent, "failed", why);
		client_fail(c, id, 1, "image \"%s\": %s", name, why);
		return;
	}
	(void)gc_layers();
	audit_outcome(&a, intent, "ok", NULL);
	client_result(c, id, image);
}

void
image_on_gc(struct client *c, uint32_t id)
{
	char	 text[16];

	snprintf(text, sizeof(text), "%d", gc_layers());
	client_result(c, id, text);
}
