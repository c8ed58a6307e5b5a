/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a peer is told: its addresses, and what the file says for all. */
#include <stdio.h>
#include <string.h>

#include "tunnel/server/server_internal.h"

static void copy_lists(const struct config *config, struct settings *settings)
{
	for (size_t i = 0;
	     i < config->dns_count && settings->dns_count < SETTINGS_DNS; i++)
		settings->dns[settings->dns_count++] = config->dns[i];
	for (size_t i = 0; i < config->search_count &&
			   settings->search_count < SETTINGS_SEARCH;
	     i++)
		snprintf(settings->search[settings->search_count++],
			 SETTINGS_DOMAIN_SIZE, "%s", config->search[i]);
	if (config->routes_choice != CONFIG_LIST)
		return;
	for (size_t i = 0;
	     i < config->route_count && settings->route_count < SETTINGS_ROUTES;
	     i++)
		settings->routes[settings->route_count++] = config->routes[i];
}

/* Everything of both families, also of one that the tunnel does not carry. */
static void add_default(struct settings *settings)
{
	settings->routes[settings->route_count++].address.family = AF_INET;
	settings->routes[settings->route_count++].address.family = AF_INET6;
}

void server_settings(const struct config *config, const struct peer *peer,
		     struct settings *settings)
{
	memset(settings, 0, sizeof(*settings));
	snprintf(settings->name, sizeof(settings->name), "%s", peer->name);
	if (peer->lease.address4.family) {
		settings->address4.address = peer->lease.address4;
		settings->address4.length = config->address4.length;
		settings->server4 = config->address4.address;
	}
	if (peer->lease.address6.family) {
		settings->address6.address = peer->lease.address6;
		settings->address6.length = config->address6.length;
		settings->server6 = config->address6.address;
	}
	if (config->routes_choice == CONFIG_DEFAULT)
		add_default(settings);
	copy_lists(config, settings);
	settings->mtu = config->mtu;
	settings->keepalive = config->keepalive;
}
