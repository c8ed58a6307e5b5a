/* SPDX-License-Identifier: GPL-2.0-or-later */
/* minivpn disconnect [NAME] PEER */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "common/config/config.h"
#include "common/ipc/control_socket.h"

#define TIMEOUT_MS 10000

static int fail(const char *name, int err)
{
	if (err == -ENOENT || err == -ECONNREFUSED)
		return cli_error("%s: is not up", name);
	if (err == -EACCES)
		return cli_error("disconnect: not permitted: run it as root");
	return cli_error("%s: no answer: %s", name, strerror(-err));
}

static bool is_connected(const json_t *clients, const char *peer)
{
	size_t i;
	json_t *client;

	json_array_foreach(clients, i, client)
	{
		const char *name =
			json_string_value(json_object_get(client, "name"));

		if (name && !strcmp(name, peer))
			return true;
	}
	return false;
}

/* CLI_DONE, or CLI_FAILED after an error that says what there is instead. */
static int check_connected(const char *name, const char *peer)
{
	json_t *answer, *clients;
	int status = CLI_DONE;
	int err = control_request(name, "status", TIMEOUT_MS, &answer);

	if (err)
		return fail(name, err);
	clients = json_object_get(json_object_get(answer, "status"), "clients");
	if (!clients)
		status = cli_error("%s: is a client, which \"minivpn down\" "
				   "ends",
				   name);
	else if (!is_connected(clients, peer))
		status = cli_error("%s: %s is not connected", name, peer);
	json_decref(answer);
	return status;
}

static int disconnect(const char *name, const char *peer)
{
	int status = check_connected(name, peer);
	const char *error;
	json_t *answer;
	int err;

	if (status != CLI_DONE)
		return status;
	err = control_request_peer(name, "disconnect", peer, TIMEOUT_MS,
				   &answer);
	if (err)
		return fail(name, err);
	error = json_string_value(json_object_get(answer, "error"));
	if (error)
		status = cli_error("%s: %s", name, error);
	else
		printf("minivpn: %s: %s is disconnected; it may come back\n",
		       name, peer);
	json_decref(answer);
	return status;
}

int cli_disconnect(int argc, char **argv)
{
	const char *peer = argv[argc - 1];
	char *name;
	int status;

	if (argc < 2 || argc > 3 || argv[1][0] == '-')
		return cli_usage("disconnect [NAME] PEER");
	if (!config_name_valid(peer))
		return cli_error("disconnect: \"%s\": not a client's name",
				 peer);
	name = cli_tunnel(argc == 3 ? argv[1] : NULL);
	if (!name)
		return CLI_FAILED;
	status = disconnect(name, peer);
	free(name);
	return status;
}
