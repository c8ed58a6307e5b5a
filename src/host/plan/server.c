/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/plan/plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/reason.h"
#include "host/kernel/route_search.h"
#include "host/plan/plan_internal.h"

struct planner {
	struct rtnl *rtnl;
	const struct config *config;
	struct plan_links links;
	unsigned tun; /* its index; 0: it is not there yet */
	struct change_list *list;
	struct reason *reason;
	bool has_ipv4, has_ipv6;
};

/* Does a link of this host have a part of it, or does a route lead there? */
static bool is_taken(const struct planner *planner,
		     const struct inet_prefix *network, char name[IFNAMSIZ])
{
	const struct plan_link *link =
		plan_links_find(&planner->links, network, false);

	if (link && rtnl_link_name(planner->rtnl, link->index, name) == 0)
		return true;
	return route_search_find(planner->rtnl, network, ROUTES_WITHIN,
				 planner->tun, name);
}

static int plan_address(struct planner *planner,
			const struct inet_prefix *address)
{
	struct inet_prefix network = inet_prefix_network(address);
	const char *device = planner->config->device;
	char name[INET_PREFIX_TEXT], taken[IFNAMSIZ];
	int err;

	if (is_taken(planner, &network, taken)) {
		inet_format_prefix(&network, name, sizeof(name));
		reason_set(planner->reason,
			   "%s is already routed by %s: choose another Address",
			   name, taken);
		return -EADDRINUSE;
	}
	err = plan_filter_server(planner->config, address, planner->list);
	return err ? err : plan_add_address(planner->list, device, address);
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
static int keep_forwarding(void *data, const char *family, const char *device)
{
	struct planner *planner = data;
	char key[SYSCTL_KEY_SIZE];

	if (strcmp(device, planner->config->device) == 0)
		return 0;
	plan_sysctl_key(key, family, device, "forwarding");
	return keep_sysctl(planner, key, "0");
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
		err = plan_each_device("ipv4", keep_forwarding, planner);
	if (!err)
		err = add_sysctl(planner, "net.ipv4.ip_forward", "1", value);
	return err;
}

/* Is there a default route by that device which was advertised? */
static bool is_advertised(struct planner *planner, const char *device)
{
	/* It has no other route: nobody has such addresses yet (RFC 4291). */
	static const struct inet_address anybody = {AF_INET6, {0xa0, [15] = 1}};
	struct rtnl_route route;

	return rtnl_route_by(planner->rtnl, &anybody, device, &route) == 0 &&
	       route.protocol == RTPROT_RA && route.destination.length == 0;
}

/*
 * A host that forwards IPv6 drops the default routes that it has learned from
 * router advertisements (rt6_purge_dflt_routers() in net/ipv6/route.c), but
 * for devices with accept_ra 2.
 */
static int keep_advertised(void *data, const char *family, const char *device)
{
	struct planner *planner = data;
	char key[SYSCTL_KEY_SIZE], value[SYSCTL_VALUE_SIZE];

	plan_sysctl_key(key, family, device, "accept_ra");
	if (sysctl_read(key, value, sizeof(value)) || strcmp(value, "1") != 0 ||
	    !is_advertised(planner, device))
		return 0;
	return add_sysctl(planner, key, "2", value);
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
	err = plan_each_device("ipv6", keep_advertised, planner);
	if (!err)
		err = plan_each_device("ipv6", keep_forwarding, planner);
	if (!err)
		err = add_sysctl(planner, key, "1", value);
	return err;
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
	struct inet_ports ports;

	snprintf(gateway->table, sizeof(gateway->table), "minivpn-%s",
		 config->name);
	snprintf(gateway->device, sizeof(gateway->device), "%s",
		 config->device);
	if (gateway->masquerade && config_spare_ports(config, &ports)) {
		gateway->ports[0] = ports.first;
		gateway->ports[1] = ports.last;
	}
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
	char name[INET_PREFIX_TEXT], taken[IFNAMSIZ];

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
	if (route_search_find(planner->rtnl, subnet, ROUTES_EQUAL, planner->tun,
			      taken)) {
		inet_format_prefix(subnet, name, sizeof(name));
		reason_set(planner->reason,
			   "%s (Subnets of %s) is already routed by %s: remove "
			   "that route, or correct Subnets",
			   name, peer->name, taken);
		return -EEXIST;
	}
	return plan_add_route(planner->list, config->device, subnet);
}

static int plan_subnets(struct planner *planner)
{
	const struct config *config = planner->config;
	int err = 0;

	for (size_t i = 0; i < config->peer_count; i++) {
		const struct config_peer *peer = &config->peers[i];

		for (size_t j = 0; j < peer->subnet_count && !err; j++)
			err = plan_subnet(planner, peer, &peer->subnets[j]);
	}
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
	rtnl_link_get(rtnl, config->device, &planner.tun, NULL);
	err = plan_add_tun(list, config->device);
	if (!err)
		err = plan_add_link(list, config->device,
				    plan_mtu(rtnl, config, NULL, NULL, 0));
	if (!err)
		err = plan_links_read(rtnl, config->device, &planner.links);
	if (!err)
		err = plan_addresses(&planner);
	plan_links_free(&planner.links);
	if (!err && planner.has_ipv4)
		err = plan_forwarding4(&planner);
	if (!err && planner.has_ipv6)
		err = plan_forwarding6(&planner);
	if (!err)
		err = plan_gateways(&planner);
	if (!err)
		err = plan_redirects(config, list);
	if (!err)
		err = plan_subnets(&planner);
	return plan_result(err, reason);
}
