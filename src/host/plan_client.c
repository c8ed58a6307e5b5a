/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/plan.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "host/plan_netns.h"
#include "host/plan_parts.h"
#include "host/routes.h"
#include "host/suffix.h"

struct planner {
	struct rtnl *rtnl; /* NULL: there is nothing to look at */
	const struct config *config;
	const struct settings *settings;
	const struct inet_endpoint *server;
	struct change_list *list;
	char *reason;
	size_t size;
	/* The tunnel gives us an address of this family. */
	bool has_ipv4, has_ipv6;
	bool ipv6_usable; /* by the device */
};

/* The networks that are to go through the tunnel. */
struct wanted {
	const struct inet_prefix *routes;
	size_t count;
	bool pushed; /* by the server: not to be trusted */
	bool all;    /* all of a family: then nothing may leave outside */
};

/*
 * All of a family in two halves, which are more specific than the default
 * route and leave it where it is.
 */
static const struct inet_prefix halves[] = {
	{{AF_INET, {0}}, 1},
	{{AF_INET, {0x80}}, 1},
	{{AF_INET6, {0}}, 1},
	{{AF_INET6, {0x80}}, 1},
};

#define HALVES (sizeof(halves) / sizeof(halves[0]))

static bool is_prefix(const struct inet_prefix *prefix)
{
	size_t size = inet_size(prefix->address.family);

	return size > 0 && prefix->length <= 8 * size;
}

static struct wanted wanted_networks(const struct config *config,
				     const struct settings *settings)
{
	struct wanted wanted = {0};

	switch (config->routes_choice) {
	case CONFIG_NONE:
		break;
	case CONFIG_DEFAULT:
		wanted.all = true;
		break;
	case CONFIG_PUSHED:
		if (!settings)
			break;
		wanted.pushed = true;
		wanted.routes = settings->routes;
		wanted.count = settings->route_count;
		if (wanted.count > SETTINGS_ROUTES)
			wanted.count = SETTINGS_ROUTES;
		break;
	case CONFIG_LIST:
		wanted.routes = config->routes;
		wanted.count = config->route_count;
		break;
	}
	for (size_t i = 0; i < wanted.count; i++)
		if (is_prefix(&wanted.routes[i]) &&
		    wanted.routes[i].length == 0)
			wanted.all = true;
	return wanted;
}

bool plan_takes_all(const struct config *config,
		    const struct settings *settings)
{
	return wanted_networks(config, settings).all;
}

int plan_client_device(const struct config *config, struct change_list *list)
{
	return plan_add_tun(list, config->device);
}

void plan_client_killswitch(const struct config *config,
			    const struct inet_endpoint *servers, size_t count,
			    struct change *change)
{
	struct nft_killswitch *killswitch = &change->killswitch;

	*change = (struct change){.kind = CHANGE_KILLSWITCH};
	snprintf(killswitch->table, sizeof(killswitch->table), "minivpn-%s",
		 config->name);
	snprintf(killswitch->device, sizeof(killswitch->device), "%s",
		 config->device);
	for (size_t i = 0; i < count && i < NFT_KILLSWITCH_SERVERS; i++)
		killswitch->servers[killswitch->count++] = servers[i];
}

/* Would the tunnel's routes swallow the datagrams to its own server? */
static bool covers_server(const struct config *config,
			  const struct settings *settings,
			  const struct inet_address *server)
{
	struct wanted wanted = wanted_networks(config, settings);
	struct inet_prefix host = inet_prefix_host(server);

	if (wanted.all)
		return true;
	for (size_t i = 0; i < wanted.count; i++)
		if (!inet_prefix_equal(&wanted.routes[i], &host) &&
		    inet_prefix_contains(&wanted.routes[i], server))
			return true;
	return settings && (inet_prefix_contains(&settings->address4, server) ||
			    inet_prefix_contains(&settings->address6, server));
}

int plan_client_endpoint(struct rtnl *rtnl, const struct config *config,
			 const struct settings *settings,
			 const struct inet_endpoint *server,
			 struct change_list *list, char *reason, size_t size)
{
	struct change change = {.kind = CHANGE_ROUTE, .may_exist = true};
	struct rtnl_route way = {0};
	char name[INET_ADDRESS_TEXT];
	int error;

