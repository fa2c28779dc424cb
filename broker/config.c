/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* berthd.conf(5) from file to struct config and back, for the broker. */
#include "config.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/stdlib.h>

#define DEFAULT_STORE	"/var/lib/berth"
#define DEFAULT_ADDRESS	"127.0.0.1"
#define DEFAULT_PORT	"8080"
#define SUBID_MAXSIZE	MIB

/* len bytes and one more to see the end; -1 or the bytes read. */
static ssize_t
read_all(int fd, char *buf, size_t len)
{
	size_t	 n = 0;
	ssize_t	 r;

	while (n < len) {
		if ((r = read(fd, buf + n, len - n)) == -1) {
			if (errno == EINTR)
				continue;
			return (-1);
		}
		if (r == 0)
			break;
		n += (size_t)r;
	}
	return ((ssize_t)n);
}

static const char *
file_why(int fd, mode_t forbidden)
{
	struct stat	 st;

	if (fstat(fd, &st) == -1)
		return (strerror(errno));
	if (!S_ISREG(st.st_mode))
		return ("not a regular file");
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return ("owned by neither root nor the caller");
	if (st.st_mode & forbidden)
		return (forbidden & 044 ?
		    "readable or writable by others than its owner" :
		    "writable by others than its owner");
	return (NULL);
}

char *
config_read(const char *path, mode_t forbidden, size_t max, size_t *len,
    const char **why)
{
	char	*buf = NULL;
	ssize_t	 n;
	int	 fd;

	/* Without O_NONBLOCK a fifo would hold us up here. */
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1) {
		*why = strerror(errno);
		return (NULL);
	}
	if ((*why = file_why(fd, forbidden)) == NULL) {
		if ((buf = calloc(1, max + 2)) == NULL ||
		    (n = read_all(fd, buf, max + 1)) == -1)
			*why = strerror(errno);
		else if ((size_t)n > max)
			*why = "too large";
		else
			*len = (size_t)n;
	}
	close(fd);
	if (*why != NULL) {
		freezero(buf, buf == NULL ? 0 : max + 2);
		return (NULL);
	}
	return (buf);
}

/*
 * An id that is also somebody's subordinate id would give that user our
 * containers' files.  Returns the errors told.
 */
static unsigned int
subids_check(const struct config *c, const char *path)
{
	unsigned long long	 first, count;
	uint64_t		 end = (uint64_t)c->idbase + WORKERID_FETCH;
	const char		*why;
	char			*line, *p, *text;
	size_t			 len;
	unsigned int		 errors = 0;

	if ((text = config_read(path, 022, SUBID_MAXSIZE, &len,
	    &why)) == NULL)
		return (0);	/* then nobody has any */
	for (p = text; (line = strsep(&p, "\n")) != NULL;) {
		if (*line == '#' ||
		    sscanf(line, "%*[^:]:%llu:%llu", &first, &count) != 2 ||
		    first > end || count == 0 || c->idbase > first + count - 1)
			continue;
		fprintf(stderr, "%s: %llu and %llu more overlap the id range "
		    "from %u (see berthd.conf(5), id range)\n", path, first,
		    count - 1, c->idbase);
		errors++;
	}
	free(text);
	return (errors);
}

/* What no single line can tell.  Returns the errors told. */
static unsigned int
config_check(const struct config *c, const char *path)
{
	unsigned int	 errors;

	errors = subids_check(c, "/etc/subuid") +
	    subids_check(c, "/etc/subgid");
	if (!c->loopback && c->napps > 0 && c->tokenfile == NULL) {
		fprintf(stderr, "%s: listen on %s: others can connect, so "
		    "that the apps need a token file\n", path, c->listen);
		errors++;
	}
	return (errors);
}

static struct config *
config_new(void)
{
	struct config	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	c->idbase = IDRANGE_BASE;
	c->idcount = IDRANGE_COUNT;
	if ((c->store = strdup(DEFAULT_STORE)) == NULL ||
	    config_set_listen(c, DEFAULT_ADDRESS, DEFAULT_PORT) != NULL) {
		config_free(c);
		return (NULL);
	}
	return (c);
}

struct config *
config_parse(const char *path)
{
	struct config	*c;
	const char	*why = "out of memory";
	char		*text = NULL;
	size_t		 len = 0;
	unsigned int	 errors = 0;

	if ((c = config_new()) == NULL || (path != NULL && (text =
	    config_read(path, 022, CONFIG_MAXSIZE, &len, &why)) == NULL)) {
		fprintf(stderr, "%s: %s\n", path == NULL ? "berthd.conf" :
		    path, why);
		config_free(c);
		return (NULL);
	}
	if (text != NULL)
		errors = config_parse_text(c, path, text, len);
	freezero(text, len);
	if (errors == 0)
		errors = config_check(c, path);
	if (errors > 0) {
		config_free(c);
		return (NULL);
	}
	return (c);
}

