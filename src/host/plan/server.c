/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/plan/plan.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/reason.h"
#include "host/kernel/route_search.h"
#include "host/plan/plan_internal.h"

struct planner {
	struct rtnl *rtnl;
	const struct config *config;
	struct change_list *list;
	struct reason *reason;
	bool has_ipv4, has_ipv6;
	bool routes_ipv4, routes_ipv6; /* to peers' Subnets */
};

static int plan_address(struct planner *planner,
			const struct inet_prefix *address)
{
	struct inet_prefix network = inet_prefix_network(address);
	const char *device = planner->config->device;
	char name[INET_PREFIX_TEXT];
	struct rtnl_route taken;
	int found;

	found = route_search_find(planner->rtnl, &network, ROUTES_WITHIN,
				  device, &taken);
	if (found < 0)
		return found;
	if (found == 0) {
		int err = plan_filter_server(planner->config, address,
					     planner->list);

		return err ? err
			   : plan_add_address(planner->list, device, address);
	}
	inet_format_prefix(&network, name, sizeof(name));
	reason_set(planner->reason,
		   "%s is already routed by %s: choose another Address", name,
		   taken.device);
	return -EADDRINUSE;
}

static int plan_addresses(struct planner *planner)
{
	const struct config *config = planner->config;
	int err = 0;

	planner->has_ipv4 = config->address4.address.family == AF_INET;
	planner->has_ipv6 = config->address6.address.family == AF_INET6;
	if (planner->has_ipv6 && !plan_ipv6_usable(config->device)) {
		log_warning("IPv6 is switched off on this host: the tunnel "
			    "carries IPv4 only");
		planner->has_ipv6 = false;
	}
	if (!planner->has_ipv4 && !planner->has_ipv6) {
		reason_set(planner->reason,
			   "IPv6 is switched off on this host, and Address has "
			   "no IPv4: add an IPv4 address, or set "
			   "net.ipv6.conf.all.disable_ipv6=0");
		return -EAFNOSUPPORT;
	}
	if (planner->has_ipv4)
		err = plan_address(planner, &config->address4);
	if (!err && planner->has_ipv6)
		err = plan_address(planner, &config->address6);
	return err;
}

static int add_sysctl(struct planner *planner, const char *key,
		      const char *value, const char *before)
{
	struct change change = {.kind = CHANGE_SYSCTL};

	snprintf(change.sysctl.key, sizeof(change.sysctl.key), "%s", key);
	snprintf(change.sysctl.value, sizeof(change.sysctl.value), "%s", value);
	snprintf(change.sysctl.before, sizeof(change.sysctl.before), "%s",
		 before);
	return change_list_add(planner->list, &change);
}

/* Notes a value that a side effect would lose, unless the effect is it. */
static int keep_sysctl(struct planner *planner, const char *key,
		       const char *effect)
{
	char value[SYSCTL_VALUE_SIZE];

	if (sysctl_read(key, value, sizeof(value)) ||
	    strcmp(value, effect) == 0)
		return 0;
	return add_sysctl(planner, key, value, value);
}

/*
 * Switching a family's forwarding off again switches it off for every device
 * and for those to come (inet_forward_change() in net/ipv4/devinet.c,
 * addrconf_forward_change() in net/ipv6/addrconf.c), which may have had it on.
 */
static int keep_forwarding(struct planner *planner, const char *family)
{
	char path[32], key[SYSCTL_KEY_SIZE];
	struct dirent **devices;
	int count, err = 0;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf", family);
	count = scandir(path, &devices, NULL, alphasort);
	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		const char *device = devices[i]->d_name;

		if (!err && device[0] != '.' && strcmp(device, "all") != 0 &&
		    strlen(device) < IFNAMSIZ &&
		    strcmp(device, planner->config->device) != 0) {
			plan_sysctl_key(key, family, device, "forwarding");
			err = keep_sysctl(planner, key, "0");
		}
		free(devices[i]);
	}
	free(devices);
	return err;
}

