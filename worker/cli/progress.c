/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The layers being downloaded: a line each, and on a terminal a bar that
 * moves until its layer has come.
 */
#include <sys/ioctl.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

#define REDRAW_MS	100
#define BAR_WIDTH	24
#define BARS_MAX	16		/* lines that move */
#define DIGITS		12		/* of a digest, beside a bar */

enum layer_state { LAYER_COMING, LAYER_CAME, LAYER_SAID };

struct layer {
	char		 hex[DIGEST_HEXLEN + 1];
	uint64_t	 done, total;	/* bytes */
	enum layer_state state;
};

static struct layer	 layers[LAYERS_MAX];
static size_t		 nlayers;
static int		 tty;		/* bars, not lines */
static int		 rows = 24;
static int		 drawn;		/* lines below which the cursor is */
static int64_t		 last;		/* ms, of the last drawing */

/* What is drawn goes out in one write. */
static char		 screen[8192];
static size_t		 screen_len;

static void	 put(const char *, ...) __attribute__((format(printf, 1, 2)));

static void
put(const char *fmt, ...)
{
	va_list	 ap;
	size_t	 room = sizeof(screen) - screen_len;
	int	 n;

	va_start(ap, fmt);
	n = vsnprintf(screen + screen_len, room, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < room)
		screen_len += (size_t)n;
}

static void
put_flush(void)
{
	while (screen_len > 0 && write(STDERR_FILENO, screen, screen_len) ==
	    -1 && errno == EINTR)
		continue;
	screen_len = 0;
}

void
progress_init(void)
{
	const char	*term;
	struct winsize	 ws;

	if (!isatty(STDERR_FILENO) || (term = getenv("TERM")) == NULL ||
	    *term == '\0' || strcmp(term, "dumb") == 0)
		return;
	tty = 1;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row > 2)
		rows = ws.ws_row;
}

static struct layer *
layer_find(const char *hex)
{
	size_t	 i;

	for (i = 0; i < nlayers; i++)
		if (strcmp(layers[i].hex, hex) == 0)
			return (&layers[i]);
	return (NULL);
}

static void
put_layer(const struct layer *l)
{
	char	 done[32], total[32], bar[BAR_WIDTH + 1];
	size_t	 n = 0;

	format_size(done, sizeof(done), l->done);
	format_size(total, sizeof(total), l->total);
	if (l->total != 0)
		n = (size_t)(l->done * BAR_WIDTH / l->total);
	if (n > BAR_WIDTH)
		n = BAR_WIDTH;
	memset(bar, ' ', BAR_WIDTH);
	memset(bar, '=', n);
	bar[BAR_WIDTH] = '\0';
	if (l->state == LAYER_COMING)
		put("Downloading layer: %.*s [%s] %s / %s\n", DIGITS, l->hex,
		    bar, done, total);
	else
		put("Downloading layer: %.*s %s\n", DIGITS, l->hex, total);
}

/* Erases the bars; they are drawn again when the next word comes. */
static void
put_erase(void)
{
	if (drawn > 0)
		put("\r\033[%dA\033[J", drawn);
	drawn = 0;
}

static void
draw(int now)
{
	struct timespec	 ts;
	int64_t		 ms;
	size_t		 i;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	if (!now && ms - last < REDRAW_MS)
		return;
	last = ms;
	put_erase();
	/* those that have come stay above the bars for good */
	for (i = 0; i < nlayers; i++) {
		if (layers[i].state != LAYER_CAME)
			continue;
		put_layer(&layers[i]);
		layers[i].state = LAYER_SAID;
	}
	for (i = 0; i < nlayers && drawn < BARS_MAX && drawn < rows - 2; i++) {
		if (layers[i].state != LAYER_COMING)
			continue;
		put_layer(&layers[i]);
		drawn++;
	}
	put_flush();
}

void
progress_layer(const char *hex, uint64_t total)
{
	struct layer	*l;

	if (!tty) {
		put("Downloading layer: %s\n", hex);
		put_flush();
		return;
	}
	if (nlayers == LAYERS_MAX || strlen(hex) > DIGEST_HEXLEN ||
	    layer_find(hex) != NULL)
		return;
	l = &layers[nlayers++];
	memset(l, 0, sizeof(*l));
	memcpy(l->hex, hex, strlen(hex));
	l->total = total;
	draw(1);
}

void
progress_update(const char *hex, uint64_t done, uint64_t total)
{
	struct layer	*l;

	if (!tty || (l = layer_find(hex)) == NULL ||
	    l->state != LAYER_COMING || total > BLOB_MAX || done > total)
		return;
	l->done = done;
	l->total = total;
	if (done == total)
		l->state = LAYER_CAME;
	draw(done == total);
}

void
progress_clear(void)
{
	put_erase();
	put_flush();
}

void
progress_end(void)
{
	size_t	 i;

	if (!tty)
		return;
	for (i = 0; i < nlayers; i++)
		if (layers[i].state == LAYER_COMING)
			layers[i].state = LAYER_CAME;
	draw(1);
	nlayers = 0;
}
