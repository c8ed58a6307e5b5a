/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `status`: asks the host process, and has the answer shown. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/clients.h"
#include "cli/json_field.h"
#include "cli/server_file.h"
#include "cli/status_metrics.h"
#include "cli/status_page.h"
#include "cli/status_table.h"
#include "cli/status_watch.h"
#include "cli/terminal.h"
#include "common/config/config.h"
#include "common/ipc/control_socket.h"

#define STATUS_TIMEOUT_MS 10000
#define USAGE                                                                  \
	"status [NAME [CLIENT]] [--json | --watch | --all | --changes | "      \
	"--metrics | --openmetrics] [--output FILE]"

static int say_why(const char *name, int err)
{
	bool absent = err == -ENOENT || err == -ECONNREFUSED;

	if (absent && control_is_closed(name))
		return cli_error("%s: is not up, and its kill switch is in "
				 "force: nothing leaves until minivpn down %s",
				 name, name);
	if (absent && control_left_behind(name))
		return cli_error("%s: was killed: minivpn down %s puts back "
				 "what it left",
				 name, name);
	if (absent)
		return cli_error("%s: is not up", name);
	if (err == -EACCES)
		return cli_error("status: not permitted: run it as root");
	return cli_error("%s: no answer: %s", name, strerror(-err));
}

static int print_json(const json_t *object)
{
	json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	printf("\n");
	return CLI_DONE;
}

/*
 * What the file and the leases have of a client, and of its session where it
 * has one; a new reference, NULL: nobody knows it.
 */
static json_t *find_client(json_t *status, const char *name)
{
	struct config *config =
		cli_load_quietly(json_field_text(status, "file"));
	json_t *clients = NULL, *client;
	size_t i;

	if (config) {
		clients = clients_known(config);
		clients_add_connected(clients, config, status);
	}
	client = json_incref(json_object_get(clients, name));
	json_decref(clients);
	config_free(config);
	if (client)
		return client;
	json_array_foreach(json_object_get(status, "clients"), i, client)
	{
		if (!strcmp(json_field_text(client, "name"), name))
			return json_incref(client);
	}
	return NULL;
}

static int show_client(json_t *status, const char *name, int how)
{
	struct terminal terminal;
	json_t *client;

	if (!json_object_get(status, "clients"))
		return cli_error("%s: this is a client: only a server has "
				 "clients",
				 json_field_text(status, "name"));
	client = find_client(status, name);
	if (!client)
		return cli_error("%s: %s: no such client",
				 json_field_text(status, "name"), name);
	terminal_find(&terminal);
	if (how == 'j')
		print_json(client);
	else
		status_page_client(stdout, &terminal, client);
	json_decref(client);
	return CLI_DONE;
}

static int show(json_t *status, int how)
{
	struct terminal terminal;

	terminal_find(&terminal);
	if (how == 'j')
		return print_json(status);
	if (how == 'c')
		status_page_changes(stdout, status);
	else if (json_object_get(status, "clients"))
		status_table_print(stdout, &terminal, status, how == 'a');
	else
		status_page_tunnel(stdout, &terminal, status);
	return CLI_DONE;
}

/*
 * A file is replaced as a whole, for who reads it meanwhile. status NULL: the
 * tunnel is not up, which is a metric as well. output NULL: standard output.
 */
static int print_metrics(const char *name, const json_t *status, int how,
			 const char *output)
{
	const struct stat like = {
		.st_mode = 0644,
		.st_uid = geteuid(),
		.st_gid = getegid(),
	};
	char *text = NULL;
	size_t length;
	FILE *out = output ? open_memstream(&text, &length) : stdout;
	int err;

	if (!out)
		return cli_error("status: %s", strerror(ENOMEM));
	status_metrics_print(out,
			     how == 'o' ? STATUS_METRICS_OPENMETRICS
					: STATUS_METRICS_PROMETHEUS,
			     name, status);
	if (!output)
		return CLI_DONE;
	err = fclose(out) ? -ENOMEM
			  : server_file_write(output, text, length, &like);
	free(text);
	if (err)
		return cli_error("status: %s: %s", output, strerror(-err));
	return CLI_DONE;
}

static bool is_metrics(int how)
{
	return how == 'm' || how == 'o';
}

/* client may be NULL; how is an option's letter, or 0. */
static int ask(const char *name, const char *client, int how,
	       const char *output)
{
	json_t *answer, *status;
	const char *error;
	int result;
	int err = control_request(name, "status", STATUS_TIMEOUT_MS, &answer);

	if (is_metrics(how) && (err == -ENOENT || err == -ECONNREFUSED))
		return print_metrics(name, NULL, how, output);
	if (err)
		return say_why(name, err);
	status = json_object_get(answer, "status");
	error = json_string_value(json_object_get(answer, "error"));
	if (!json_is_object(status))
		result = cli_error("%s: %s", name,
				   error ? error : "not an answer");
	else if (is_metrics(how))
		result = print_metrics(name, status, how, output);
	else if (how == 'w')
		result = status_watch(name, status);
	else if (client)
		result = show_client(status, client, how);
	else
		result = show(status, how);
	json_decref(answer);
	return result;
}

int cli_status(int argc, char **argv)
{
	static const struct option options[] = {
		{"all", no_argument, NULL, 'a'},
		{"changes", no_argument, NULL, 'c'},
		{"json", no_argument, NULL, 'j'},
		{"metrics", no_argument, NULL, 'm'},
		{"openmetrics", no_argument, NULL, 'o'},
		{"output", required_argument, NULL, 'O'},
		{"watch", no_argument, NULL, 'w'},
		{0},
	};
	const char *client, *output = NULL;
	int option, status, how = 0;
	char *name;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return cli_unknown_option(argv[optind - 1], USAGE);
		if (option == 'O') {
			output = optarg;
			continue;
		}
		if (how && how != option)
			return cli_usage(USAGE);
		how = option;
	}
	client = argc - optind > 1 ? argv[optind + 1] : NULL;
	if (argc - optind > 2 || (client && how && how != 'j') ||
	    (output && !is_metrics(how)))
		return cli_usage(USAGE);
	name = cli_tunnel(optind < argc ? argv[optind] : NULL);
	if (!name)
		return CLI_FAILED;
	status = ask(name, client, how, output);
	free(name);
	return status;
}