static int plan_forwarding4(struct planner *planner)
{
	char value[SYSCTL_VALUE_SIZE];
	int err;

	err = sysctl_read("net.ipv4.ip_forward", value, sizeof(value));
	if (err)
		return err;
	if (strcmp(value, "0") != 0)
		return 0;
	err = keep_sysctl(planner, "net.ipv4.conf.all.accept_redirects", "1");
	if (!err)
		err = keep_forwarding(planner, "ipv4");
	if (!err)
		err = add_sysctl(planner, "net.ipv4.ip_forward", "1", value);
	return err;
}

#define ADVERTISED_MAX 16

struct advertised {
	char devices[ADVERTISED_MAX][IFNAMSIZ];
	size_t count;
};

static int advertised_visit(void *data, const struct rtnl_route *route)
{
	struct advertised *advertised = data;

	if (route->protocol != RTPROT_RA || route->destination.length != 0 ||
	    !route->device[0] || advertised->count == ADVERTISED_MAX)
		return 0;
	for (size_t i = 0; i < advertised->count; i++)
		if (strcmp(advertised->devices[i], route->device) == 0)
			return 0;
	memcpy(advertised->devices[advertised->count++], route->device,
	       IFNAMSIZ);
	return 0;
}

/*
 * A host that forwards IPv6 drops the default routes that it has learned from
 * router advertisements (rt6_purge_dflt_routers() in net/ipv6/route.c), but
 * for devices with accept_ra 2.
 */
static int keep_advertised(struct planner *planner)
{
	struct advertised advertised = {.count = 0};
	char key[SYSCTL_KEY_SIZE], value[SYSCTL_VALUE_SIZE];
	int err;

	err = rtnl_route_each(planner->rtnl, AF_INET6, advertised_visit,
			      &advertised);
	for (size_t i = 0; i < advertised.count && !err; i++) {
		plan_sysctl_key(key, "ipv6", advertised.devices[i],
				"accept_ra");
		if (sysctl_read(key, value, sizeof(value)) == 0 &&
		    strcmp(value, "1") == 0)
			err = add_sysctl(planner, key, "2", value);
	}
	return err;
}

static int plan_forwarding6(struct planner *planner)
{
	const char *key = "net.ipv6.conf.all.forwarding";
	char value[SYSCTL_VALUE_SIZE];
	int err;

	err = sysctl_read(key, value, sizeof(value));
	if (err)
		return err;
	if (strcmp(value, "0") != 0)
		return 0;
	err = keep_advertised(planner);
	if (!err)
		err = keep_forwarding(planner, "ipv6");
	if (!err)
		err = add_sysctl(planner, key, "1", value);
	return err;
}

/*
 * It is the largest part of the upper half of all ports in which the server
 * listens on none. Systems choose a client's ports there (RFC 6335, and Linux),
 * so that most can be kept; and services of this host seldom listen there.
 */
static void choose_ports(const struct config *config, uint16_t ports[2])
{
	unsigned from = 32768, best = 0;

	while (from <= UINT16_MAX) {
		unsigned next = UINT16_MAX + 1;

		for (size_t i = 0; i < config->listen_count; i++) {
			unsigned port = config->listen[i].port;

			if (port >= from && port < next)
				next = port;
		}
		if (next - from > best) {
			best = next - from;
			ports[0] = (uint16_t)from;
			ports[1] = (uint16_t)(next - 1);
		}
		from = next + 1;
	}
}

static int add_gateway(struct planner *planner,
		       const struct inet_prefix *address)
{
	const struct config *config = planner->config;
	struct change change = {
		.kind = CHANGE_GATEWAY,
		.gateway.inner = inet_prefix_network(address),
		.gateway.masquerade = config->nat != CONFIG_NAT_NO,
	};
	struct nft_gateway *gateway = &change.gateway;

	snprintf(gateway->table, sizeof(gateway->table), "minivpn-%s",
		 config->name);
	snprintf(gateway->device, sizeof(gateway->device), "%s",
		 config->device);
	if (gateway->masquerade)
		choose_ports(config, gateway->ports);
	if (config->nat == CONFIG_NAT_DEVICE)
		snprintf(gateway->uplink, sizeof(gateway->uplink), "%s",
			 config->nat_device);
	return change_list_add(planner->list, &change);
}

