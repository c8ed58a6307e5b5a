/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/config/settings_bound.h"

/*
 * Where the file says itself what goes in, a server can't add a network that is
 * larger than this: 1024 addresses, or one link.
 */
#define LENGTH_MIN4 22
#define LENGTH_MIN6 64

static bool is_wanted(const struct config *config,
		      const struct inet_prefix *network)
{
	for (size_t i = 0; i < config->route_count; i++)
		if (inet_prefix_covers(&config->routes[i], network))
			return true;
	return false;
}

/*
 * A server's network is let in where it is a private one of a usual size, or
 * goes into the tunnel anyway.
 */
static bool is_let_in(const struct config *config,
		      const struct inet_prefix *network)
{
	unsigned least =
		network->address.family == AF_INET ? LENGTH_MIN4 : LENGTH_MIN6;

	return is_wanted(config, network) ||
	       (network->length >= least && inet_prefix_is_private(network));
}

/* Returns whether own was a network and is the address alone now. */
static bool narrow(const struct config *config, struct inet_prefix *own,
		   struct inet_address *server)
{
	struct inet_prefix network = inet_prefix_network(own);
	struct inet_prefix host = inet_prefix_host(&own->address);
	struct inet_prefix its = inet_prefix_host(server);

	if (inet_prefix_equal(own, &host) || is_let_in(config, &network))
		return false;
	*own = host;
	if (!is_let_in(config, &its))
		*server = (struct inet_address){0};
	return true;
}

static bool bound(const struct config *config, struct inet_prefix *own,
		  struct inet_address *server)
{
	if (!own->address.family || !inet_prefix_contains(own, server))
		*server = (struct inet_address){0};
	/* A file that takes the server's networks has let it say this one. */
	if (!own->address.family || config->routes_choice == CONFIG_DEFAULT ||
	    config->routes_choice == CONFIG_PUSHED)
		return false;
	return narrow(config, own, server);
}

bool settings_bound(const struct config *config, struct settings *settings)
{
	bool narrowed4, narrowed6;

	narrowed4 = bound(config, &settings->address4, &settings->server4);
	narrowed6 = bound(config, &settings->address6, &settings->server6);
	return narrowed4 || narrowed6;
}