	if (size)
		reason[0] = '\0';
	if (!covers_server(config, settings, &server->address))
		return 0;
	error = routes_way(rtnl, &server->address, config->device, &way);
	if (!error && way.type == RTN_LOCAL)
		return 0;
	if (!error && (way.type != RTN_UNICAST || !way.device[0]))
		error = -ENETUNREACH;
	if (error) {
		inet_format_address(&server->address, name, sizeof(name));
		snprintf(reason, size,
			 "no route to the server %s: %s: is this host "
			 "connected to a network?",
			 name, strerror(-error));
		return error;
	}
	change.route.destination = inet_prefix_host(&server->address);
	change.route.gateway = way.gateway;
	change.route.onlink = way.onlink;
	change.route.type = RTN_UNICAST;
	change.route.protocol = RTNL_PROTOCOL;
	memcpy(change.route.device, way.device, sizeof(way.device));
	return plan_result(change_list_add(list, &change), reason, size);
}

static int plan_address(struct planner *planner,
			const struct inet_prefix *lease)
{
	int error;

	error = plan_check_lease(planner->rtnl, planner->config, lease,
				 planner->reason, planner->size);
	if (error)
		return error;
	return plan_add_address(planner->list, planner->config->device, lease);
}

static int plan_addresses(struct planner *planner)
{
	const struct inet_prefix *address4 = &planner->settings->address4;
	const struct inet_prefix *address6 = &planner->settings->address6;
	int error = 0;

	planner->has_ipv4 = address4->address.family == AF_INET;
	planner->has_ipv6 = address6->address.family == AF_INET6;
	if (planner->has_ipv6 && !planner->ipv6_usable) {
		log_warning("IPv6 is switched off on this host: the server's "
			    "IPv6 address is not used");
		planner->has_ipv6 = false;
	}
	if (!planner->has_ipv4 && !planner->has_ipv6) {
		snprintf(planner->reason, planner->size,
			 "the server gives no address that this host can use");
		return -EAFNOSUPPORT;
	}
	if (planner->has_ipv4)
		error = plan_address(planner, address4);
	if (!error && planner->has_ipv6)
		error = plan_address(planner, address6);
	return error;
}

/* Routed by the address on the tun device already. */
static bool is_connected(const struct planner *planner,
			 const struct inet_prefix *route)
{
	return planner->settings &&
	       ((planner->has_ipv4 &&
		 inet_prefix_covers(&planner->settings->address4, route)) ||
		(planner->has_ipv6 &&
		 inet_prefix_covers(&planner->settings->address6, route)));
}

static bool is_carried(const struct planner *planner,
		       const struct inet_prefix *route)
{
	return route->address.family == AF_INET ? planner->has_ipv4
						: planner->has_ipv6;
}

/* Why a route must be left out, in words; NULL: it need not be. */
static const char *objection(const struct planner *planner,
			     const struct inet_prefix *route, bool pushed)
{
	struct inet_prefix host;

	if (planner->server) {
		host = inet_prefix_host(&planner->server->address);
		if (inet_prefix_equal(route, &host))
			return "is the server's own address";
	}
	if (!pushed)
		return NULL;
	if (plan_is_local_only(route))
		return "never leaves a host or its link";
	if (!is_carried(planner, route))
		return "is of a family that the tunnel does not carry";
	return NULL;
}

/* 0: nobody else has it. 1: to be left out. -errno: the plan fails. */
static int check_route(struct planner *planner, const struct inet_prefix *route,
		       bool pushed)
{
	const char *why = objection(planner, route, pushed);
	char name[INET_PREFIX_TEXT];
	struct rtnl_route taken;
	int found;

	inet_format_prefix(route, name, sizeof(name));
	if (why) {
		log_warning("route %s left out: it %s", name, why);
		return 1;
	}
	if (!planner->rtnl)
		return 0;
	/* A network that came later has to give way, not what is in force. */
	if (plan_route_in_force(planner->rtnl, planner->config, route))
		return 0;
	found = routes_find(planner->rtnl, route, ROUTES_EQUAL,
			    planner->config->device, &taken);
	if (!found && pushed)
		return plan_check_link(planner->rtnl, planner->config, route);
	if (found <= 0)
		return found;
	if (pushed) {
		log_warning("route %s left out: it is already routed by %s",
			    name, taken.device);
		return 1;
	}
	snprintf(planner->reason, planner->size,
		 "%s is already routed by %s: take that down first, or choose "
		 "other Routes",
		 name, taken.device);
	return -EEXIST;
}

