/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `check`: all that is wrong with a file, without using it. */
#include "cli/cli.h"

#include <stdio.h>

#include "common/config.h"
#include "tunnel/credentials.h"

/* What is in the PEM files: expired, not of this key, not of this CA. */
static int check_certificates(const struct config *config)
{
	struct credentials *credentials;
	char reason[256] = "";

	if (credentials_new(&credentials, config, reason, sizeof(reason)))
		return cli_error("%s: %s", config->path, reason);
	credentials_free(credentials);
	return CLI_DONE;
}

int cli_check(int argc, char **argv)
{
	int status = CLI_DONE;
	struct config *config;

	if (argc != 2)
		return cli_usage("check FILE");
	config = cli_load(argv[1]);
	if (!config)
		return CLI_FAILED;
	if (config->identity == CONFIG_X509)
		status = check_certificates(config);
	if (status == CLI_DONE)
		printf("%s: ok\n", config->path);
	config_free(config);
	return status;
}
