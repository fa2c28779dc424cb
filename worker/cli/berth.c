/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * berth, the command line: reads the command and hands over to the one file
 * that is responsible for it.  Runs as the caller; parses no image byte.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "cli.h"

static int	 cmd_version(const struct options *);

static int	(*const commands[CMD_MAX])(const struct options *) = {
	[CMD_FETCH] = cmd_fetch,
	[CMD_RUN] = cmd_run,
	[CMD_IMAGE_LIST] = cmd_image_list,
	[CMD_IMAGE_CAT_MANIFEST] = cmd_image_cat_manifest,
	[CMD_IMAGE_EXPORT] = cmd_image_export,
	[CMD_IMAGE_VERIFY] = cmd_image_verify,
	[CMD_IMAGE_RM] = cmd_image_rm,
	[CMD_IMAGE_GC] = cmd_image_gc,
	[CMD_CHECK] = cmd_check,
	[CMD_VERSION] = cmd_version,
	[CMD_HELP] = cmd_help,
};

static int
cmd_version(const struct options *o)
{
	(void)o;
	printf("berth %s\n", BERTH_VERSION);
	return (0);
}

/*
 * A closed 0, 1 or 2 would be taken by the next open, and the app's bytes
 * would go into our own channel.
 */
static int
streams_exist(void)
{
	int	 fd;

	do {
		if ((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1)
			return (-1);
	} while (fd <= STDERR_FILENO);
	close(fd);
	return (0);
}

int
main(int argc, char **argv)
{
	struct options	 options;
	char		 why[512];
	int		 status;

	if (streams_exist() == -1)
		return (1);
	log_init("berth", 0);
	/* a reader that goes away is an error of write(2), not our death */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (options_parse(&options, argc, argv, why, sizeof(why)) == -1) {
		log_warnx("%s", why);
		help_usage(STDERR_FILENO, options.command, options.cmdgroup);
		return (EXIT_USAGE);
	}
	log_verbose(options.debug);
	if (options.help)
		status = help_print(options.command, options.cmdgroup);
	else
		status = commands[options.command](&options);
	if (fflush(stdout) == EOF || ferror(stdout)) {
		log_warn("standard output");
		if (status == 0)
			status = options.command == CMD_RUN ? EXIT_BERTH : 1;
	}
	options_free(&options);
	return (status);
}
