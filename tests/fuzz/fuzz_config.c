/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tunnel's file: it is refused with a reason or is a config that can be used,
 * and what is told of it is one printable line each, in the order of the file.
 */
#include <stdlib.h>
#include <string.h>

#include "common/config/config.h"
#include "common/config/load.h"
#include "common/config/reload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
	unsigned errors, line;
};

static void check(bool good)
{
	if (!good)
		abort();
}

static void note(void *data, const char *path, unsigned line, bool warning,
		 const char *text)
{
	struct told *told = data;

	check(path != NULL && line >= told->line);
	check(text[0] != '\0');
	for (; *text; text++)
		check((uint8_t)*text >= ' ' && *text != 0x7f);
	told->line = line;
	told->errors += !warning;
}

static void check_peer(const struct config *config,
		       const struct config_peer *peer)
{
	check(config_name_valid(peer->name));
	check(config_peer_by_name(config, peer->name) == peer);
	if (peer->has_key)
		check(config_peer_by_key(config, peer->public_key) == peer);
	for (size_t i = 0; i < peer->subnet_count; i++) {
		struct inet_prefix network =
			inet_prefix_network(&peer->subnets[i]);

		check(inet_prefix_equal(&network, &peer->subnets[i]));
	}
}

static void check_config(const struct config *config)
{
	char *differs = config_unreloadable(config, config);

	check(differs == NULL);
	check(memchr(config->device, 0, sizeof(config->device)) != NULL);
	check(memchr(config->nat_device, 0, IFNAMSIZ) != NULL);
	if (config->role == CONFIG_CLIENT) {
		check(config->server_count > 0 && config->peer_count == 0);
		return;
	}
	check(config->listen_count > 0 && config->max_clients > 0);
	check(config->address4.address.family ||
	      config->address6.address.family);
	for (size_t i = 0; i < config->peer_count; i++)
		check_peer(config, &config->peers[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = NULL;
	struct told told = {0};
	int error;

	error = config_parse("fuzz.conf", (const char *)data, size, note, &told,
			     &config);
	check((error == 0) == (told.errors == 0));
	if (error)
		return 0;
	check_config(config);
	config_free(config);
	return 0;
}
