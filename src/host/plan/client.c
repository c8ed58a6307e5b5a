/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/plan/plan.h"

#include <ctype.h>
#include <errno.h>
#include <linux/ipv6_route.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/reason.h"
#include "host/dns/public_suffix.h"
#include "host/plan/namespace.h"
#include "host/plan/plan_internal.h"

struct planner {
	struct rtnl *rtnl; /* of the tunnel; NULL: it can't be asked */
	const struct config *config;
	const struct settings *settings;
	struct plan_routing routing;
	struct plan_links links;
	struct change_list *list;
	struct reason *reason;
	/* The tunnel gives us an address of this family. */
	bool has_ipv4, has_ipv6;
	bool ipv6_usable; /* by the device */
	struct change resolv_conf;
};

/*
 * These are all of a family in two halves, the usual form of a VPN's default
 * route.
 */
static const struct inet_prefix halves[] = {
	{{AF_INET, {0}}, 1},
	{{AF_INET, {0x80}}, 1},
	{{AF_INET6, {0}}, 1},
	{{AF_INET6, {0x80}}, 1},
};

#define HALVES (sizeof(halves) / sizeof(halves[0]))

static const uint16_t families[] = {AF_INET, AF_INET6};

#define FAMILIES (sizeof(families) / sizeof(families[0]))

static bool is_prefix(const struct inet_prefix *prefix)
{
	size_t size = inet_size(prefix->address.family);

	return size > 0 && prefix->length <= 8 * size;
}

