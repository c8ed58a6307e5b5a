/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server with one connected client, alice, who is hostile, and strangers
 * around it: whatever they send, what reaches the server's kernel has a source
 * that is alice's, and what the host process is told passes its check.
 */
#include <stdio.h>

#include "role_harness.h"

static char text[1024];

/* Reloads may change Subnets, and then alice is made to come back. */
static void check_packet(const struct role_harness *harness,
			 const struct packet *packet)
{
	const struct config *config = harness->tunnel.config;
	const struct inet_address *from = &packet->source;
	bool allowed = false;

	check(!inet_address_equal(from, &config->address4.address));
	check(!inet_address_equal(from, &config->address6.address));
	if (inet_prefix_contains(&config->address4, from) ||
	    inet_prefix_contains(&config->address6, from))
		return;
	for (size_t i = 0; i < config->peer_count; i++)
		for (size_t j = 0; j < config->peers[i].subnet_count; j++)
			allowed |= inet_prefix_contains(
				&config->peers[i].subnets[j], from);
	check(allowed);
}

static void make_credentials(struct credentials **own,
			     struct credentials **peer)
{
	struct config server = {.role = CONFIG_SERVER};
	struct config client = {
		.role = CONFIG_CLIENT,
		.cipher = CONFIG_AES_GCM,
	};
	uint8_t public_key[KEY_SIZE];
	char key[KEY_TEXT_SIZE], alice[KEY_TEXT_SIZE];

	check(key_generate(server.private_key) == 0);
	check(key_generate(client.private_key) == 0);
	check(key_public(server.private_key, client.server_key) == 0);
	check(key_public(client.private_key, public_key) == 0);
	key_format(server.private_key, key);
	key_format(public_key, alice);
	check(credentials_new(own, &server, NULL) == 0);
	check(credentials_new(peer, &client, NULL) == 0);
	snprintf(text, sizeof(text),
		 "[Server]\nAddress = 10.8.0.1/24, fd08::1/64\n"
		 "PrivateKey = %s\nRoutes = 192.168.0.0/16\nDNS = 10.8.0.1\n"
		 "Search = example.org\n[Peer alice]\nPublicKey = %s\n"
		 "Address = 10.8.0.7\nSubnets = 192.168.4.0/24\n"
		 "[Peer bob]\nAddress = 10.8.0.9\n"
		 "PublicKey = %s\n",
		 key, alice, "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct credentials *own, *peer;

	if (!own)
		make_credentials(&own, &peer);
	role_harness_run(role_harness_begin(CONFIG_SERVER, text, own, peer),
			 check_packet, data, size);
	return 0;
}
