/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Jobs over a stored image with all its layers, in the engine: verify and
 * export.  The work is berth-unpack's; the engine hands it the directories
 * and passes its one answer on.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "engine.h"

struct stack {
	struct client	*client;	/* NULL: gone */
	uint32_t	 id;		/* of the request */
	char		 image[IMAGEID_SIZE];
	struct audit	 audit;
	uint64_t	 intent;
	int		 imagefd;	/* keeps the shared lock */
	struct child	*unpack;
};

/* The answer, and with it the end of the job; why NULL: done. */
static void
stack_end(struct stack *s, const char *why)
{
	audit_outcome(&s->audit, s->intent, why == NULL ? "ok" : "failed",
	    why);
	child_kill(s->unpack);	/* that was its last word */
	image_close(s->imagefd);
	if (s->client != NULL) {
		client_setjob(s->client, NULL, NULL);
		if (why == NULL)
			client_result(s->client, s->id, s->image);
		else
			client_fail(s->client, s->id, 1, "image %.39s: %s",
			    s->image, why);
	}
	free(s);
}

static void
stack_done(void *arg, const char *why, int status)
{
	struct stack	*s = arg;

	s->unpack = NULL;
	stack_end(s, child_fate("berth-unpack", why, status));
}

/* Its client has gone: an export half made is the unpacker's to unlink. */
static void
stack_cancel(void *arg)
{
	struct stack	*s = arg;

	s->client = NULL;
	stack_end(s, "nobody waits for it any more");
}

void
stack_on_unpacked(void *child, struct msg *m)
{
	struct stack	*s = child_arg(child);

	(void)m;
	if (s != NULL)
		stack_end(s, NULL);
}

void
stack_on_fail(void *child, struct msg *m)
{
	struct stack	*s = child_arg(child);

	if (s != NULL)	/* the trash has no owner */
		stack_end(s, m->u.unpack_fail.text);
	else
		log_warnx("trash: %s", m->u.unpack_fail.text);
}

/* outfd: -1 for a verification. */
static int
stack_spawn(struct stack *s, const struct layers *l, int outfd)
{
	struct birth	 b;
	char		 path[STORE_NAME_SIZE + 16];
	unsigned int	 i;
	int		 fds[LAYERS_MAX], r = -1;

	child_birth(&b, SPAWN_UNPACK);
	b.fds[1].fd = s->imagefd;
	b.fds[2].fd = outfd == -1 ? NULL_FD : outfd;
	for (i = 0; i < l->n; i++) {
		snprintf(path, sizeof(path), "layers/%s", l->name[i]);
		if ((fds[i] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
		    O_NOFOLLOW)) == -1)
			goto out;
		b.fds[3 + i].fd = fds[i];
	}
	b.nfds = 3 + l->n;
	s->unpack = child_start(&b, PEER_UNPACK, dispatch_stack, stack_done,
	    s);
	r = s->unpack == NULL ? -1 : 0;
 out:
	while (i-- > 0)
		close(fds[i]);
	return (r);
}

static void
stack_start(struct client *c, uint32_t id, const char *name,
    const char *action, enum msg_type type, uint32_t form, int outfd)
{
	static struct layers	 l;
	struct msg_unpack_stack	 u;
	struct stack		*s;
	enum image_find		 r;

	if ((s = calloc(1, sizeof(*s))) == NULL) {
		client_fail(c, id, 1, "%s", strerror(errno));
		return;
	}
	s->imagefd = -1;
	if ((r = image_find(name, s->image)) != IMAGE_FOUND) {
		client_fail(c, id, 1, "%s", image_why(r, name));
		goto fail;
	}
	s->id = id;
	s->audit.action = action;
	s->audit.object = s->image;
	s->audit.rule = "owner of the store";
	client_creds(c, &s->audit.uid, &s->audit.pid);
	if ((s->imagefd = image_open(s->image)) == -1 ||
	    image_layers(s->image, &l) == -1 ||
	    (s->intent = audit_intent(&s->audit)) == 0 ||
	    stack_spawn(s, &l, outfd) == -1) {
		client_fail(c, id, 1, "image %.39s: %s", s->image,
		    strerror(errno));
		goto fail;
	}
	s->client = c;
	client_setjob(c, stack_cancel, s);
	memset(&u, 0, sizeof(u));
	u.nlayers = l.n;
	u.form = form;
	memcpy(u.id, s->image, sizeof(u.id));
	evchan_phase(child_chan(s->unpack), PH_BUSY);
	child_send(s->unpack, type, 0, &u, -1);
	return;
 fail:
	image_close(s->imagefd);
	free(s);
}

void
image_on_verify(struct client *c, uint32_t id, const char *name)
{
	stack_start(c, id, name, "image verify", MSG_UNPACK_VERIFY, 0, -1);
}

/* The descriptor is the caller's own: of the right kind, or refused. */
void
image_on_export(struct client *c, uint32_t id, const struct msg_export *e,
    int fd)
{
	struct stat	 st;

	if (fstat(fd, &st) == -1 ||
	    (e->form == EXPORT_OCI && !S_ISREG(st.st_mode)) ||
	    (e->form == EXPORT_LAYERED && !S_ISDIR(st.st_mode))) {
		client_fail(c, id, 1, "export: the destination is no %s",
		    e->form == EXPORT_OCI ? "regular file" : "directory");
		return;
	}
	stack_start(c, id, e->name, "image export", MSG_UNPACK_EXPORT,
	    e->form, fd);
}
