/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client whose server is hostile, and strangers who bear the server's
 * address: whatever they send, what reaches the client's kernel comes from a
 * network that its file sends into the tunnel, or from the tunnel's own, and
 * what the host process is told passes its check.
 */
#include <stdio.h>

#include "common/config/settings_bound.h"
#include "role_harness.h"

static char text[1024];

static void check_packet(const struct role_harness *harness,
			 const struct packet *packet)
{
	const struct config *config = harness->tunnel.config;
	const struct inet_address *from = &packet->source;
	struct settings settings = harness->settings;

	check(harness->configured);
	settings_bound(config, &settings);
	check(inet_prefix_contains(&config->routes[0], from) ||
	      inet_prefix_contains(&settings.address4, from) ||
	      inet_prefix_contains(&settings.address6, from));
}

static void make_credentials(struct credentials **own,
			     struct credentials **peer)
{
	struct config client = {.role = CONFIG_CLIENT};
	struct config server = {
		.role = CONFIG_SERVER,
		.cipher = CONFIG_AES_GCM,
	};
	char key[KEY_TEXT_SIZE], server_key[KEY_TEXT_SIZE];

	check(key_generate(server.private_key) == 0);
	check(key_generate(client.private_key) == 0);
	check(key_public(server.private_key, client.server_key) == 0);
	key_format(client.private_key, key);
	key_format(client.server_key, server_key);
	check(credentials_new(own, &client, NULL) == 0);
	check(credentials_new(peer, &server, NULL) == 0);
	snprintf(text, sizeof(text),
		 "[Client]\nServer = 127.0.0.1\nPrivateKey = %s\n"
		 "ServerKey = %s\nRoutes = 10.9.0.0/16\nDNS = pushed\n",
		 key, server_key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct credentials *own, *peer;

	if (!own)
		make_credentials(&own, &peer);
	role_harness_run(role_harness_begin(CONFIG_CLIENT, text, own, peer),
			 check_packet, data, size);
	return 0;
}
