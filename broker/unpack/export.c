/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The export job of berth-unpack: checks the stored image, then writes it
 * out in the form asked for.  Every layer is hashed on its way: what leaves
 * is what the ID stands for, or nothing leaves.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export.h"
#include "hash.h"
#include "skeleton.h"

struct stream {
	struct hash	*hash;
	int		(*sink)(void *, const void *, size_t);
	void		*arg;
};

static int
on_piece(void *arg, const void *data, size_t len)
{
	struct stream	*s = arg;

	hash_add(s->hash, data, len);
	return (s->sink(s->arg, data, len));
}

int
export_stream(struct export *e, size_t i,
    int (*sink)(void *, const void *, size_t), void *arg)
{
	const char	*diffid = e->config.diffids[i];
	char		 text[MSG_TEXT_SIZE - 128], digest[DIGEST_SIZE];
	struct stream	 s;
	int		 end;

	s.sink = sink;
	s.arg = arg;
	if ((s.hash = hash_new()) == NULL)
		return (why_refuse(&e->why, "layer %s: out of memory",
		    diffid));
	end = skeleton_stream(e->layers[i], on_piece, &s, text, sizeof(text));
	hash_digest(s.hash, digest);
	hash_free(s.hash);
	if (end == -1)
		return (why_refuse(&e->why, "layer %s: %s", diffid, text));
	if (end != 0)
		return (-1);	/* sink's own reason */
	if (strcmp(digest, diffid) != 0)
		return (why_refuse(&e->why, "layer %s: its tar has digest %s",
		    diffid, digest));
	return (0);
}

/* The stored image, checked against its ID. */
static int
load_image(struct export *e, int dir, size_t nlayers)
{
	char	 diffids[LAYERS_MAX][DIGEST_SIZE], text[MSG_TEXT_SIZE - 160];
	size_t	 n;

	if (image_check(dir, e->id, diffids, &n, text, sizeof(text)) == -1)
		return (why_refuse(&e->why, "image %s: %s", e->id, text));
	if (n != nlayers)
		return (why_refuse(&e->why, "image %s: %zu layers, got %zu",
		    e->id, n, nlayers));
	if (check_load(dir, "aci", MEMFD_MAX, &e->aci, &e->why) == -1 ||
	    check_load(dir, "config", CONFIG_MAX, &e->configblob,
	    &e->why) == -1)
		return (-1);
	return (config_parse(e->configblob.data, e->configblob.len,
	    &e->config, &e->why));
}

/* The kind of descriptor that the form wants. */
static int
check_out(struct export *e, uint32_t form)
{
	struct stat	 st;

	if (fstat(UNPACK_FD_OUT, &st) == -1)
		return (why_refuse(&e->why, "export: %s", strerror(errno)));
	if (form == EXPORT_OCI ? !S_ISREG(st.st_mode) : !S_ISDIR(st.st_mode))
		return (why_refuse(&e->why, "export: the destination is no "
		    "%s", form == EXPORT_OCI ? "regular file" : "directory"));
	return (0);
}

int
export_job(struct chan *chan, struct msg *m)
{
	const struct msg_unpack_stack	*u = &m->u.unpack_export;
	struct msg_unpacked		 done;
	struct export			 e;
	int				 fds[LAYERS_MAX], error = -1;
	size_t				 i;

	memset(&e, 0, sizeof(e));
	e.id = u->id;
	e.layers = fds;
	for (i = 0; i < u->nlayers; i++)
		fds[i] = UNPACK_FD_LAYERS + (int)i;
	if (check_out(&e, u->form) == 0 &&
	    load_image(&e, UNPACK_FD_IMAGE, u->nlayers) == 0) {
		if (u->form == EXPORT_OCI)
			error = export_oci(&e, UNPACK_FD_OUT);
		else
			error = export_layered(&e, UNPACK_FD_OUT);
	}
	free(e.aci.data);
	free(e.configblob.data);
	config_free(&e.config);
	if (error == -1)
		return (unpack_fail(chan, m->hdr.id, "%s", e.why.text));
	memset(&done, 0, sizeof(done));
	return (chan_send(chan, MSG_UNPACKED, m->hdr.id, &done, -1) == -1);
}
