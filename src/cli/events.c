/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `events`: follows what happens to a running tunnel, a line each. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/json_field.h"
#include "common/ipc/control_socket.h"

#define USAGE "events [NAME] [--json]"

/* "2026-12-01 12:00:00 connected     laptop: connected from ..." */
static void print_event(const json_t *event)
{
	time_t when = (time_t)json_field_number(event, "time");
	const char *kind = json_field_text(event, "event");
	char stamp[32] = "";
	struct tm parts;

	if (localtime_r(&when, &parts))
		strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &parts);
	if (!strcmp(kind, "lost"))
		printf("%s %-12s  %.0f events were lost: they came faster than "
		       "they were read\n",
		       stamp, kind, json_field_number(event, "count"));
	else
		printf("%s %-12s  %s\n", stamp, kind,
		       json_field_text(event, "text"));
}

/* Prints a line of the host process; *down: it says that it has ended. */
static int take_line(const char *name, const char *line, bool as_json,
		     bool *down)
{
	json_t *event = json_loads(line, 0, NULL);
	const char *error = json_field_text(event, "error");
	int status = CLI_DONE;

	if (*error)
		status = cli_error("%s: %s", name, error);
	else if (!json_is_object(event))
		status = cli_error("%s: not an answer", name);
	else if (json_object_get(event, "ok"))
		status = CLI_DONE;
	else if (as_json)
		fputs(line, stdout);
	else
		print_event(event);
	*down = !strcmp(json_field_text(event, "event"), "down");
	json_decref(event);
	if (!status && fflush(stdout))
		status = cli_error("events: %s", strerror(errno));
	return status;
}

static int follow(const char *name, FILE *stream, bool as_json)
{
	int status = CLI_DONE;
	char *line = NULL;
	bool down = false;
	size_t size = 0;

	while (!status && getline(&line, &size, stream) > 0)
		status = take_line(name, line, as_json, &down);
	free(line);
	/* A host process that was killed has said nothing of it. */
	if (!status && !down)
		status = cli_error("%s: has ended without a word", name);
	return status;
}

static int open_and_follow(const char *name, bool as_json)
{
	int fd = control_follow(name, "events"), status;
	FILE *stream;

	if (fd == -ENOENT || fd == -ECONNREFUSED)
		return cli_error("%s: is not up", name);
	if (fd == -EACCES)
		return cli_error("events: not permitted: run it as root");
	if (fd < 0)
		return cli_error("%s: no answer: %s", name, strerror(-fd));
	stream = fdopen(fd, "r");
	if (!stream)
		return cli_error("events: %s", strerror(errno));
	status = follow(name, stream, as_json);
	fclose(stream);
	return status;
}

int cli_events(int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{0},
	};
	bool as_json = false;
	int option, status;
	char *name;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return cli_unknown_option(argv[optind - 1], USAGE);
		as_json = true;
	}
	if (argc - optind > 1)
		return cli_usage(USAGE);
	name = cli_tunnel(optind < argc ? argv[optind] : NULL);
	if (!name)
		return CLI_FAILED;
	status = open_and_follow(name, as_json);
	free(name);
	return status;
}
