/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of the addresses and networks that a server pushes a client takes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/config/settings_bound.h"
#include "common/log.h"
#include "common/reason.h"
#include "host/plan/plan.h"
#include "host/plan/plan_internal.h"

/* A server may not give itself more of the address space than this. */
#define LEASE_LENGTH_MIN4 8
#define LEASE_LENGTH_MIN6 16

static const struct inet_prefix local_only[] = {
	{{AF_INET, {0}}, 8},
	{{AF_INET, {127}}, 8},
	{{AF_INET, {169, 254}}, 16},
	{{AF_INET, {224}}, 4},
	{{AF_INET, {255, 255, 255, 255}}, 32},
	{{AF_INET6, {0}}, 127},
	{{AF_INET6, {0xfe, 0x80}}, 10},
	{{AF_INET6, {0xff}}, 8},
};

bool plan_is_local_only(const struct inet_prefix *prefix)
{
	for (size_t i = 0; i < sizeof(local_only) / sizeof(local_only[0]); i++)
		if (inet_prefix_covers(&local_only[i], prefix))
			return true;
	return false;
}

/*
 * Returns 1 and the name of the device by which the network is in use here, or
 * 0.
 */
static int find_taken(const struct plan_pushed *plan,
		      const struct inet_prefix *network, char name[IFNAMSIZ])
{
	const struct plan_link *link =
		plan_links_find(plan->links, network, true);
	struct rtnl_route route;

	if (!link)
		link = plan_links_find(plan->links, network, false);
	if (link)
		return rtnl_link_name(plan->rtnl, link->index, name) ? 0 : 1;
	/* One that a router here leads to. */
	if (rtnl_route_match(plan->rtnl, &network->address, plan->mark,
			     &route) ||
	    route.type != RTN_UNICAST || !route.device[0] ||
	    strcmp(route.device, plan->device) == 0 ||
	    !inet_prefix_covers(network, &route.destination) ||
	    /* A host route of ours to a server takes nobody's network. */
	    route.protocol == RTNL_PROTOCOL)
		return 0;
	memcpy(name, route.device, IFNAMSIZ);
	return 1;
}

int plan_check_lease(const struct plan_pushed *plan,
		     const struct inet_prefix *lease, struct reason *reason)
{
	unsigned length_min = lease->address.family == AF_INET
				      ? LEASE_LENGTH_MIN4
				      : LEASE_LENGTH_MIN6;
	struct inet_prefix network = inet_prefix_network(lease);
	struct inet_prefix host = inet_prefix_host(&lease->address);
	char name[INET_PREFIX_TEXT], taken[IFNAMSIZ];

	if (lease->length > 8 * inet_size(lease->address.family) ||
	    lease->length < length_min || plan_is_local_only(&host)) {
		reason_set(reason,
			   "the server gives the address %s, which can't be "
			   "used: its Address is wrong",
			   inet_format_prefix(lease, name, sizeof(name)));
		return -EINVAL;
	}
	/* Once it is on the device, a network that comes later has to yield. */
	if (rtnl_address_has(plan->rtnl, plan->device, lease) == 1 ||
	    find_taken(plan, &network, taken) <= 0)
		return 0;
	reason_set(reason,
		   "the server's network %s is already in use here by %s: use "
		   "another network on one of the two (Address at the server)",
		   inet_format_prefix(&network, name, sizeof(name)), taken);
	return -EADDRINUSE;
}

static void log_narrowed(const struct inet_prefix *pushed,
			 const struct inet_prefix *own)
{
	struct inet_prefix network = inet_prefix_network(pushed);
	char name[INET_PREFIX_TEXT];

	if (pushed->length == own->length)
		return;
	log_warning("of the tunnel's network %s only our address, and the "
		    "server's if it is a private one, is let in: the network "
		    "is public or large, and not in Routes",
		    inet_format_prefix(&network, name, sizeof(name)));
}

void plan_bound(const struct config *config, const struct settings *pushed,
		struct settings *settings)
{
	*settings = *pushed;
	if (!settings_bound(config, settings))
		return;
	log_narrowed(&pushed->address4, &settings->address4);
	log_narrowed(&pushed->address6, &settings->address6);
}

void plan_log_refused(const struct config *config,
		      const struct settings *settings)
{
	char name[INET_PREFIX_TEXT];

	if (config->routes_choice != CONFIG_NONE &&
	    config->routes_choice != CONFIG_LIST)
		return;
	for (unsigned i = 0; i < settings->route_count && i < SETTINGS_ROUTES;
	     i++) {
		const struct inet_prefix *route = &settings->routes[i];
		bool asked = false;

		for (size_t j = 0; j < config->route_count; j++)
			asked |= inet_prefix_covers(&config->routes[j], route);
		if (!asked && inet_size(route->address.family))
			log_info("the server's route %s is not taken: Routes "
				 "in the file has its own",
				 inet_format_prefix(route, name, sizeof(name)));
	}
}
