/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config/config.h"
#include "common/config/load.h"
#include "common/ipc/control_socket.h"
#include "common/owned.h"
#include "common/reason.h"

void cli_open_standard(void)
{
	/*
	 * Standard input is opened for writing and the others for reading, so
	 * that what can't be written there is an error.
	 */
	static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};

	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			(void)!open("/dev/null", modes[fd]);
	}
}

int cli_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("minivpn: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	return CLI_FAILED;
}

int cli_up_not_permitted(const char *file)
{
	if (geteuid() != 0)
		return cli_error("up: not permitted: run it as root: sudo "
				 "minivpn up %s",
				 file);
	return cli_error("up: not permitted: root has no CAP_NET_ADMIN here: "
			 "give it to the container (docker or podman run "
			 "--cap-add NET_ADMIN --device /dev/net/tun ...)");
}

int cli_usage(const char *usage)
{
	fprintf(stderr, "usage: minivpn %s\n", usage);
	return CLI_USAGE;
}

int cli_unknown_option(const char *option, const char *usage)
{
	cli_error("%s: no such option", option);
	return cli_usage(usage);
}

const char *cli_option(const char *option, int argc, char **argv, int *i)
{
	size_t length = strlen(option);

	if (!strcmp(argv[*i], option) && *i + 1 < argc)
		return argv[++*i];
	if (!strncmp(argv[*i], option, length) && argv[*i][length] == '=')
		return argv[*i] + length + 1;
	return NULL;
}

/* This is a config_report; data counts the errors. */
static void report(void *data, const char *path, unsigned line, bool warning,
		   const char *text)
{
	unsigned *errors = data;
	const char *kind = warning ? "warning: " : "";

	if (!warning)
		(*errors)++;
	if (line)
		fprintf(stderr, "%s:%u: %s%s\n", path, line, kind, text);
	else
		cli_error("%s: %s%s", path, kind, text);
}

struct config *cli_load(const char *file_or_name)
{
	struct config *config = NULL;
	unsigned errors = 0;
	char *path;
	int err;

	path = config_find(file_or_name);
	if (!path) {
		cli_error("%s: neither a file nor a tunnel's name",
			  file_or_name);
		return NULL;
	}
	err = config_load(path, report, &errors, &config);
	if (err && !errors)
		cli_error("%s: %s", path, strerror(-err));
	free(path);
	return err ? NULL : config;
}

struct config *cli_load_quietly(const char *file_or_name)
{
	struct config *config = NULL;
	char *path = config_find(file_or_name);

	if (path && config_load(path, NULL, NULL, &config))
		config = NULL;
	free(path);
	return config;
}

/* Returns the one name of the list, or NULL after an error. */
static char *only_one(char **names, size_t count)
{
	char *name;

	if (count == 0) {
		cli_error("no tunnel is up");
		return NULL;
	}
	if (count > 1) {
		fputs("minivpn: several tunnels are up, say which one:",
		      stderr);
		for (size_t i = 0; i < count; i++)
			fprintf(stderr, " %s", names[i]);
		fputc('\n', stderr);
		return NULL;
	}
	name = strdup(names[0]);
	if (!name)
		cli_error("%s: %s", names[0], strerror(ENOMEM));
	return name;
}

char *cli_tunnel(const char *name)
{
	char own[CONFIG_NAME_SIZE];
	struct reason reason;
	char **names, *only;
	size_t count;
	int err;

	if (control_check_directories(&reason)) {
		cli_error("%s", reason.text);
		return NULL;
	}
	if (name) {
		/* A tunnel may also be named by its file, as it was for up. */
		if (config_name(name, own)) {
			cli_error("%s: not a tunnel's name", name);
			return NULL;
		}
		only = strdup(own);
		if (!only)
			cli_error("%s: %s", name, strerror(ENOMEM));
		return only;
	}
	err = control_list(&names, &count);
	if (err) {
		cli_error("%s: %s", control_rundir(), strerror(-err));
		return NULL;
	}
	only = only_one(names, count);
	control_list_free(names, count);
	return only;
}
