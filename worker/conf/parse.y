/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * The grammar of berthd.conf(5) and its lexer, for berth-conf: text in,
 * struct config filled, every error told with its line.
 */
%code top {
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/stdlib.h>

#include "../../common/log.h"
#include "conf.h"
}

%code {
#define WORD_MAXLEN	(CONF_WORD_SIZE - 1)	/* or quoted string */
#define SET_INSECURE(word)	check("insecure-options", word, \
				    config_set_insecure(conf, word))

static struct {			/* the text being read */
	const char	*path;
	const char	*p, *end;
	unsigned int	 line;		/* of the last token's first byte */
	unsigned int	 next;		/* of *p */
	unsigned int	 errors;
	int		 ended;		/* the last line end was given */
} in;

static struct config		*conf;
static struct config_app	*app;		/* the open block */
static struct config_app	*nowhere;	/* a refused block's options */
static struct config_param	 param;		/* the line being read */

static int	 yylex(void);
static void	 yyerror(const char *);
static void	 tell(const char *, ...)
		    __attribute__((format(printf, 1, 2)));
static int	 once(uint64_t *, int);
static void	 check(const char *, const char *, const char *);
static void	 own(char **, char *);
static void	 app_open(char *);
static void	 app_close(void);
static void	 app_env(char *);
static void	 app_set(int, char *,
		    const char *(*)(struct config_app *, const char *));
static void	 app_text(int, char **, char *);
static void	 param_close(char *);
}

%define parse.error verbose
%union {
	char	*string;
}
%destructor { free($$); } <string>

%token	STORE "store" LISTEN "listen" ON "on" PORT "port" TOKENWORD "token"
%token	FILEWORD "file" INSECURE "insecure-options" ID "id" RANGE "range"
%token	COUNT "count" CONTROL "control" GROUP "group" APP "app"
%token	IMAGE "image" ENVIRONMENT "environment" ARGUMENT "argument"
%token	EXEC "exec" PARAMETER "parameter" SECRET "secret"
%token	REQUIRED "required" NET "net" NONE "none" HOST "host"
%token	MEMORY "memory" CPU "cpu" PIDS "pids" USER "user"
%token	READONLY "readonly-rootfs" WORKDIR "working-directory"
%token	HOSTNAME "hostname" LIMITS "limits" OPTIONAL "optional"
%token	'\n' "end of line" END 0 "end of file"
%token	<string> STRING "word or string"

%%

file	: %empty
	| file '\n'
	| file main '\n'
	| file app '\n'
	| file error '\n'
	;

main	: STORE STRING {
		if (*$2 != '/')
			check("store", $2, "not an absolute path");
		if (once(&conf->seen, STORE))
			own(&conf->store, $2);
		else
			free($2);
	}
	| LISTEN ON STRING PORT STRING {
		if (once(&conf->seen, LISTEN))
			check("listen on", $3,
			    config_set_listen(conf, $3, $5));
		free($3);
		free($5);
	}
	| TOKENWORD FILEWORD STRING {
		if (once(&conf->seen, TOKENWORD))
			check("token file", $3, config_set_token(conf, $3));
		free($3);
	}
	| INSECURE '{' { once(&conf->seen, INSECURE); } insecure optnl '}'
	| ID RANGE STRING COUNT STRING {
		if (once(&conf->seen, ID))
			check("id range", $3, config_set_ids(conf, $3, $5));
		free($3);
		free($5);
	}
	| CONTROL GROUP STRING {
		if (once(&conf->seen, CONTROL))
			check("control group", $3, config_set_group(conf, $3));
		free($3);
	}
	;

insecure : %empty
	| insecure optnl STRING { SET_INSECURE($3); free($3); }
	| insecure optnl IMAGE { SET_INSECURE("image"); }
	| insecure optnl NONE { SET_INSECURE("none"); }
	;

optnl	: %empty
	| optnl '\n'
	;

app	: APP name '{' options '}' { app_close(); }
	| APP name '{' options option '}' { app_close(); }
	;

name	: STRING { app_open($1); }
	| error { app_open(NULL); }
	;

options	: %empty
	| options '\n'
	| options option '\n'
	| options error '\n'
	;

