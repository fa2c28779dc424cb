/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * worker/conf: every file of samples/conf says in its "# expect LINE:
 * MESSAGE" lines what must be told of it; without one it is a good file,
 * which must come back from config_print() unchanged.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../worker/conf/conf.h"

#define SAMPLES	"tests/unit/samples/conf"
#define TEXT_MAX 16384

static char	 dir[] = "/tmp/test_config.XXXXXX";
static char	 conf[64], errs[64], token[64];
static const char *group = "/etc/group";

/* In the broker's place, which would look at owner and mode first. */
int
conf_open(enum conf_file kind, const char *path, const char **why)
{
	int	 fd;

	if (kind == CONF_SUBUID || kind == CONF_SUBGID)
		path = "/dev/null";
	if ((fd = open(kind == CONF_GROUP ? group : path, O_RDONLY)) == -1)
		*why = strerror(errno);
	return (fd);
}

static void
spew(const char *path, const char *text, size_t len, mode_t mode)
{
	FILE	*f;

	unlink(path);
	assert_non_null(f = fopen(path, "w"));
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static size_t
slurp(const char *path, char *text)
{
	FILE	*f;
	size_t	 len;

	assert_non_null(f = fopen(path, "r"));
	len = fread(text, 1, TEXT_MAX - 1, f);
	text[len] = '\0';
	fclose(f);
	return (len);
}

/* Parses path; what was said goes to said. */
static struct config *
parse(const char *path, char *said)
{
	struct config	*c;
	int		 fd, err;

	fflush(stderr);
	assert_return_code(err = dup(STDERR_FILENO), 0);
	fd = open(errs, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_return_code(fd, 0);
	dup2(fd, STDERR_FILENO);
	close(fd);
	assert_return_code(fd = open(path, O_RDONLY), 0);
	c = config_parse(fd, path);
	fflush(stderr);
	dup2(err, STDERR_FILENO);
	close(err);
	slurp(errs, said);
	return (c);
}

/* text as a file of mode 0600. */
static struct config *
parse_text(const char *text, char *said)
{
	spew(conf, text, strlen(text), 0600);
	return (parse(conf, said));
}

/* "# expect 3: x" lines of text become "<conf>:3: x" lines. */
static void
expected(const char *text, char *want)
{
	static const char	 mark[] = "# expect ";
	const char		*p, *end;

	*want = '\0';
	for (p = text; strncmp(p, mark, sizeof(mark) - 1) == 0; p = end + 1) {
		p += sizeof(mark) - 1;
		assert_non_null(end = strchr(p, '\n'));
		sprintf(want + strlen(want), "%s:%.*s\n", conf,
		    (int)(end - p), p);
	}
}

static void
print(const struct config *c, char *text)
{
	FILE	*f;

	assert_non_null(f = fmemopen(text, TEXT_MAX, "w"));
	config_print(c, f);
	fclose(f);
}

static void
check_good(struct config *c)
{
	char	 once[TEXT_MAX], twice[TEXT_MAX], said[TEXT_MAX];

	print(c, once);
	config_free(c);
	c = parse_text(once, said);
	assert_string_equal(said, "");
	assert_non_null(c);
	print(c, twice);
	assert_string_equal(once, twice);
	config_free(c);
}

static void
test_samples(void **state)
{
	struct dirent	*de;
	DIR		*d;
	struct config	*c;
	char		 path[512], text[TEXT_MAX], said[TEXT_MAX];
	char		 want[TEXT_MAX];
	size_t		 len;

	(void)state;
	assert_non_null(d = opendir(SAMPLES));
	while ((de = readdir(d)) != NULL) {
		if (strstr(de->d_name, ".conf") == NULL)
			continue;
		snprintf(path, sizeof(path), SAMPLES "/%s", de->d_name);
		len = slurp(path, text);
		/* A checkout's modes are nobody's promise. */
		spew(conf, text, len, 0600);
		c = parse(conf, said);
		expected(text, want);
		if (strcmp(said, want) != 0)
			fail_msg("%s says\n%swanted\n%s", de->d_name, said,
			    want);
		if ((c == NULL) == (*want == '\0'))
			fail_msg("%s: %s", de->d_name, c == NULL ? "refused" :
			    "taken");
		if (c != NULL)
			check_good(c);
	}
	closedir(d);
}

static void
check_app(const struct config_app *a)
{
	assert_string_equal(a->name, "transcriber");
	assert_string_equal(a->ref, "docker.io/dolbyio/rtme:release-v0.1.1");
	assert_int_equal(a->nenv, 2);
	assert_string_equal(a->env[1], "QUOTED=a \"b\" \\ c\n\td");
	assert_int_equal(a->nargs, 4);
	assert_string_equal(a->args[1], "none");
	assert_string_equal(a->args[3], "over two lines");
	assert_int_equal(a->nparams, 4);
	assert_string_equal(a->params[0].name, "id");
	assert_string_equal(a->params[0].argument, "-i");
	assert_null(a->params[0].environment);
	assert_int_equal(a->params[0].flags, 0);
	assert_int_equal(a->params[2].flags, PARAM_SECRET | PARAM_REQUIRED);
	assert_string_equal(a->params[2].environment, "CLIENT_TOKEN");
	assert_int_equal(a->memory, 512 * MIB);
	assert_int_equal(a->cpu, 1500);
	assert_int_equal(a->pids, 64);
	assert_int_equal(a->flags, RUN_NETHOST | RUN_NOLIMITS | RUN_READONLY);
	assert_string_equal(a->user, "1000");
	assert_string_equal(a->group, "nogroup");
	assert_string_equal(a->workdir, "/opt");
	assert_string_equal(a->hostname, "transcriber-1");
	assert_string_equal(a->exec, "/opt/rtme/bin/rtme_service");
}

static void
test_values(void **state)
{
	struct config	*c;
	char		 text[TEXT_MAX], said[TEXT_MAX];

	(void)state;
	slurp(SAMPLES "/good-all.conf", text);
	assert_non_null(c = parse_text(text, said));
	assert_string_equal(c->store, "/var/lib/berth");
	assert_string_equal(c->listen, "::1");
	assert_int_equal(c->port, 8081);
	assert_int_equal(c->family, CONF_INET6);
	assert_int_equal(c->addr[15], 1);
	assert_false(config_public(c));
	assert_int_equal(c->insecure, INSECURE_ALL);
	assert_int_equal(c->idbase, 0x60000000);
	assert_int_equal(c->idcount, 32768);
	assert_string_equal(c->group, "root");
	assert_int_equal(c->gid, 0);
	assert_int_equal(c->napps, 3);
	check_app(&c->apps[0]);
	assert_int_equal(c->apps[1].flags, 0);
	assert_int_equal(c->apps[1].cpu, 250);
	assert_string_equal(c->apps[1].ref, "127.0.0.1:5000/redis:latest");
	assert_string_equal(c->apps[2].ref,
	    "sha512-0123456789abcdef0123456789abcdef");
	config_free(c);
}

static void
test_defaults(void **state)
{
	struct config	*c;
	char		 said[TEXT_MAX];

	(void)state;
	assert_non_null(c = parse_text("", said));
	assert_string_equal(c->store, "/var/lib/berth");
	assert_string_equal(c->listen, "127.0.0.1");
	assert_int_equal(c->port, 8080);
	assert_false(config_public(c));
	assert_int_equal(c->idbase, IDRANGE_BASE);
	assert_int_equal(c->idcount, IDRANGE_COUNT);
	assert_string_equal(c->token, "");
	assert_int_equal(c->napps, 0);
	config_free(c);
	config_free(NULL);
	assert_non_null(c = parse_text("listen on 0.0.0.0 port 80\n", said));
	assert_true(config_public(c));
	config_free(c);
	assert_non_null(c = parse_text("listen on 127.9.9.9 port 80", said));
	assert_false(config_public(c));
	config_free(c);
}

static void
test_too_large(void **state)
{
	static char	 large[CONFIG_MAXSIZE + 1];
	char		 said[TEXT_MAX], want[128];

	(void)state;
	memset(large, '\n', sizeof(large));
	spew(conf, large, sizeof(large) - 1, 0600);
	config_free(parse(conf, said));
	assert_string_equal(said, "");
	spew(conf, large, sizeof(large), 0600);
	assert_null(parse(conf, said));
	snprintf(want, sizeof(want), "%s: too large\n", conf);
	assert_string_equal(said, want);
}

/* Lines of group(5): by its whole name, and only with an id. */
static void
test_group(void **state)
{
	static const char	 groups[] = "ops:x:7:root,adm\nop:x\n"
				    "op:x:\nop:x:-1:\nop:x:4294967295:\n"
				    "op:x:4294967294:\nlast:x:5";
	static const struct {
		const char	*name;
		long		 gid;	/* -1: no such group */
	} cases[] = {
		{ "ops", 7 }, { "op", 4294967294 }, { "last", 5 },
		{ "root", -1 }, { "", -1 }, { "x", -1 },
	};
	char		 line[64], said[TEXT_MAX];
	struct config	*c;
	size_t		 i;

	(void)state;
	spew(token, groups, sizeof(groups) - 1, 0600);
	group = token;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(line, sizeof(line), "control group \"%s\"\n",
		    cases[i].name);
		c = parse_text(line, said);
		if (cases[i].gid == -1) {
			assert_null(c);
			assert_non_null(strstr(said, ": no such group\n"));
		} else {
			assert_non_null(c);
			assert_int_equal(c->gid, cases[i].gid);
		}
		config_free(c);
	}
	group = "/etc/group";
}

static void
test_token(void **state)
{
	static const char	 t16[] = "0123456789abcdef\n";
	char			 longest[CONFIG_TOKEN_MAXLEN + 2];
	char			 line[128], said[TEXT_MAX], text[TEXT_MAX];
	struct config		*c;

	(void)state;
	snprintf(line, sizeof(line), "token file \"%s\"\n", token);
	spew(token, t16, 17, 0600);
	assert_non_null(c = parse_text(line, said));
	assert_string_equal(c->token, "0123456789abcdef");
	print(c, text);
	assert_null(strstr(text, "0123456789abcdef"));
	assert_non_null(strstr(text, token));
	config_free(c);
	spew(token, t16, 16, 0400);
	assert_non_null(c = parse_text(line, said));
	config_free(c);
	memset(longest, 'x', sizeof(longest));
	longest[CONFIG_TOKEN_MAXLEN] = '\n';
	spew(token, longest, CONFIG_TOKEN_MAXLEN + 1, 0600);
	assert_non_null(c = parse_text(line, said));
	config_free(c);

	spew(token, longest, CONFIG_TOKEN_MAXLEN + 2, 0600);
	assert_null(parse_text(line, said));
	assert_non_null(strstr(said, ".conf:1: token file"));
	spew(token, t16, 15, 0600);
	assert_null(parse_text(line, said));
	assert_non_null(strstr(said, "not of 16 to 127"));
	spew(token, "0123456789 abcdef", 17, 0600);
	assert_null(parse_text(line, said));
	spew(token, "0123456789\0abcdefg", 18, 0600);
	assert_null(parse_text(line, said));
	spew(token, "0123456789abcdef\n\n", 18, 0600);
	assert_null(parse_text(line, said));
	assert_non_null(strstr(said, "has a blank or a byte"));
	assert_null(strstr(said, "0123456789"));
	unlink(token);
	assert_null(parse_text(line, said));
	assert_non_null(strstr(said, ": No such file or directory\n"));
}

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return (-1);
	snprintf(conf, sizeof(conf), "%s/berthd.conf", dir);
	snprintf(errs, sizeof(errs), "%s/errors", dir);
	snprintf(token, sizeof(token), "%s/token", dir);
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	unlink(conf);
	unlink(errs);
	unlink(token);
	return (rmdir(dir));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_token),
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