static int plan_route(struct planner *planner, const struct inet_prefix *route,
		      bool pushed)
{
	struct inet_prefix network = inet_prefix_network(route);
	int result;

	if (is_connected(planner, &network))
		return 0;
	result = check_route(planner, &network, pushed);
	if (result)
		return result < 0 ? result : 0;
	return plan_add_route(planner->list, planner->config->device, &network);
}

/* Where its network is not let in: the server's own address inside. */
static int plan_server_route(struct planner *planner,
			     const struct inet_address *server)
{
	struct inet_prefix host = inet_prefix_host(server);

	return server->family ? plan_route(planner, &host, true) : 0;
}

/* What is ours, and the server's, in the tunnel's own network. */
static int plan_own(struct planner *planner)
{
	const struct settings *settings = planner->settings;
	int error = plan_addresses(planner);

	if (!error && planner->has_ipv4)
		error = plan_server_route(planner, &settings->server4);
	if (!error && planner->has_ipv6)
		error = plan_server_route(planner, &settings->server6);
	if (!error)
		plan_say_refused(planner->config, settings);
	return error;
}

static int plan_routes(struct planner *planner, const struct wanted *wanted)
{
	int error = 0;

	for (size_t i = 0; wanted->all && i < HALVES && !error; i++)
		if (is_carried(planner, &halves[i]))
			error = plan_route(planner, &halves[i], false);
	for (size_t i = 0; i < wanted->count && !error; i++) {
		const struct inet_prefix *route = &wanted->routes[i];

		if (!is_prefix(route) || route->length == 0)
			continue;
		if (wanted->pushed || is_carried(planner, route))
			error = plan_route(planner, route, wanted->pushed);
	}
	return error;
}

/* What should go through the tunnel but can't must not leave beside it. */
static int plan_unreachable(struct planner *planner,
			    const struct wanted *wanted)
{
	bool exists = plan_ipv6_exists();
	char name[INET_PREFIX_TEXT];
	int error = 0;

	for (size_t i = 0; wanted->all && i < HALVES && !error; i++)
		if (!is_carried(planner, &halves[i]) &&
		    (exists || halves[i].address.family == AF_INET))
			error = plan_add_route(planner->list, NULL, &halves[i]);
	for (size_t i = 0; i < wanted->count && !error; i++) {
		const struct inet_prefix *route = &wanted->routes[i];

		if (wanted->pushed || !is_prefix(route) || route->length == 0 ||
		    is_carried(planner, route) ||
		    (!exists && route->address.family == AF_INET6))
			continue;
		log_warning("route %s is unreachable: the tunnel has no "
			    "address of that family",
			    inet_format_prefix(route, name, sizeof(name)));
		error = plan_add_route(planner->list, NULL, route);
	}
	return error;
}

/* A search domain is a word of a file that others read (RFC 1123, 2.1). */
static bool is_domain(const char *domain)
{
	size_t length = strnlen(domain, SETTINGS_DOMAIN_SIZE);

	if (length == 0 || length == SETTINGS_DOMAIN_SIZE || domain[0] == '-' ||
	    domain[0] == '.' || strstr(domain, ".."))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)domain[i]) &&
		    !strchr("-._", domain[i]))
			return false;
	return true;
}

/* Why a search domain is left out, in words; NULL: it need not be. */
static const char *objection_to_domain(const struct resolver *resolver,
				       const char *domain, bool pushed)
{
	if (!is_domain(domain))
		return "it is not a domain name";
	/* By "com" a server would be asked for the names of others. */
	if (pushed && suffix_is_public(domain))
		return "it is a public suffix, not the server's own: if it is "
		       "wanted all the same, write Search in the file";
	return resolver->search_count == SETTINGS_SEARCH ? "there are too many"
							 : NULL;
}