option	: IMAGE STRING { app_set(IMAGE, $2, config_set_image); }
	| ENVIRONMENT STRING { app_env($2); }
	| ARGUMENT arguments
	| EXEC STRING { app_text(EXEC, &app->exec, $2); }
	| PARAMETER STRING { config_param_clear(&param); } fills {
		param_close($2);
	}
	| NET NONE { once(&app->seen, NET); }
	| NET HOST {
		if (once(&app->seen, NET))
			app->flags |= RUN_NETHOST;
	}
	| MEMORY STRING { app_set(MEMORY, $2, config_set_memory); }
	| CPU STRING { app_set(CPU, $2, config_set_cpu); }
	| PIDS STRING { app_set(PIDS, $2, config_set_pids); }
	| LIMITS OPTIONAL {
		if (once(&app->seen, LIMITS))
			app->flags |= RUN_NOLIMITS;
	}
	| USER STRING { app_text(USER, &app->user, $2); }
	| GROUP STRING { app_text(GROUP, &app->group, $2); }
	| READONLY {
		if (once(&app->seen, READONLY))
			app->flags |= RUN_READONLY;
	}
	| WORKDIR STRING {
		if (*$2 != '/')
			check("working-directory", $2, "not an absolute path");
		app_text(WORKDIR, &app->workdir, $2);
	}
	| HOSTNAME STRING { app_set(HOSTNAME, $2, config_set_hostname); }
	;

arguments : argument
	| arguments argument
	;

argument : STRING {
		check("argument", $1,
		    config_add_word(&app->args, &app->nargs, $1));
		free($1);
	}
	;

fills	: fill
	| fills fill
	;

fill	: ARGUMENT STRING {
		if (param.argument != NULL)
			tell("argument: said twice");
		own(&param.argument, $2);
	}
	| ENVIRONMENT STRING {
		if (param.environment != NULL)
			tell("environment: said twice");
		own(&param.environment, $2);
	}
	| SECRET { param.flags |= PARAM_SECRET; }
	| REQUIRED { param.flags |= PARAM_REQUIRED; }
	;

%%

static const struct {
	const char	*word;
	int		 token;
} keywords[] = {
	{ "app", APP },			{ "argument", ARGUMENT },
	{ "control", CONTROL },		{ "count", COUNT },
	{ "cpu", CPU },			{ "environment", ENVIRONMENT },
	{ "exec", EXEC },		{ "file", FILEWORD },
	{ "group", GROUP },		{ "host", HOST },
	{ "hostname", HOSTNAME },	{ "id", ID },
	{ "image", IMAGE },		{ "insecure-options", INSECURE },
	{ "limits", LIMITS },		{ "listen", LISTEN },
	{ "memory", MEMORY },		{ "net", NET },
	{ "none", NONE },		{ "on", ON },
	{ "optional", OPTIONAL },	{ "parameter", PARAMETER },
	{ "pids", PIDS },		{ "port", PORT },
	{ "range", RANGE },		{ "readonly-rootfs", READONLY },
	{ "required", REQUIRED },	{ "secret", SECRET },
	{ "store", STORE },		{ "token", TOKENWORD },
	{ "user", USER },		{ "working-directory", WORKDIR },
};
#define KEYWORDS_N	(sizeof(keywords) / sizeof(*keywords))
static void
tell(const char *fmt, ...)
{
	va_list	 ap;
	char	 text[1024], safe[2048];

	in.errors++;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* It quotes the file, which may hold anything. */
	log_encode(safe, sizeof(safe), text, strlen(text));
	fprintf(stderr, "%s:%u: %s\n", in.path, in.line, safe);
}

/* bison's own complaints. */
static void
yyerror(const char *text)
{
	tell("%s", text);
}

static const char *
keyword(int token)
{
	size_t	 i;

	for (i = 0; keywords[i].token != token;)
		i++;
	return (keywords[i].word);
}

#define SEEN(token)	(1ULL << ((token) - STORE))

/* True when the keyword's bit was not yet in *seen, where it is then. */
static int
once(uint64_t *seen, int token)
{
	if (*seen & SEEN(token)) {
		tell("%s: said twice", keyword(token));
		return (0);
	}
	*seen |= SEEN(token);
	return (1);
}

/* why is NULL when all is well. */
static void
check(const char *what, const char *value, const char *why)
{
	if (why != NULL)
		tell("%s \"%s\": %s", what, value, why);
}

/* *to becomes s; what was there goes. */
static void
own(char **to, char *s)
{
	free(*to);
	*to = s;
}

/* Takes name, which is NULL after a syntax error was told. */
static void
app_open(char *name)
{
	const char	*why = NULL;

	app = name == NULL ? NULL : config_add_app(conf, name, &why);
	check("app", name, why);
	free(name);
	if (app == NULL) {
		/* Its options are still read, for their errors. */
		config_app_clear(nowhere);
		app = nowhere;
	}
}

static void
app_close(void)
{
	/* a wrong one was told already */
	if (app != nowhere && (app->seen & SEEN(IMAGE)) == 0)
		check("app", app->name, "has no image");
	app = nowhere;
}