static struct plan_wanted wanted_networks(const struct config *config,
					  const struct settings *settings)
{
	struct plan_wanted wanted = {0};

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

/* Would the tunnel's routes swallow the datagrams to its own server? */
static bool covers_server(const struct config *config,
			  const struct settings *settings,
			  const struct inet_address *server)
{
	struct plan_wanted wanted = wanted_networks(config, settings);
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

static int explain_no_route(const struct inet_address *server, int err,
			    struct reason *reason)
{
	char name[INET_ADDRESS_TEXT];

	inet_format_address(server, name, sizeof(name));
	reason_set(reason,
		   "no route to the server %s: %s: is this host connected to a "
		   "network?",
		   name, strerror(-err));
	return err;
}

/* This is the kernel's own route, but to the server alone. */
static struct change copy_of(const struct rtnl_route *route,
			     const struct inet_prefix *host)
{
	struct change change = {
		.kind = CHANGE_ROUTE,
		.may_exist = true,
		.route = *route,
	};

	change.route.destination = *host;
	change.route.protocol = RTNL_PROTOCOL;
	change.route.table = 0;
	/* IPv6 reports its default where no metric was given. */
	if (host->address.family == AF_INET6 &&
	    route->metric == IP6_RT_PRIO_USER)
		change.route.metric = 0;
	return change;
}

int plan_client_endpoint(const struct plan_client *client,
			 struct change_list *list, struct reason *reason)
{
	const struct inet_address *server = &client->server->address;
	struct inet_prefix host = inet_prefix_host(server);
	struct rtnl_route route = {0};
	struct change change;
	int err;

	if (reason)
		reason->text[0] = '\0';
	if (!covers_server(client->config, client->settings, server))
		return 0;
	err = rtnl_route_match(client->rtnl, server,
			       plan_routing_mark(&client->routing), &route);
	if (!err && route.type == RTN_LOCAL)
		return 0;
	if (!err && (route.type != RTN_UNICAST || !route.device[0] ||
		     strcmp(route.device, client->config->device) == 0))
		err = -ENETUNREACH;
	if (err)
		return explain_no_route(server, err, reason);
	/* Somebody has one already, or there is more than one next hop. */
	if (route.opaque || inet_prefix_equal(&route.destination, &host))
		return 0;
	change = copy_of(&route, &host);
	return plan_result(change_list_add(list, &change), reason);
}

static int plan_address(struct planner *planner,
			const struct inet_prefix *lease)
{
	const struct plan_pushed plan = {
		.rtnl = planner->rtnl,
		.links = &planner->links,
		.device = planner->config->device,
		.mark = plan_routing_mark(&planner->routing),
	};
	int err = plan_check_lease(&plan, lease, planner->reason);

	if (!err)
		err = plan_filter_client(planner->config->name,
					 planner->config->device,
					 &lease->address, planner->list);
	return err ? err
		   : plan_add_address(planner->list, planner->config->device,
				      lease);
}

static int plan_addresses(struct planner *planner)
{
	const struct inet_prefix *address4 = &planner->settings->address4;
	const struct inet_prefix *address6 = &planner->settings->address6;
	int err = 0;

	planner->has_ipv4 = address4->address.family == AF_INET;
	planner->has_ipv6 = address6->address.family == AF_INET6;
	if (planner->has_ipv6 && !planner->ipv6_usable) {
		log_warning("IPv6 is switched off on this host: the server's "
			    "IPv6 address is not used");
		planner->has_ipv6 = false;
	}
	if (!planner->has_ipv4 && !planner->has_ipv6) {
		reason_set(
			planner->reason,
			"the server gives no address that this host can use");
		return -EAFNOSUPPORT;
	}
	if (planner->has_ipv4)
		err = plan_address(planner, address4);
	if (!err && planner->has_ipv6)
		err = plan_address(planner, address6);
	return err;
}

static bool is_carried(const struct planner *planner,
		       const struct inet_prefix *route)
{
	return route->address.family == AF_INET ? planner->has_ipv4
						: planner->has_ipv6;
}

/*
 * device NULL makes it unreachable. Nothing is added where the table has it
 * already.
 */
static int add_route(struct planner *planner, const char *device,
		     const struct inet_prefix *destination)
{
	struct change change = {
		.kind = CHANGE_ROUTE,
		.route.destination = inet_prefix_network(destination),
		.route.table = planner->routing.table,
		.route.protocol = RTNL_PROTOCOL,
		.route.type = device ? RTN_UNICAST : RTN_UNREACHABLE,
		.route.global =
			device && destination->address.family == AF_INET,
	};

	if (change_list_routes(planner->list, planner->routing.table,
			       &change.route.destination))
		return 0;
	if (device)
		snprintf(change.route.device, sizeof(change.route.device), "%s",
			 device);
	return change_list_add(planner->list, &change);
}

/*
 * What is on a link of this host is not the server's to take away; but nobody
 * claims a public network by an address on a link (CVE-2023-36672).
 */
static bool is_on_link(const struct planner *planner,
		       const struct inet_prefix *prefix)
{
	return plan_links_keep(&planner->links, planner->config, prefix);
}

/*
 * Returns why a network that the server wants must be left out, in words, or
 * NULL where it need not be.
 */
static const char *objection(const struct planner *planner,
			     const struct inet_prefix *route)
{
	if (plan_is_local_only(route))
		return "never leaves a host or its link";
	if (!is_carried(planner, route))
		return "is of a family that the tunnel does not carry";
	if (is_on_link(planner, route))
		return "is a part of a network that this host has a link in";
	return NULL;
}

static int plan_route(struct planner *planner, const struct inet_prefix *route,
		      bool pushed)
{
	const char *why = pushed ? objection(planner, route) : NULL;
	char name[INET_PREFIX_TEXT];

	if (!why)
		return add_route(planner, planner->config->device, route);
	log_warning("route %s left out: it %s",
		    inet_format_prefix(route, name, sizeof(name)), why);
	return 0;
}

/*
 * The tunnel's own network, and the server's address in it where that is not
 * let in.
 */
static int plan_network(struct planner *planner,
			const struct inet_prefix *address,
			const struct inet_address *server)
{
	struct inet_prefix network = inet_prefix_network(address);
	struct inet_prefix host = inet_prefix_host(&address->address);
	struct inet_prefix its = inet_prefix_host(server);
	int err = 0;

	if (!inet_prefix_equal(&network, &host))
		err = add_route(planner, planner->config->device, &network);
	if (!err && server->family && !inet_prefix_covers(&network, &its))
		err = plan_route(planner, &its, true);
	return err;
}

/* What is ours, and the server's, in the tunnel's own network. */
static int plan_own(struct planner *planner)
{
	const struct settings *settings = planner->settings;
	int err = plan_addresses(planner);

	if (!err && planner->has_ipv4)
		err = plan_network(planner, &settings->address4,
				   &settings->server4);
	if (!err && planner->has_ipv6)
		err = plan_network(planner, &settings->address6,
				   &settings->server6);
	if (!err)
		plan_log_refused(planner->config, settings);
	return err;
}

static int plan_routes(struct planner *planner,
		       const struct plan_wanted *wanted)
{
	int err = 0;

	for (size_t i = 0; wanted->all && i < HALVES && !err; i++)
		if (is_carried(planner, &halves[i]))
			err = plan_route(planner, &halves[i], false);
	for (size_t i = 0; i < wanted->count && !err; i++) {
		const struct inet_prefix *route = &wanted->routes[i];

		if (!is_prefix(route) || route->length == 0)
			continue;
		if (wanted->pushed || is_carried(planner, route))
			err = plan_route(planner, route, wanted->pushed);
	}
	return err;
}

static bool family_exists(uint16_t family)
{
	return family == AF_INET || plan_ipv6_exists();
}

/* What should go through the tunnel but can't must not leave beside it. */
static int plan_unreachable(struct planner *planner,
			    const struct plan_wanted *wanted)
{
	char name[INET_PREFIX_TEXT];
	int err = 0;

	/* They hold also where the device goes, and its routes with it. */
	for (size_t i = 0; wanted->all && i < FAMILIES && !err; i++) {
		const struct inet_prefix all = {{families[i], {0}}, 0};

		if (family_exists(families[i]))
			err = add_route(planner, NULL, &all);
	}
	for (size_t i = 0; i < wanted->count && !err; i++) {
		const struct inet_prefix *route = &wanted->routes[i];

		if (wanted->pushed || !is_prefix(route) || route->length == 0 ||
		    is_carried(planner, route) ||
		    !family_exists(route->address.family))
			continue;
		log_warning("route %s is unreachable: the tunnel has no "
			    "address of that family",
			    inet_format_prefix(route, name, sizeof(name)));
		err = add_route(planner, NULL, route);
	}
	return err;
}

/* One for each family that the table has a route of. */
static int plan_rules(struct planner *planner)
{
	const struct change_list *list = planner->list;
	bool has[FAMILIES] = {false};
	int err = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct rtnl_route *route = &list->items[i].route;

		if (list->items[i].kind == CHANGE_ROUTE &&
		    route->table == planner->routing.table)
			has[route->destination.address.family == AF_INET6] =
				true;
	}
	for (size_t i = 0; i < FAMILIES && !err; i++) {
		struct change rule =
			plan_routing_rule(&planner->routing, families[i]);

		if (has[i])
			err = change_list_add(planner->list, &rule);
	}
	return err;
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

/*
 * Returns why a search domain is left out, in words, or NULL where it need not
 * be.
 */
static const char *objection_to_domain(const struct resolv_conf *resolv_conf,
				       const char *domain, bool pushed)
{
	if (!is_domain(domain))
		return "it is not a domain name";
	/* With "com" a server would be asked for the names of others. */
	if (pushed && public_suffix_matches(domain))
		return "it is a public suffix, not the server's own: if it is "
		       "wanted all the same, write Search in the file";
	return resolv_conf->search_count == SETTINGS_SEARCH
		       ? "there are too many"
		       : NULL;
}

static void add_domain(struct resolv_conf *resolv_conf, const char *domain,
		       bool pushed)
{
	const char *why = objection_to_domain(resolv_conf, domain, pushed);

	if (why) {
		log_warning("search domain \"%s\" is left out: %s",
			    is_domain(domain) ? domain : "?", why);
		return;
	}
	memcpy(resolv_conf->search[resolv_conf->search_count++], domain,
	       strlen(domain) + 1);
}

/*
 * Returns why it can't be asked by the tunnel, in words, or NULL where it can.
 */
static const char *server_objection(const struct planner *planner,
				    const struct resolv_conf *resolv_conf,
				    const struct inet_prefix *host, bool pushed)
{
	if (resolv_conf->dns_count == SETTINGS_DNS)
		return "there are too many";
	if (!inet_size(host->address.family))
		return "it is no address";
	/* The file may name one of this host or of its link. */
	if (!pushed)
		return NULL;
	if (plan_is_local_only(host) || is_on_link(planner, host))
		return "it is not in the tunnel";
	return is_carried(planner, host)
		       ? NULL
		       : "the tunnel has no address of its family";
}

/* A name server is asked by the tunnel even where no route leads there. */
static int add_server(struct planner *planner, struct resolv_conf *resolv_conf,
		      const struct inet_address *dns, bool pushed)
{
	struct inet_prefix host = inet_prefix_host(dns);
	const char *why = server_objection(planner, resolv_conf, &host, pushed);
	char name[INET_ADDRESS_TEXT];

	if (why) {
		log_warning("name server %s is left out: %s",
			    inet_format_address(dns, name, sizeof(name)), why);
		return 0;
	}
	resolv_conf->dns[resolv_conf->dns_count++] = *dns;
	if (plan_is_local_only(&host) || !is_carried(planner, &host) ||
	    is_on_link(planner, &host))
		return 0;
	return add_route(planner, planner->config->device, &host);
}

static int add_servers(struct planner *planner, struct resolv_conf *resolv_conf,
		       const struct inet_address *dns, size_t count,
		       bool pushed)
{
	int err = 0;

	for (size_t i = 0; i < count && !err; i++)
		err = add_server(planner, resolv_conf, &dns[i], pushed);
	return err;
}

static int plan_resolv_conf(struct planner *planner)
{
	const struct config *config = planner->config;
	const struct settings *settings = planner->settings;
	bool pushed = config->dns_choice == CONFIG_PUSHED;
	struct change *change = &planner->resolv_conf;
	struct resolv_conf *resolv_conf = &change->resolv_conf;
	int err;

	*change = (struct change){.kind = CHANGE_RESOLV_CONF};
	if (config->dns_choice == CONFIG_NONE || (pushed && !settings))
		return 0;
	snprintf(resolv_conf->name, sizeof(resolv_conf->name), "%s",
		 config->name);
	err = pushed ? add_servers(planner, resolv_conf, settings->dns,
				   settings->dns_count < SETTINGS_DNS
					   ? settings->dns_count
					   : SETTINGS_DNS,
				   true)
		     : add_servers(planner, resolv_conf, config->dns,
				   config->dns_count, false);
	if (err)
		return err;
	/* The file's Search goes before what the server would like. */
	for (size_t i = 0; i < config->search_count; i++)
		add_domain(resolv_conf, config->search[i], false);
	for (size_t i = 0; pushed && config->search_count == 0 &&
			   i < settings->search_count && i < SETTINGS_SEARCH;
	     i++)
		add_domain(resolv_conf, settings->search[i], true);
	return 0;
}

/* Search domains without a server would be asked of 127.0.0.1. */
static int add_resolv_conf(struct planner *planner)
{
	if (planner->resolv_conf.resolv_conf.dns_count == 0)
		return 0;
	return change_list_add(planner->list, &planner->resolv_conf);
}

/*
 * The order is that of applying: rules last, names behind what leads to them.
 */
static int plan_all(struct planner *planner)
{
	struct plan_wanted wanted =
		wanted_networks(planner->config, planner->settings);
	int err = 0;

	if (planner->settings)
		err = plan_own(planner);
	if (!err)
		err = plan_outside(planner->config, &wanted, &planner->links,
				   &planner->routing, planner->list);
	if (!err)
		err = plan_routes(planner, &wanted);
	if (!err)
		err = plan_unreachable(planner, &wanted);
	if (!err)
		err = plan_resolv_conf(planner);
	if (!err)
		err = plan_rules(planner);
	return err ? err : add_resolv_conf(planner);
}

/* Another VPN that the tunnel goes through, if there is one. */
static int plan_outer(const struct plan_client *client,
		      struct change_list *list)
{
	struct rtnl_route route;

	if (!client->rtnl ||
	    rtnl_route_get(client->rtnl, &client->server->address,
			   plan_routing_mark(&client->routing), &route) ||
	    !route.device[0])
		return 0;
	return plan_routing_outer(client->rtnl, &client->routing, route.device,
				  list);
}

int plan_client_rest(const struct plan_client *client,
		     const struct plan_inside *inside, struct change_list *list,
		     struct reason *reason)
{
	const struct config *config = client->config;
	bool ipv6 = inside ? inside->ipv6 : plan_ipv6_usable(config->device);
	struct planner planner = {
		.rtnl = inside ? inside->rtnl : client->rtnl,
		.config = config,
		.settings = client->settings,
		.routing = client->routing,
		.list = list,
		.reason = reason,
		.has_ipv4 = true,
		.has_ipv6 = ipv6,
		.ipv6_usable = ipv6,
	};
	uint32_t mark = inside ? 0 : plan_routing_mark(&client->routing);
	int err;

	if (reason)
		reason->text[0] = '\0';
	err = plan_add_link(list, config->device,
			    plan_mtu(client->rtnl, config, client->settings,
				     client->server, mark));
	if (!err)
		err = plan_links_read(planner.rtnl, config->device,
				      &planner.links);
	if (!err)
		err = plan_all(&planner);
	if (!err && !inside)
		err = plan_outer(client, list);
	plan_links_free(&planner.links);
	return plan_result(err, reason);
}

int plan_client_marking(const struct plan_client *client,
			struct change_list *list)
{
	uint32_t mark = plan_routing_mark(&client->routing);
	const struct config *config = client->config;
	bool strict;
	int err;

	if (!covers_server(config, client->settings, &client->server->address))
		return 0;
	err = plan_valid_mark(list, &strict);
	if (!err && (strict || config->inbound))
		err = plan_marks(config, mark, list);
	return err;
}

/* Answers to who comes from outside by a family that the tunnel refuses. */
static int plan_refused_family(const struct plan_client *client,
			       struct change_list *list)
{
	const struct settings *settings = client->settings;
	int err = 0;

	if (!settings || !plan_takes_all(client->config, settings) ||
	    !client->config->inbound || client->config->kill_switch)
		return 0;
	if (!settings->address4.address.family)
		err = plan_mark_answers(AF_INET, list);
	if (!err && family_exists(AF_INET6) &&
	    (!settings->address6.address.family ||
	     !plan_ipv6_usable(client->config->device)))
		err = plan_mark_answers(AF_INET6, list);
	return err;
}

int plan_client(const struct plan_client *client, struct change_list *list,
		struct reason *reason)
{
	int err = plan_client_marking(client, list);

	if (!err)
		err = plan_refused_family(client, list);
	if (err)
		return plan_result(err, reason);
	return plan_client_rest(client, NULL, list, reason);
}

int plan_client_outside(struct rtnl *rtnl, const struct config *config,
			const struct settings *settings,
			const struct plan_routing *routing,
			struct change_list *list)
{
	struct plan_wanted wanted = wanted_networks(config, settings);
	struct plan_links links;
	int err = plan_links_read(rtnl, config->device, &links);

	if (!err)
		err = plan_outside(config, &wanted, &links, routing, list);
	plan_links_free(&links);
	return err;
}
