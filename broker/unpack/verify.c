/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The verify job of berth-unpack.  The image's ID pins its config and so its
 * diff ids; each layer's tar, made again from skeleton and files, must hash
 * to its diff id; what that tar says must be what is on disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "hash.h"
#include "skeleton.h"
#include "verify.h"

struct pass {				/* over one layer's tar */
	struct verify	*v;
	struct hash	*hash;
	struct tarwalk	*walk;
};

static int
on_raw(void *arg, const unsigned char *p, size_t len)
{
	(void)arg;
	(void)p;
	(void)len;
	return (0);
}

static int
note_sparse(struct verify *v, struct minode *i)
{
	struct sparse	*s;

	s = reallocarray(v->sparse, v->nsparse + 1, sizeof(*s));
	if (s == NULL)
		return (-1);
	v->sparse = s;
	s[v->nsparse].inode = i;
	s[v->nsparse++].entry = v->entries;
	return (0);
}

static int
on_entry(void *arg, struct tar_entry *e)
{
	struct verify	*v = arg;
	struct minode	*inode;
	char		 enc[400];

	log_encode(enc, sizeof(enc), e->path, strlen(e->path));
	if (model_apply(&v->model, e, &inode) == -1) {
		why_set(&v->why, "layer %s: %s: %s",
		    v->diffids[v->model.layer], enc, v->model.why);
		return (-1);
	}
	if (inode != NULL && inode->e->sparse && note_sparse(v, inode) == -1) {
		why_set(&v->why, "layer %s: out of memory",
		    v->diffids[v->model.layer]);
		return (-1);
	}
	v->entries++;
	return (0);
}

static int
on_piece(void *arg, const void *data, size_t len)
{
	struct pass	*p = arg;

	hash_add(p->hash, data, len);
	if (tarwalk_feed(p->walk, data, len) == -1) {
		if (p->v->why.text[0] == '\0')
			why_set(&p->v->why, "layer %s: %s",
			    p->v->diffids[p->v->model.layer],
			    tarwalk_why(p->walk));
		return (1);
	}
	return (0);
}

/* The tar, and what it makes of the model. */
static int
verify_tar(struct verify *v, int layer)
{
	static const struct tarwalk_ops	 ops = { on_raw, on_entry, NULL };
	char				 is[DIGEST_SIZE], what[600];
	struct pass			 p;
	int				 r = -1;

	p.v = v;
	p.hash = hash_new();
	p.walk = tarwalk_new(&ops, v);
	if (p.hash == NULL || p.walk == NULL)
		why_set(&v->why, "layer %s: out of memory",
		    v->diffids[layer]);
	else
		r = skeleton_stream(v->layers[layer], on_piece, &p, what,
		    sizeof(what));
	if (r == -1 && v->why.text[0] == '\0')
		why_set(&v->why, "layer %s: %s", v->diffids[layer], what);
	if (r == 0) {
		hash_digest(p.hash, is);
		if (strcmp(is, v->diffids[layer]) != 0) {
			why_set(&v->why, "layer %s: skeleton and files hash "
			    "to %s", v->diffids[layer], is);
			r = -1;
		}
	}
	hash_free(p.hash);
	tarwalk_free(p.walk);
	return (r == 0 ? 0 : -1);
}

static int
verify_layer(struct verify *v, int layer)
{
	int	 r;

	v->layers[layer] = UNPACK_FD_LAYERS + layer;
	v->fs[layer] = openat(v->layers[layer], "fs",
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (v->fs[layer] == -1) {
		why_set(&v->why, "layer %s: fs: %s", v->diffids[layer],
		    strerror(errno));
		return (-1);
	}
	v->entries = 0;
	v->nsparse = 0;
	model_begin(&v->model, layer);
	r = verify_tar(v, layer);
	if (r == 0)
		r = verify_scan(v, layer);
	if (r == 0 && v->nsparse > 0)
		r = verify_sparse(v, layer);
	return (r);
}

static int
verify_all(struct verify *v, const struct msg_unpack_stack *job)
{
	char	 why[MSG_TEXT_SIZE];
	size_t	 i;

	if (image_check(UNPACK_FD_IMAGE, job->id, v->diffids, &v->n, why,
	    sizeof(why)) == -1) {
		why_set(&v->why, "%s", why);
		return (-1);
	}
	if (v->n != job->nlayers) {
		why_set(&v->why, "layers: the image has %zu, its config pins "
		    "%u", (size_t)job->nlayers, (unsigned int)v->n);
		return (-1);
	}
	if (model_init(&v->model) == -1) {
		why_set(&v->why, "out of memory");
		return (-1);
	}
	for (i = 0; i < v->n; i++)
		if (verify_layer(v, (int)i) == -1)
			return (-1);
	return (v->n == 0 ? 0 : verify_view(v));
}

int
verify_job(struct chan *c, struct msg *m)
{
	static struct verify	 v;
	struct msg_unpacked	 u;

	if (verify_all(&v, &m->u.unpack_verify) == -1)
		return (unpack_fail(c, m->hdr.id, "%s", v.why.text));
	memset(&u, 0, sizeof(u));
	return (chan_send(c, MSG_UNPACKED, m->hdr.id, &u, -1) == -1);
}