/* Takes word.  A secret may stand here: only its name is ever told. */
static void
app_env(char *word)
{
	size_t		 size = strlen(word);
	const char	*why = config_add_env(app, word);

	word[strcspn(word, "=")] = '\0';
	check("environment", word, why);
	freezero(word, size);
}

/* Takes value. */
static void
app_set(int token, char *value,
    const char *(*set)(struct config_app *, const char *))
{
	if (once(&app->seen, token))
		check(keyword(token), value, set(app, value));
	free(value);
}

/* Takes value, which becomes *to. */
static void
app_text(int token, char **to, char *value)
{
	if (*value == '\0')
		tell("%s: empty", keyword(token));
	if (once(&app->seen, token))
		own(to, value);
	else
		free(value);
}

/* Takes name; the struct param just read becomes one of the app's. */
static void
param_close(char *name)
{
	check("parameter", name, config_add_param(app, name, &param));
	free(name);
	memset(&param, 0, sizeof(param));
}

/* An error that yylex() has told; the parser only has to recover. */
static int
lex_error(const char *what)
{
	tell("%s", what);
	return (YYerror);
}

static int
lex_word(const char *word, int quoted)
{
	size_t	 i;

	for (i = 0; !quoted && i < KEYWORDS_N; i++)
		if (strcmp(word, keywords[i].word) == 0)
			return (keywords[i].token);
	if ((yylval.string = strdup(word)) == NULL)
		return (lex_error("out of memory"));
	return (STRING);
}

/* The byte behind a backslash in a string, or 0. */
static char
lex_escape(char c)
{
	switch (c) {
	case 'n': return ('\n');
	case 't': return ('\t');
	case '"': case '\\': return (c);
	default: return ('\0');
	}
}

/* in.p is behind the opening quote; an error is told at the closing one. */
static int
lex_quoted(void)
{
	char		 buf[WORD_MAXLEN + 1];
	const char	*why = NULL;
	size_t		 n = 0;
	char		 c;

	for (;;) {
		if (in.p == in.end || *in.p == '\n')
			return (lex_error("string without closing quote"));
		if ((c = *in.p++) == '"')
			break;
		if ((unsigned char)c < 0x20 || c == 0x7f)
			why = "control character in a string";
		else if (c == '\\' && in.p < in.end && *in.p != '\n' &&
		    (c = lex_escape(*in.p++)) == '\0')
			why = "unknown escape in a string";
		if (n == WORD_MAXLEN)
			why = "string too long";
		else
			buf[n++] = c;
	}
	buf[n] = '\0';
	return (why == NULL ? lex_word(buf, 1) : lex_error(why));
}

static int
lex_unquoted(void)
{
	char	 buf[WORD_MAXLEN + 1];
	size_t	 n = 0;

	while (in.p < in.end && *in.p > 0x20 && *in.p < 0x7f &&
	    strchr("\"{}#\\", *in.p) == NULL) {
		if (n == WORD_MAXLEN)
			return (lex_error("word too long"));
		buf[n++] = *in.p++;
	}
	buf[n] = '\0';
	return (lex_word(buf, 0));
}

/* Blanks, comments, and line ends behind a backslash. */
static void
lex_skip(void)
{
	for (; in.p < in.end; in.p++) {
		if (*in.p == '#') {
			while (in.p + 1 < in.end && in.p[1] != '\n')
				in.p++;
		} else if (*in.p == '\\' && in.p + 1 < in.end &&
		    in.p[1] == '\n') {
			in.p++;
			in.next++;
		} else if (*in.p != ' ' && *in.p != '\t')
			break;
	}
}

static int
yylex(void)
{
	lex_skip();
	in.line = in.next;
	if (in.p == in.end) {
		/* The last line needs no line end: one more does no harm. */
		if (in.ended++)
			return (END);
		return ('\n');
	}
	switch (*in.p) {
	case '\n':
		in.next++;
		in.p++;
		return ('\n');
	case '{': case '}':
		return (*in.p++);
	case '"':
		in.p++;
		return (lex_quoted());
	}
	if (*in.p > 0x20 && *in.p < 0x7f && *in.p != '\\')
		return (lex_unquoted());
	in.p++;
	return (lex_error("byte that is allowed in strings only"));
}

unsigned int
config_parse_text(struct config *c, const char *path, const char *text,
    size_t len)
{
	struct config_app	 scrap;

	memset(&scrap, 0, sizeof(scrap));
	memset(&param, 0, sizeof(param));
	memset(&in, 0, sizeof(in));
	conf = c;
	app = nowhere = &scrap;
	in.path = path;
	in.p = text;
	in.end = text + len;
	in.next = 1;
	yyparse();
	config_app_clear(&scrap);
	config_param_clear(&param);
	conf = NULL;
	app = nowhere = NULL;
	return (in.errors);
}
