/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/clients.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json_field.h"
#include "common/config/config.h"
#include "common/inet.h"
#include "common/key.h"
#include "host/daemon/lease_store.h"

static void add_address(json_t *list, const struct inet_address *address)
{
	char text[INET_ADDRESS_TEXT];

	if (address->family)
		json_array_append_new(
			list, json_string(inet_format_address(address, text,
							      sizeof(text))));
}

static json_t *subnets_of(const struct config_peer *peer)
{
	json_t *list = json_array();
	char text[INET_PREFIX_TEXT];

	for (size_t i = 0; i < peer->subnet_count; i++)
		json_array_append_new(
			list, json_string(inet_format_prefix(
				      &peer->subnets[i], text, sizeof(text))));
	return list;
}

static json_t *key_of(const struct config_peer *peer)
{
	char text[KEY_TEXT_SIZE];

	if (!peer->has_key)
		return json_null();
	key_format(peer->public_key, text);
	return json_string(text);
}

static json_t *client_of(const struct config_peer *peer)
{
	json_t *addresses = json_array();

	add_address(addresses, &peer->address4);
	add_address(addresses, &peer->address6);
	return json_pack("{s:s,s:o,s:b,s:o,s:o,s:n}", "name", peer->name, "key",
			 key_of(peer), "fixed",
			 (int)(json_array_size(addresses) > 0), "addresses",
			 addresses, "subnets", subnets_of(peer), "last_seen");
}

/* A client without a section in the file comes with a certificate. */
static json_t *client_without_section(json_t *clients, const char *name)
{
	json_t *client =
		json_pack("{s:s,s:n,s:b,s:[],s:[],s:n}", "name", name, "key",
			  "fixed", 0, "addresses", "subnets", "last_seen");

	json_object_set_new(clients, name, client);
	return client;
}

static void add_lease(json_t *clients, const struct config *config,
		      const struct lease_entry *lease)
{
	json_t *client = json_object_get(clients, lease->peer), *addresses;

	if (!client && config->identity == CONFIG_X509)
		client = client_without_section(clients, lease->peer);
	if (!client)
		return;
	json_object_set_new(client, "last_seen",
			    json_integer((json_int_t)lease->used));
	if (json_is_true(json_object_get(client, "fixed")))
		return;
	addresses = json_array();
	add_address(addresses, &lease->address4);
	add_address(addresses, &lease->address6);
	json_object_set_new(client, "addresses", addresses);
}

static void add_leases(json_t *clients, const struct config *config)
{
	const struct lease_entry *lease = NULL;
	struct lease_store *store;
	int err = lease_store_open(&store, config->name);

	if (err) {
		cli_error("the leases of %s: %s: when clients were last seen "
			  "is not known",
			  config->name, strerror(-err));
		return;
	}
	while ((lease = lease_store_next(store, lease)) != NULL)
		add_lease(clients, config, lease);
	lease_store_close(store);
}

json_t *clients_known(const struct config *config)
{
	json_t *clients = json_object();

	for (size_t i = 0; i < config->peer_count; i++)
		json_object_set_new(clients, config->peers[i].name,
				    client_of(&config->peers[i]));
	add_leases(clients, config);
	return clients;
}

/* A tunnel of the same name may have been brought up by another file. */
static bool is_same_file(const char *one, const char *other)
{
	char a[PATH_MAX], b[PATH_MAX];

	return realpath(one, a) && realpath(other, b) && !strcmp(a, b);
}

bool clients_add_connected(json_t *clients, const struct config *config,
			   json_t *status)
{
	json_t *connected, *client;
	size_t i;

	if (!is_same_file(config->path, json_field_text(status, "file")))
		return false;
	json_array_foreach(json_object_get(status, "clients"), i, connected)
	{
		const char *name = json_field_text(connected, "name");

		client = json_object_get(clients, name);
		if (!client)
			client = client_without_section(clients, name);
		json_object_update(client, connected);
	}
	return true;
}
