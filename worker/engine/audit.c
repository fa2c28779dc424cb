/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The audit record: one JSON line for each privileged decision, before and
 * after, in audit/log.  Each line carries the SHA-256 of the line before
 * it.  Several engines may write: the head is read again under the lock.
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sha2.h>

#include "../../common/log.h"
#include "../file.h"
#include "engine.h"

#define LINE_MAX_LEN	8192	/* with its newline */

struct head {
	uint64_t	 seq;
	off_t		 end;		/* of the last whole line */
	char		 hash[SHA256_DIGEST_STRING_LENGTH];
};

static int	 auditfd = -1;

/* A JSON string: quotes, backslashes and what is not printable escaped. */
static void
json_string(FILE *f, const char *key, const char *s)
{
	fprintf(f, ",\"%s\":\"", key);
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if (*s < 0x20 || *s > 0x7e)
			fprintf(f, "\\u%04x", (unsigned char)*s);
		else
			fputc(*s, f);
	}
	fputc('"', f);
}

/*
 * A last line without its newline is the half of a write that was cut: it
 * is kept aside, never deleted, and the record goes on behind the last
 * whole line.
 */
static int
audit_torn(const char *tail, size_t len, off_t keep)
{
	char	 path[64];
	int	 fd;

	snprintf(path, sizeof(path), "audit/torn-%lld", (long long)keep);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
	    O_NOFOLLOW, 0600);
	if (fd == -1)
		return (-1);
	if (file_write(fd, tail, len) == -1) {
		close(fd);
		return (-1);
	}
	close(fd);
	log_warnx("audit: a torn last line was moved to %s", path);
	return (ftruncate(auditfd, keep));
}

/* The number that a line begins with; -1 with errno when it has none. */
static int
audit_seq(const char *line, uint64_t *seq)
{
	char	*end;

	errno = EUCLEAN;
	if (strncmp(line, "{\"seq\":", 7) != 0 || line[7] < '1' ||
	    line[7] > '9')
		return (-1);
	errno = 0;
	*seq = strtoull(line + 7, &end, 10);
	if (*end != ',' || *seq == UINT64_MAX)
		errno = EUCLEAN;
	return (errno == 0 ? 0 : -1);
}

/*
 * Sequence and hash of the last line; zeros for an empty record.  What no
 * writer of ours leaves behind is refused: a record is never begun anew
 * behind something that was one.
 */
static int
audit_head(struct head *h)
{
	char		 tail[2 * LINE_MAX_LEN + 1], *line, *end;
	struct stat	 st;
	off_t		 from;
	size_t		 whole;
	ssize_t		 n;

	memset(h, 0, sizeof(*h));
	memset(h->hash, '0', sizeof(h->hash) - 1);
	if (fstat(auditfd, &st) == -1)
		return (-1);
	if (st.st_size == 0)
		return (0);
	from = st.st_size > (off_t)sizeof(tail) - 1 ?
	    st.st_size - (off_t)sizeof(tail) + 1 : 0;
	if ((n = pread(auditfd, tail, sizeof(tail) - 1, from)) <= 0)
		return (-1);
	tail[n] = '\0';
	end = memrchr(tail, '\n', (size_t)n);
	whole = end == NULL ? 0 : (size_t)(end + 1 - tail);
	errno = EUCLEAN;
	if ((size_t)n - whole > LINE_MAX_LEN)
		return (-1);
	h->end = from + (off_t)whole;
	if (whole < (size_t)n && audit_torn(tail + whole, (size_t)n - whole,
	    h->end) == -1)
		return (-1);
	if (end == NULL)
		return (0);
	line = memrchr(tail, '\n', (size_t)(end - tail));
	line = line == NULL ? tail : line + 1;
	errno = EUCLEAN;
	if (end + 1 - line > LINE_MAX_LEN || audit_seq(line, &h->seq) == -1)
		return (-1);
	SHA256Data((const uint8_t *)line, (size_t)(end + 1 - line), h->hash);
	return (0);
}

static char *
audit_line(const struct audit *a, const struct head *h, uint64_t cause,
    const char *result, const char *reason, size_t *len)
{
	struct timespec	 ts;
	struct tm	 tm;
	char		 when[32], *line = NULL;
	FILE		*f;

	if ((f = open_memstream(&line, len)) == NULL)
		return (NULL);
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(f, "{\"seq\":%llu,\"time\":\"%s.%09ldZ\",\"boot\":\"%s\","
	    "\"broker\":%d,\"uid\":%u,\"pid\":%d",
	    (unsigned long long)h->seq + 1, when, ts.tv_nsec, env.boot_id,
	    (int)env.broker, a->uid, (int)a->pid);
	json_string(f, "action", a->action);
	json_string(f, "object", a->object);
	if (a->detail != NULL)
		json_string(f, "detail", a->detail);
	json_string(f, "rule", a->rule);
	json_string(f, "outcome", result);
	if (cause != 0)
		fprintf(f, ",\"cause\":%llu", (unsigned long long)cause);
	if (reason != NULL)
		json_string(f, "reason", reason);
	fprintf(f, ",\"prev\":\"%s\"}\n", h->hash);
	if (fclose(f) != 0) {
		free(line);
		return (NULL);
	}
	return (line);
}

/*
 * A plain file with one name, which nobody else may write, in a directory
 * that is no link: what is written elsewhere is not recorded.
 */
static int
audit_open(void)
{
	struct stat	 st;
	int		 dir, fd, saved_errno;

	dir = open("audit", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir == -1)
		return (-1);
	fd = openat(dir, "log", O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW |
	    O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	saved_errno = errno;
	close(dir);
	errno = saved_errno;
	if (fd == -1)
		return (-1);
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_nlink != 1 || st.st_uid != geteuid() ||
	    (st.st_mode & 022) != 0) {
		close(fd);
		errno = EUCLEAN;
		return (-1);
	}
	return (fd);
}

/* Where the disk is full half-way, nothing is written; errno stays. */
static void
audit_undo(const struct head *h)
{
	int	 saved_errno = errno;

	if (ftruncate(auditfd, h->end) == -1)
		log_warn("audit: torn, until the next record");
	errno = saved_errno;
}

/* Its sequence number, or 0 with errno. */
static uint64_t
audit_append(const struct audit *a, uint64_t cause, const char *result,
    const char *reason)
{
	struct head	 h;
	char		*line = NULL;
	size_t		 len = 0;
	uint64_t	 seq = 0;

	if (auditfd == -1 && (auditfd = audit_open()) == -1)
		return (0);
	if (flock(auditfd, LOCK_EX) == -1)
		return (0);
	if (audit_head(&h) == 0 && (line = audit_line(a, &h, cause, result,
	    reason, &len)) != NULL && len <= LINE_MAX_LEN) {
		if (file_write(auditfd, line, len) == 0)
			seq = h.seq + 1;
		else
			audit_undo(&h);
	} else if (line != NULL)
		errno = EMSGSIZE;
	free(line);
	flock(auditfd, LOCK_UN);
	return (seq);
}

uint64_t
audit_intent(const struct audit *a)
{
	return (audit_append(a, 0, "intent", NULL));
}

void
audit_outcome(const struct audit *a, uint64_t cause, const char *result,
    const char *reason)
{
	if (cause != 0 && audit_append(a, cause, result, reason) == 0)
		log_warn("audit: outcome of %s %s", a->action, a->object);
}
