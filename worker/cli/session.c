/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * A command's talk with the broker: one loop over its messages, our signals
 * and the app's streams, from a request to its answer.
 */
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../common/log.h"
#include "cli.h"

#define REAP_TRIES	20	/* of 10 ms */
#define INTERRUPTS_MAX	3	/* the third INT kills */

static int64_t
now_ms(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

int
session_open(struct session *s, const struct options *o, int failure)
{
	int	 fd;

	memset(s, 0, sizeof(*s));
	s->options = o;
	s->failure = s->status = failure;
	s->file = s->sigfd = -1;
	if ((fd = connect_broker(o, &s->broker)) == -1)
		return (-1);
	chan_init(&s->chan, fd, PEER_CLI, PEER_ENGINE);
	s->chan.phase = PH_IDLE;
	if ((s->sigfd = signals_open(o->command == CMD_RUN)) == -1) {
		log_warn("signalfd");
		close(fd);
		return (-1);
	}
	progress_init();
	return (0);
}

void
session_close(struct session *s)
{
	tty_restore();
	close(s->chan.fd);
	close(s->sigfd);
	if (s->file != -1)
		close(s->file);
}

/*
 * The channel closed on us.  A private broker that gave up has said why;
 * one that was killed could not.
 */
static void
session_lost(struct session *s, const char *why)
{
	const struct timespec	 pause = { 0, 10 * 1000000L };
	pid_t			 pid = 0;
	int			 i, wstatus = 0;

	tty_restore();
	progress_clear();
	s->answer = ANSWER_FAILED;
	s->status = s->failure;
	for (i = 0; s->broker != -1 && i < REAP_TRIES; i++) {
		if ((pid = waitpid(s->broker, &wstatus, WNOHANG)) != 0)
			break;
		nanosleep(&pause, NULL);
	}
	if (pid > 0 && WIFSIGNALED(wstatus))
		log_warnx("the broker was killed by signal %d",
		    WTERMSIG(wstatus));
	else if (!(pid > 0 && WIFEXITED(wstatus) &&
	    WEXITSTATUS(wstatus) != 0))
		log_warnx("%s", why);
}

static void
session_recv(struct session *s)
{
	struct msg	 m;
	int		 n;

	n = chan_recv(&s->chan, &m);
	/*
	 * A broker that died with our words unread shows as an end before
	 * its own last words, which are still there.
	 */
	if (n == 0)
		n = chan_recv(&s->chan, &m);
	if (n == -1 && errno == EAGAIN)
		return;
	if (n == 1)
		answer_dispatch(s, &m);
	else if (n == -1 && errno == EPROTO) {
		log_debug("message refused: %s", s->chan.why);
		session_lost(s, "the broker sent what cannot be; is it of "
		    "another version?");
	} else
		session_lost(s, "the broker ended without an answer");
}

void
session_signal(struct session *s, int signo)
{
	struct msg_signal	 m = { .signo = (uint32_t)signo };

	/* a broker that is gone shows when its channel is read */
	(void)chan_send(&s->chan, MSG_SIGNAL, s->id, &m, -1);
	if (signo == SIGKILL) {
		s->killed = 1;
		s->deadline = 0;
	} else if (signo != SIGHUP && s->deadline == 0)
		s->deadline = now_ms() + STOP_GRACE_MS;
}

/* Ends us by a signal; whoever asked for it sees just that. */
static void
session_die(struct session *s, int signo)
{
	tty_restore();
	progress_clear();
	close(s->chan.fd);
	if (s->undo != NULL)
		s->undo(s->undo_arg);
	signals_die(signo);
}

/*
 * INT, TERM or HUP.  Until RUN is sent, and once nothing is left to ask of
 * the broker, they end us; between RUN and STARTED they wait, for there is
 * no app yet to take them.
 */
static void
session_stop(struct session *s, int signo)
{
	if (signo == SIGINT)
		s->interrupts++;
	if (!s->running || s->killed || s->answer != ANSWER_NONE)
		session_die(s, signo);
	if (!s->started) {
		if ((s->pending & 1ULL << signo) != 0)
			session_die(s, signo);
		s->pending |= 1ULL << signo;
	} else if (s->interrupts >= INTERRUPTS_MAX)
		session_signal(s, SIGKILL);
	else
		session_signal(s, signo);
}

static void
session_signals(struct session *s)
{
	int	 signo;

	while ((signo = signals_next(s->sigfd)) != 0) {
		switch (signo) {
		case SIGWINCH:
			tty_resize();
			break;
		case SIGTSTP:
			tty_stop();
			break;
		case SIGCONT:
			tty_continue();
			break;
		default:
			session_stop(s, signo);
			break;
		}
	}
}

/* Milliseconds until the KILL is due, or -1. */
static int
session_timeout(const struct session *s)
{
	int64_t	 left;

	if (s->deadline == 0 || s->answer != ANSWER_NONE)
		return (-1);
	left = s->deadline - now_ms();
	return (left < 0 ? 0 : (int)left);
}

/* One turn of the loop.  0, or -1 when poll(2) fails. */
static int
session_turn(struct session *s)
{
	struct pollfd	 pfd[2 + STREAMS_MAX];
	nfds_t		 n;

	/* an answer ends the talk; what remains is the app's output */
	pfd[0].fd = s->answer == ANSWER_NONE ? s->chan.fd : -1;
	pfd[1].fd = s->sigfd;
	pfd[0].events = pfd[1].events = POLLIN;
	n = stream_poll(pfd + 2);
	if (poll(pfd, n + 2, session_timeout(s)) == -1) {
		if (errno == EINTR)
			return (0);
		return (-1);
	}
	if (pfd[1].revents != 0)
		session_signals(s);
	stream_move(pfd + 2, n);
	if (pfd[0].revents != 0)
		session_recv(s);
	if (s->deadline != 0 && s->answer == ANSWER_NONE &&
	    session_timeout(s) == 0)
		session_signal(s, SIGKILL);
	return (0);
}

int
session_call(struct session *s, enum msg_type type, const void *payload,
    int fd)
{
	s->id++;
	s->answer = ANSWER_NONE;
	if (chan_send(&s->chan, type, s->id, payload, fd) == -1 &&
	    errno != EPIPE && errno != ECONNRESET) {
		log_warn("channel to the broker");
		s->status = s->failure;
		return (-1);
	}
	while (s->answer == ANSWER_NONE ||
	    (s->answer == ANSWER_EXITED && stream_draining())) {
		if (session_turn(s) == -1) {
			tty_restore();
			log_warn("poll");
			s->answer = ANSWER_FAILED;
			s->status = s->failure;
		}
	}
	tty_restore();
	if (s->answer != ANSWER_FAILED)
		return (0);
	if (s->undo != NULL)
		s->undo(s->undo_arg);
	return (-1);
}
