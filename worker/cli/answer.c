/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* What the broker's messages do to the command line. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "cli.h"

typedef void	(*handler)(struct session *, struct msg *);

/* From msg.def: a handler for each message that comes to us, no other. */
#define TO_CLI(n)	static void cli_on_##n(struct session *, struct msg *);
#define TO_BROKER(n)
#define TO_HTTP(n)
#define TO_FETCH(n)
#define TO_UNPACK(n)
#define TO_INIT(n)
#define TO_CONF(n)
#define TO_ENGINE(n)
#define MSG(N, n, from, to, p, fd, ph)	TO_##to(n)
#include "../../proto/msg.def"
#undef MSG
#undef TO_CLI

static const handler	 handlers[MSG_MAX] = {
#define TO_CLI(n)	cli_on_##n,
#define MSG(N, n, from, to, p, fd, ph)	[MSG_##N] = TO_##to(n)
/* what is not ours is refused by chan_recv() already */
#undef TO_BROKER
#undef TO_HTTP
#undef TO_FETCH
#undef TO_UNPACK
#undef TO_INIT
#undef TO_CONF
#undef TO_ENGINE
#define TO_BROKER(n)	NULL,
#define TO_HTTP(n)	NULL,
#define TO_FETCH(n)	NULL,
#define TO_UNPACK(n)	NULL,
#define TO_INIT(n)	NULL,
#define TO_CONF(n)	NULL,
#define TO_ENGINE(n)	NULL,
#include "../../proto/msg.def"
#undef MSG
};

void
answer_dispatch(struct session *s, struct msg *m)
{
	/* of a request that we no longer wait for */
	if (m->hdr.id != s->id || handlers[m->hdr.type] == NULL) {
		if (m->fd != -1)
			close(m->fd);
		return;
	}
	/* "fetching ..." goes before the warnings, all else behind them */
	if (m->hdr.type != MSG_NOTE || m->u.note.kind != NOTE_FETCHING)
		name_warn(&s->warn);
	handlers[m->hdr.type](s, m);
}

static void
cli_on_note(struct session *s, struct msg *m)
{
	const struct msg_note	*note = &m->u.note;
	char			 enc[REF_MAXLEN + 16];

	switch (note->kind) {
	case NOTE_FETCHING:
		/* as it was typed, not as it was understood */
		log_encode(enc, sizeof(enc), s->typed, strlen(s->typed));
		log_info("fetching image from %s", enc);
		name_warn(&s->warn);
		break;
	case NOTE_LAYER:
		progress_layer(note->text, note->total);
		break;
	case NOTE_PROGRESS:
		progress_update(note->text, note->done, note->total);
		break;
	case NOTE_WARN:
		progress_clear();
		log_warnx("warning: %s", note->text);
		break;
	default:
		if (log_getverbose() > 0)
			progress_clear();
		log_debug("%s", note->text);
		break;
	}
}

static void
cli_on_result(struct session *s, struct msg *m)
{
	progress_end();
	memcpy(s->text, m->u.result.text, sizeof(s->text));
	s->answer = ANSWER_RESULT;
}

static void
cli_on_failed(struct session *s, struct msg *m)
{
	uint32_t	 status = m->u.failed.status;

	tty_restore();
	progress_clear();
	log_warnx("%s", m->u.failed.text);
	s->answer = ANSWER_FAILED;
	s->status = s->failure;
	if (s->failure == EXIT_BERTH && status > EXIT_BERTH)
		s->status = (int)status;
}

static void
cli_on_done(struct session *s, struct msg *m)
{
	(void)m;
	progress_end();
	s->answer = ANSWER_DONE;
}

static void
cli_on_image_entry(struct session *s, struct msg *m)
{
	if (s->entry != NULL)
		s->entry(s->entry_arg, &m->u.image_entry);
}

static void
cli_on_file(struct session *s, struct msg *m)
{
	if (s->file != -1)
		close(s->file);
	s->file = m->fd;
	s->answer = ANSWER_FILE;
}

static void
cli_on_stdio(struct session *s, struct msg *m)
{
	int	 error = 0, which = (int)m->u.stdio.which;
	int	 tty = which == STDIO_TTY;

	if (tty && signals_add_tty(s->sigfd) == -1)
		log_warn("signalfd");
	/* the terminal is still whole if the pty cannot be served */
	if (stream_open((enum stdio_which)which, m->fd) == -1) {
		log_warn("standard streams");
		error = 1;
	} else if (tty && tty_raw(m->fd) == -1) {
		log_warn("terminal");
		error = 1;
	}
	if (error) {
		s->answer = ANSWER_FAILED;
		s->status = s->failure;
	}
}

static void
cli_on_started(struct session *s, struct msg *m)
{
	int	 signo;

	log_debug("pod %s: started, pid %u", m->u.started.uuid,
	    (unsigned int)m->u.started.pid);
	s->started = 1;
	for (signo = 1; signo < 64; signo++)
		if ((s->pending & 1ULL << signo) != 0)
			session_signal(s, signo);
	s->pending = 0;
}

static void
cli_on_exited(struct session *s, struct msg *m)
{
	s->status = (int)m->u.exited.status;
	s->answer = ANSWER_EXITED;
}
