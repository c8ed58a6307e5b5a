/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `check`: all that is wrong with a file, without using it. */
#include "cli/cli.h"

#include <stdbool.h>
#include <stdio.h>

#include "common/config/config.h"
#include "common/log.h"
#include "common/reason.h"
#include "tunnel/dtls/credentials.h"

struct finding {
	const char *path;
	int status;
};

/*
 * A warning counts as wrong: the other end will refuse that, though up would go
 * on.
 */
static void take_warning(void *data, enum log_level level, const char *line)
{
	struct finding *finding = data;

	(void)level;
	finding->status = cli_error("%s: %s", finding->path, line);
}

/* By what name a server knows this client, in status and in [Peer NAME]. */
static void print_names(const struct config *config,
			const struct credentials *credentials)
{
	char cn[SETTINGS_NAME_SIZE], san[SETTINGS_NAME_SIZE];
	bool has_cn = !credentials_own_name(credentials, CONFIG_PEER_CN, cn);
	bool has_san = !credentials_own_name(credentials, CONFIG_PEER_SAN, san);

	if (has_cn)
		printf("%s: known to servers as %s\n", config->path, cn);
	if (has_san)
		printf("%s: known to servers with PeerName = SAN as %s\n",
		       config->path, san);
}

/* What is in the PEM files: expired, not of this key, not of this CA. */
static int check_certificates(const struct config *config)
{
	struct finding finding = {config->path, CLI_DONE};
	struct credentials *credentials;
	struct reason reason = {0};

	log_set_sink(take_warning, &finding);
	if (credentials_new(&credentials, config, &reason)) {
		finding.status = cli_error("%s: %s", config->path, reason.text);
	} else {
		if (config->role == CONFIG_CLIENT)
			print_names(config, credentials);
		credentials_free(credentials);
	}
	log_set_sink(NULL, NULL);
	return finding.status;
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
	if (status == CLI_DONE && config->included_count)
		printf("%s: ok, with %zu that it includes\n", config->path,
		       config->included_count);
	else if (status == CLI_DONE)
		printf("%s: ok\n", config->path);
	config_free(config);
	return status;
}