static void
words_free(char **words, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		freezero(words[i], strlen(words[i]));
	free(words);
}

void
config_app_clear(struct config_app *a)
{
	size_t	 i;

	for (i = 0; i < a->nparams; i++)
		config_param_clear(&a->params[i]);
	free(a->params);
	words_free(a->env, a->nenv);
	words_free(a->args, a->nargs);
	free(a->image);
	free(a->exec);
	free(a->user);
	free(a->group);
	free(a->workdir);
	free(a->hostname);
	memset(a, 0, sizeof(*a));
}

void
config_free(struct config *c)
{
	size_t	 i;

	if (c == NULL)
		return;
	for (i = 0; i < c->napps; i++)
		config_app_clear(&c->apps[i]);
	free(c->apps);
	free(c->store);
	free(c->listen);
	free(c->tokenfile);
	free(c->group);
	freezero(c, sizeof(*c));
}

/* keyword "value", or nothing for NULL. */
static void
print_string(FILE *f, const char *keyword, const char *s)
{
	if (s == NULL)
		return;
	fprintf(f, "%s \"", keyword);
	for (; *s != '\0'; s++) {
		if (*s == '\n')
			fputs("\\n", f);
		else if (*s == '\t')
			fputs("\\t", f);
		else {
			if (*s == '"' || *s == '\\')
				putc('\\', f);
			putc(*s, f);
		}
	}
	putc('"', f);
}

static void
print_line(FILE *f, const char *keyword, const char *s)
{
	print_string(f, keyword, s);
	if (s != NULL)
		putc('\n', f);
}

static void
print_insecure(FILE *f, uint32_t bits)
{
	/* In the order of the bits. */
	static const char	*const words[] = { "image", "tls", "http",
				    "capabilities", "paths", "seccomp" };
	size_t			 i;

	fputs("insecure-options {", f);
	for (i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (bits & (1U << i))
			fprintf(f, " %s", words[i]);
	fputs(" }\n", f);
}

static void
print_app(FILE *f, const struct config_app *a)
{
	const struct config_param	*p;
	size_t				 i;

	fprintf(f, "\napp \"%s\" {\n", a->name);
	print_line(f, "\timage", a->image);
	for (i = 0; i < a->nenv; i++)
		print_line(f, "\tenvironment", a->env[i]);
	print_line(f, "\texec", a->exec);
	for (i = 0; i < a->nargs; i++)
		print_line(f, "\targument", a->args[i]);
	for (i = 0; i < a->nparams; i++) {
		p = &a->params[i];
		print_string(f, "\tparameter", p->name);
		fputs(p->flags & PARAM_SECRET ? " secret" : "", f);
		fputs(p->flags & PARAM_REQUIRED ? " required" : "", f);
		print_string(f, " argument", p->argument);
		print_string(f, " environment", p->environment);
		putc('\n', f);
	}
	fprintf(f, "\tnet %s\n", a->flags & RUN_NETHOST ? "host" : "none");
	if (a->memory != 0)
		fprintf(f, "\tmemory %llu\n", (unsigned long long)a->memory);
	if (a->cpu != 0)
		fprintf(f, "\tcpu %um\n", a->cpu);
	if (a->pids != 0)
		fprintf(f, "\tpids %u\n", a->pids);
	fputs(a->flags & RUN_NOLIMITS ? "\tlimits optional\n" : "", f);
	print_line(f, "\tuser", a->user);
	print_line(f, "\tgroup", a->group);
	fputs(a->flags & RUN_READONLY ? "\treadonly-rootfs\n" : "", f);
	print_line(f, "\tworking-directory", a->workdir);
	print_line(f, "\thostname", a->hostname);
	fputs("}\n", f);
}

void
config_print(const struct config *c, FILE *f)
{
	size_t	 i;

	print_line(f, "store", c->store);
	fprintf(f, "listen on %s port %u\n", c->listen, c->port);
	print_line(f, "token file", c->tokenfile);
	print_insecure(f, c->insecure);
	fprintf(f, "id range 0x%x count %u\n", c->idbase, c->idcount);
	print_line(f, "control group", c->group);
	for (i = 0; i < c->napps; i++)
		print_app(f, &c->apps[i]);
}
