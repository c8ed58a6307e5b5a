/* SPDX-License-Identifier: GPL-2.0-or-later */
/* minivpn reload [NAME] */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "common/ipc/control_socket.h"

/*
 * It may wait behind another one, which waits for the tunnel process to be
 * started again.
 */
#define RELOAD_TIMEOUT_MS 30000

static int reload(const char *name)
{
	const char *error, *waiting;
	json_t *answer;
	int status = CLI_DONE;
	int err = control_request(name, "reload", RELOAD_TIMEOUT_MS, &answer);

	if (err == -ENOENT || err == -ECONNREFUSED)
		return cli_error("%s: is not up", name);
	if (err == -EACCES)
		return cli_error("reload: not permitted: run it as root");
	if (err)
		return cli_error("%s: no answer: %s", name, strerror(-err));
	error = json_string_value(json_object_get(answer, "error"));
	waiting = json_string_value(json_object_get(answer, "waiting"));
	if (error)
		status = cli_error("%s: %s", name, error);
	else if (waiting)
		printf("minivpn: %s: reloaded; needs down and up: %s\n", name,
		       waiting);
	else
		printf("minivpn: %s: reloaded\n", name);
	json_decref(answer);
	return status;
}

int cli_reload(int argc, char **argv)
{
	char *name;
	int status;

	if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
		return cli_usage("reload [NAME]");
	name = cli_tunnel(argc == 2 ? argv[1] : NULL);
	if (!name)
		return CLI_FAILED;
	status = reload(name);
	free(name);
	return status;
}
