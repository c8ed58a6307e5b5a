/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `check`: all that is wrong with a file, without using it. */
#include "cli/cli.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/config/config.h"
#include "common/key.h"
#include "common/log.h"
#include "common/reason.h"
#include "host/plan/plan.h"
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

#define NO_ED25519                                                              \
	"this can't be an Ed25519 key; one of WireGuard's? \"minivpn pubkey\" " \
	"makes the right one of the private key"

/* Keys of WireGuard's look the same. */
static int check_keys(const struct config *config)
{
	int status = CLI_DONE;

	if (key_is_wireguard(config->private_key))
		fprintf(stderr,
			"minivpn: %s: warning: PrivateKey: this may be a key "
			"of WireGuard's: it serves, but its public key is what "
			"\"minivpn pubkey\" makes of it\n",
			config->path);
	if (config->role == CONFIG_CLIENT &&
	    (!key_is_public(config->server_key) ||
	     (!key_is_zero(config->other_server_key) &&
	      !key_is_public(config->other_server_key))))
		status = cli_error("%s: ServerKey: " NO_ED25519, config->path);
	for (size_t i = 0; i < config->peer_count; i++) {
		if (!key_is_public(config->peers[i].public_key))
			status = cli_error(
				"%s: [Peer %s]: PublicKey: " NO_ED25519,
				config->path, config->peers[i].name);
	}
	return status;
}

/* It may come later, and this need not be the machine it is for. */
static void warn_of_nat(const struct config *config)
{
	if (config->role == CONFIG_SERVER && config->nat == CONFIG_NAT_DEVICE &&
	    !if_nametoindex(config->nat_device))
		fprintf(stderr,
			"minivpn: %s: warning: NAT = %s: there is no such "
			"device here: what clients send to the internet is not "
			"translated until there is\n",
			config->path, config->nat_device);
}

static void warn_of_ports(const struct config *config)
{
	struct reason reason;

	for (size_t i = 0; i < config->redirect_count; i++) {
		if (plan_redirect_warning(&config->redirects[i], &reason))
			fprintf(stderr, "minivpn: %s: warning: %s\n",
				config->path, reason.text);
	}
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
	else
		status = check_keys(config);
	warn_of_nat(config);
	warn_of_ports(config);
	if (status == CLI_DONE && config->included_count)
		printf("%s: ok, with %zu that it includes\n", config->path,
		       config->included_count);
	else if (status == CLI_DONE)
		printf("%s: ok\n", config->path);
	config_free(config);
	return status;
}
