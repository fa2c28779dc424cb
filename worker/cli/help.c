/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* Usage and help of the command line, printed from the tables of options.c. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "cli.h"

#define WIDTH	79

/* One word of a synopsis; starts a new line where it would not fit. */
static void
put_word(FILE *fp, int *column, int indent, const char *word)
{
	int	 len = (int)strlen(word);

	if (*column > indent && *column + 1 + len > WIDTH) {
		fprintf(fp, "\n%*s", indent, "");
		*column = indent;
	}
	fprintf(fp, " %s", word);
	*column += 1 + len;
}

static int
takes(const struct option *opt, enum command c)
{
	return (opt->commands != OPTION_ALL &&
	    (opt->commands & 1U << c) != 0);
}

static void
usage_command(FILE *fp, enum command c)
{
	const struct command_info	*info = &command_table[c];
	char				 word[128];
	size_t				 i;
	int				 column, indent;

	column = indent = fprintf(fp, "usage: berth %s", info->name);
	for (i = 0; i < option_count; i++) {
		if (!takes(&option_table[i], c))
			continue;
		snprintf(word, sizeof(word), "[--%s%s%s]",
		    option_table[i].name,
		    option_table[i].value == NULL ? "" : "=",
		    option_table[i].value == NULL ? "" :
		    option_table[i].value);
		put_word(fp, &column, indent, word);
	}
	if (*info->operands != '\0')
		put_word(fp, &column, indent, info->operands);
	fputc('\n', fp);
}

static void
usage_all(FILE *fp, const char *group)
{
	unsigned int	 c;

	fprintf(fp, "usage: berth [--dir=DIR | --connect=SOCKET] "
	    "[--insecure-options=LIST]\n"
	    "             [--debug] %s%sCOMMAND ...\n\n",
	    group == NULL ? "" : group, group == NULL ? "" : " ");
	for (c = CMD_NONE + 1; c < CMD_MAX; c++)
		if (group == NULL || command_in((enum command)c, group))
			fprintf(fp, "  %-20s %s\n", command_table[c].name,
			    command_table[c].help);
}

static void
print_options(FILE *fp, enum command c, int all)
{
	const struct option	*opt;
	char			 left[64];
	size_t			 i;

	for (i = 0; i < option_count; i++) {
		opt = &option_table[i];
		if (all ? opt->commands != OPTION_ALL : !takes(opt, c))
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", opt->name,
		    opt->value == NULL ? "" : "=",
		    opt->value == NULL ? "" : opt->value);
		fprintf(fp, "  %-30s %s\n", left, opt->help);
	}
}

static void
usage(FILE *fp, enum command c, const char *group)
{
	if (c == CMD_NONE)
		usage_all(fp, group);
	else
		usage_command(fp, c);
}

void
help_usage(int fd, enum command c, const char *group)
{
	FILE	*fp = fd == STDERR_FILENO ? stderr : stdout;
	char	 buf[4096];

	/* stderr in one piece, not a write per word */
	setvbuf(fp, buf, _IOFBF, sizeof(buf));
	usage(fp, c, group);
	fflush(fp);
	setvbuf(fp, NULL, _IONBF, 0);
}

int
help_print(enum command c, const char *group)
{
	usage(stdout, c, group);
	if (c != CMD_NONE) {
		printf("\n%s\n\n", command_table[c].help);
		print_options(stdout, c, 0);
	} else
		putchar('\n');
	print_options(stdout, c, 1);
	return (0);
}

int
cmd_help(const struct options *o)
{
	const struct strings	*words = &o->operands;
	const char		*group = NULL;
	enum command		 c;
	char			 enc[128];

	if (words->n == 0)
		return (help_print(CMD_NONE, NULL));
	c = command_find(words->v[0], words->n > 1 ? words->v[1] : NULL);
	if (command_group(words->v[0]))
		group = words->v[0];
	if (c != CMD_NONE || (group != NULL && words->n == 1))
		return (help_print(c, group));
	log_encode(enc, sizeof(enc), words->v[words->n - 1],
	    strlen(words->v[words->n - 1]));
	log_warnx("%s: unknown command", enc);
	help_usage(STDERR_FILENO, CMD_NONE, group);
	return (EXIT_USAGE);
}