static int plan_gateways(struct planner *planner)
{
	const struct config *config = planner->config;
	unsigned index;
	int err = 0;

	if (config->nat == CONFIG_NAT_DEVICE &&
	    rtnl_link_get(planner->rtnl, config->nat_device, &index, NULL) ==
		    -ENODEV)
		log_warning("NAT = %s: there is no such device yet",
			    config->nat_device);
	if (planner->has_ipv4)
		err = add_gateway(planner, &config->address4);
	if (!err && planner->has_ipv6)
		err = add_gateway(planner, &config->address6);
	return err;
}

static int plan_subnet(struct planner *planner, const struct config_peer *peer,
		       const struct inet_prefix *subnet)
{
	const struct config *config = planner->config;
	char name[INET_PREFIX_TEXT];

	if (inet_prefix_covers(&config->address4, subnet) ||
	    inet_prefix_covers(&config->address6, subnet))
		return 0;
	if (subnet->address.family == AF_INET6 && !planner->has_ipv6) {
		inet_format_prefix(subnet, name, sizeof(name));
		log_warning("Subnets of %s: %s left out: the tunnel does not "
			    "carry IPv6",
			    peer->name, name);
		return 0;
	}
	if (subnet->address.family == AF_INET)
		planner->routes_ipv4 = true;
	else
		planner->routes_ipv6 = true;
	return plan_add_route(planner->list, config->device, subnet);
}

static const char *owner_of(const struct config *config,
			    const struct inet_prefix *subnet)
{
	for (size_t i = 0; i < config->peer_count; i++) {
		const struct config_peer *peer = &config->peers[i];

		for (size_t j = 0; j < peer->subnet_count; j++)
			if (inet_prefix_equal(&peer->subnets[j], subnet))
				return peer->name;
	}
	return "a peer";
}

/* Somebody else's route to one of the Subnets ends the search: -EEXIST. */
static int taken_visit(void *data, const struct rtnl_route *route)
{
	struct planner *planner = data;
	const struct config *config = planner->config;
	char name[INET_PREFIX_TEXT];

	if (route->table != RT_TABLE_MAIN || route->type != RTN_UNICAST ||
	    !route->device[0] || strcmp(route->device, config->device) == 0 ||
	    !change_list_routes(planner->list, 0, &route->destination))
		return 0;
	reason_set(planner->reason,
		   "%s (Subnets of %s) is already routed by %s: remove that "
		   "route, or correct Subnets",
		   inet_format_prefix(&route->destination, name, sizeof(name)),
		   owner_of(config, &route->destination), route->device);
	return -EEXIST;
}

/* The kernel's routes are gone through once, however many Subnets there are. */
static int plan_subnets(struct planner *planner)
{
	const struct config *config = planner->config;
	int err = 0;

	for (size_t i = 0; i < config->peer_count; i++) {
		const struct config_peer *peer = &config->peers[i];

		for (size_t j = 0; j < peer->subnet_count && !err; j++)
			err = plan_subnet(planner, peer, &peer->subnets[j]);
	}
	if (!err && planner->routes_ipv4)
		err = rtnl_route_each(planner->rtnl, AF_INET, taken_visit,
				      planner);
	if (!err && planner->routes_ipv6)
		err = rtnl_route_each(planner->rtnl, AF_INET6, taken_visit,
				      planner);
	return err;
}

int plan_server(struct rtnl *rtnl, const struct config *config,
		struct change_list *list, struct reason *reason)
{
	struct planner planner = {
		.rtnl = rtnl,
		.config = config,
		.list = list,
		.reason = reason,
	};
	int err;

	if (reason)
		reason->text[0] = '\0';
	err = plan_add_tun(list, config->device);
	if (!err)
		err = plan_add_link(list, config->device,
				    plan_mtu(rtnl, config, NULL, NULL, 0));
	if (!err)
		err = plan_addresses(&planner);
	if (!err && planner.has_ipv4)
		err = plan_forwarding4(&planner);
	if (!err && planner.has_ipv6)
		err = plan_forwarding6(&planner);
	if (!err)
		err = plan_gateways(&planner);
	if (!err)
		err = plan_subnets(&planner);
	return plan_result(err, reason);
}