static void add_domain(struct resolver *resolver, const char *domain,
		       bool pushed)
{
	const char *why = objection_to_domain(resolver, domain, pushed);

	if (why) {
		log_warning("search domain \"%s\" is left out: %s",
			    is_domain(domain) ? domain : "?", why);
		return;
	}
	memcpy(resolver->search[resolver->search_count++], domain,
	       strlen(domain) + 1);
}

static void add_server(struct resolver *resolver,
		       const struct inet_address *dns, bool pushed)
{
	struct inet_prefix host = inet_prefix_host(dns);
	char name[INET_ADDRESS_TEXT];

	if (inet_size(dns->family) && !(pushed && plan_is_local_only(&host)) &&
	    resolver->dns_count < SETTINGS_DNS) {
		resolver->dns[resolver->dns_count++] = *dns;
		return;
	}
	log_warning("name server %s is left out: %s",
		    inet_format_address(dns, name, sizeof(name)),
		    resolver->dns_count == SETTINGS_DNS
			    ? "there are too many"
			    : "it is not in the tunnel");
}

static int plan_resolver(struct planner *planner)
{
	const struct config *config = planner->config;
	const struct settings *settings = planner->settings;
	bool pushed = config->dns_choice == CONFIG_PUSHED;
	struct change change = {.kind = CHANGE_RESOLVER};
	struct resolver *resolver = &change.resolver;

	if (config->dns_choice == CONFIG_NONE || (pushed && !settings))
		return 0;
	snprintf(resolver->name, sizeof(resolver->name), "%s", config->name);
	for (size_t i = 0; !pushed && i < config->dns_count; i++)
		add_server(resolver, &config->dns[i], false);
	for (size_t i = 0;
	     pushed && i < settings->dns_count && i < SETTINGS_DNS; i++)
		add_server(resolver, &settings->dns[i], true);
	/* The file's Search goes before what the server would like. */
	for (size_t i = 0; i < config->search_count; i++)
		add_domain(resolver, config->search[i], false);
	for (size_t i = 0; pushed && config->search_count == 0 &&
			   i < settings->search_count && i < SETTINGS_SEARCH;
	     i++)
		add_domain(resolver, settings->search[i], true);
	/* Search domains without a server would be asked of 127.0.0.1. */
	if (resolver->dns_count == 0)
		return 0;
	return change_list_add(planner->list, &change);
}

int plan_client_rest(struct rtnl *rtnl, const struct config *config,
		     const struct plan_inside *inside,
		     const struct settings *settings,
		     const struct inet_endpoint *server,
		     struct change_list *list, char *reason, size_t size)
{
	bool ipv6 = inside ? inside->ipv6 : plan_ipv6_usable(config->device);
	struct wanted wanted = wanted_networks(config, settings);
	struct planner planner = {
		.rtnl = inside ? inside->rtnl : rtnl,
		.config = config,
		.settings = settings,
		/* From within another namespace it is one of many. */
		.server = inside ? NULL : server,
		.list = list,
		.reason = reason,
		.size = size,
		.has_ipv4 = true,
		.has_ipv6 = ipv6,
		.ipv6_usable = ipv6,
	};
	int error;

	if (size)
		reason[0] = '\0';
	error = plan_add_link(list, config->device,
			      plan_mtu(rtnl, config, settings, server));
	if (!error && settings)
		error = plan_own(&planner);
	if (!error)
		error = plan_routes(&planner, &wanted);
	if (!error)
		error = plan_unreachable(&planner, &wanted);
	if (!error)
		error = plan_resolver(&planner);
	return plan_result(error, reason, size);
}

int plan_client(struct rtnl *rtnl, const struct config *config,
		const struct settings *settings,
		const struct inet_endpoint *server, struct change_list *list,
		char *reason, size_t size)
{
	return plan_client_rest(rtnl, config, NULL, settings, server, list,
				reason, size);
}
