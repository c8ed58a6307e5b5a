/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a server may not have against a client's file: config_bound(). */
#include "common/config.h"

/*
 * Networks that are nobody's in public, so that a tunnel may have one for its
 * own (RFC 1918, 2544, 4193, 6598).
 */
static const struct inet_prefix private_networks[] = {
	{{AF_INET, {10}}, 8},	     {{AF_INET, {172, 16}}, 12},
	{{AF_INET, {192, 168}}, 16}, {{AF_INET, {100, 64}}, 10},
	{{AF_INET, {198, 18}}, 15},  {{AF_INET6, {0xfc}}, 7},
};

static bool is_private(const struct inet_prefix *network)
{
	size_t count = sizeof(private_networks) / sizeof(private_networks[0]);

	for (size_t i = 0; i < count; i++)
		if (inet_prefix_covers(&private_networks[i], network))
			return true;
	return false;
}

static bool is_wanted(const struct config *config,
		      const struct inet_prefix *network)
{
	for (size_t i = 0; i < config->route_count; i++)
		if (inet_prefix_covers(&config->routes[i], network))
			return true;
	return false;
}

static bool narrow(const struct config *config, struct inet_prefix *own)
{
	struct inet_prefix network = inet_prefix_network(own);
	struct inet_prefix host = inet_prefix_host(&own->address);

	if (!own->address.family || inet_prefix_equal(own, &host) ||
	    is_private(&network) || is_wanted(config, &network))
		return false;
	*own = host;
	return true;
}

bool config_bound(const struct config *config, struct settings *settings)
{
	bool narrowed4, narrowed6;

	/* Who lets the server say the networks has let it say this one. */
	if (config->routes_choice == CONFIG_DEFAULT ||
	    config->routes_choice == CONFIG_PUSHED)
		return false;
	narrowed4 = narrow(config, &settings->address4);
	narrowed6 = narrow(config, &settings->address6);
	return narrowed4 || narrowed6;
}
