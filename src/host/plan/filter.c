/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables that keep out who would come in beside the tunnel. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "host/kernel/sysctl.h"
#include "host/plan/plan.h"
#include "host/plan/plan_internal.h"

static struct change begin(const char *name, const char *device,
			   const struct inet_prefix *own)
{
	struct change change = {
		.kind = CHANGE_FILTER,
		.filter.inner = *own,
	};
	struct nft_filter *filter = &change.filter;

	_Static_assert(sizeof("minivpn.filter-") - 1 + CONFIG_NAME_SIZE <=
			       NFT_TABLE_NAME_SIZE,
		       "a tunnel's name is not cut off");
	snprintf(filter->table, sizeof(filter->table), "minivpn.filter-%s",
		 name);
	snprintf(filter->device, sizeof(filter->device), "%s", device);
	return change;
}

static int add_arp(const char *name, const char *device,
		   const struct inet_address *own, struct change_list *list)
{
	const struct inet_prefix host = inet_prefix_host(own);
	struct change change = begin(name, device, &host);

	change.filter.arp = true;
	return own->family == AF_INET ? change_list_add(list, &change) : 0;
}

int plan_filter_client(const char *name, const char *device,
		       const struct inet_address *own, struct change_list *list)
{
	const struct inet_prefix host = inet_prefix_host(own);
	struct change change = begin(name, device, &host);
	int err = change_list_add(list, &change);

	return err ? err : add_arp(name, device, own, list);
}

/*
 * With IPv4 a link may forward while others do not. With IPv6 none does without
 * "all" (ip6_forward() in net/ipv6/ip6_output.c).
 */
static bool passes_on(const char *family, const char *device)
{
	char key[SYSCTL_KEY_SIZE], value[SYSCTL_VALUE_SIZE];

	if (strcmp(family, "ipv4") != 0)
		return false;
	plan_sysctl_key(key, family, device, "forwarding");
	return sysctl_read(key, value, sizeof(value)) == 0 &&
	       strcmp(value, "0") != 0;
}

static int add_link(void *data, const char *family, const char *device)
{
	struct nft_filter *filter = data;
	struct nft_filter_link *link = &filter->links[filter->link_count];

	if (strcmp(device, "default") == 0 || strcmp(device, "lo") == 0 ||
	    strcmp(device, filter->device) == 0)
		return 0;
	if (filter->link_count == NFT_FILTER_LINKS) {
		filter->closed = true;
		return 0;
	}
	snprintf(link->name, sizeof(link->name), "%s", device);
	link->forwards = passes_on(family, device);
	filter->link_count++;
	return 0;
}

/* The links between which nothing passes while this host is no router. */
static int add_links(struct nft_filter *filter)
{
	bool v4 = filter->inner.address.family == AF_INET;
	char value[SYSCTL_VALUE_SIZE];
	int err;

	if (sysctl_read(v4 ? "net.ipv4.ip_forward"
			   : "net.ipv6.conf.all.forwarding",
			value, sizeof(value)) ||
	    strcmp(value, "0") != 0)
		return 0;
	err = plan_each_device(v4 ? "ipv4" : "ipv6", add_link, filter);
	if (filter->closed)
		filter->link_count = 0;
	return err;
}

/* Clients may reach what Routes and DNS of the file send them to. */
static void allow(struct nft_filter *filter, const struct inet_prefix *network)
{
	if (network->address.family != filter->inner.address.family ||
	    !nft_filter_is_cloud(network))
		return;
	if (filter->allowed_count == NFT_FILTER_ALLOWED)
		log_warning("of Routes and DNS, clients do not reach all that "
			    "are services of the cloud to this host: only the "
			    "first %d",
			    NFT_FILTER_ALLOWED);
	else
		filter->allowed[filter->allowed_count++] = *network;
}

static void add_allowed(const struct config *config, struct nft_filter *filter)
{
	for (size_t i = 0; i < config->route_count; i++)
		allow(filter, &config->routes[i]);
	for (size_t i = 0; i < config->dns_count; i++) {
		const struct inet_prefix host =
			inet_prefix_host(&config->dns[i]);

		allow(filter, &host);
	}
}

static void add_port(struct nft_filter *filter, uint16_t port)
{
	for (unsigned i = 0; i < filter->port_count; i++) {
		if (filter->ports[i] == port)
			return;
	}
	if (filter->port_count < NFT_FILTER_PORTS)
		filter->ports[filter->port_count++] = port;
}

/* At one address or another it is the server's. */
static void add_ranges(const struct config *config, struct nft_filter *filter)
{
	_Static_assert(NFT_FILTER_RANGES == CONFIG_REDIRECTS, "all of them");
	for (size_t i = 0; i < config->redirect_count; i++) {
		const struct inet_ports *ports = &config->redirects[i].ports;

		if (ports->first == ports->last)
			add_port(filter, ports->first);
		else
			filter->ranges[filter->range_count++] = *ports;
	}
}

int plan_filter_server(const struct config *config,
		       const struct inet_prefix *own, struct change_list *list)
{
	struct change change = begin(config->name, config->device, own);
	struct nft_filter *filter = &change.filter;
	int err;

	filter->server = true;
	for (size_t i = 0; i < config->listen_count; i++)
		add_port(filter, config->listen[i].port);
	add_ranges(config, filter);
	add_allowed(config, filter);
	err = add_links(filter);
	if (!err)
		err = change_list_add(list, &change);
	return err ? err
		   : add_arp(config->name, config->device, &own->address, list);
}

static const struct nft_filter *of_family(const struct change_list *list,
					  uint16_t family)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct nft_filter *filter = &list->items[i].filter;

		if (list->items[i].kind == CHANGE_FILTER && filter->server &&
		    filter->inner.address.family == family)
			return filter;
	}
	return NULL;
}

void plan_server_keep_links(const struct change_list *applied,
			    struct change_list *planned)
{
	for (size_t i = 0; i < planned->count; i++) {
		struct nft_filter *filter = &planned->items[i].filter;
		const struct nft_filter *old;

		if (planned->items[i].kind != CHANGE_FILTER || !filter->server)
			continue;
		old = of_family(applied, filter->inner.address.family);
		if (!old)
			continue;
		filter->closed = old->closed;
		filter->link_count = old->link_count;
		memcpy(filter->links, old->links, sizeof(filter->links));
	}
}

struct new_links {
	struct nft_filter *filter;
	bool forward; /* links that come do, for this family, without us */
	bool added;
	unsigned *masters; /* of links that lead out */
	size_t count, capacity;
};

static bool is_listed(const struct nft_filter *filter, const char *name)
{
	for (unsigned i = 0; i < filter->link_count; i++) {
		if (strcmp(filter->links[i].name, name) == 0)
			return true;
	}
	return false;
}

/*
 * All but what is made for guests and VPNs, which is to forward: hardware, and
 * what is made of that, as VLANs are.
 */
static bool leads_out(const struct rtnl_entry *entry)
{
	static const char *const kinds[] = {
		"bridge", "veth",   "tun",    "openvswitch", "wireguard",
		"ovpn",	  "vxlan",  "geneve", "xfrm",	     "vti",
		"vti6",	  "gre",    "gretap", "ip6gre",	     "ip6gretap",
		"ipip",	  "ip6tnl", "sit",    "dummy",	     "vrf",
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(entry->kind, kinds[i]) == 0)
			return false;
	}
	return !(entry->flags & IFF_LOOPBACK);
}

static bool is_master(const struct new_links *links, unsigned index)
{
	for (size_t i = 0; i < links->count; i++) {
		if (links->masters[i] == index)
			return true;
	}
	return false;
}

static int master_visit(void *data, const struct rtnl_entry *entry)
{
	struct new_links *links = data;
	unsigned *masters;

	if (!entry->master || is_master(links, entry->master) ||
	    !(leads_out(entry) || is_listed(links->filter, entry->name)))
		return 0;
	if (links->count == links->capacity) {
		links->capacity = links->capacity ? 2 * links->capacity : 8;
		masters = reallocarray(links->masters, links->capacity,
				       sizeof(*masters));
		if (!masters)
			return -ENOMEM;
		links->masters = masters;
	}
	links->masters[links->count++] = entry->master;
	return 0;
}

static int link_visit(void *data, const struct rtnl_entry *entry)
{
	struct new_links *links = data;
	struct nft_filter *filter = links->filter;

	if (filter->closed || is_listed(filter, entry->name) ||
	    strcmp(entry->name, filter->device) == 0 ||
	    !(leads_out(entry) || is_master(links, entry->index)))
		return 0;
	links->added = true;
	if (filter->link_count == NFT_FILTER_LINKS) {
		filter->closed = true;
		filter->link_count = 0;
		return 0;
	}
	filter->links[filter->link_count++] = (struct nft_filter_link){
		.forwards = links->forward,
	};
	memcpy(filter->links[filter->link_count - 1].name, entry->name,
	       sizeof(entry->name));
	return 0;
}

static bool has_set(const struct change_list *applied, const char *key)
{
	for (size_t i = 0; i < applied->count; i++) {
		if (applied->items[i].kind == CHANGE_SYSCTL &&
		    strcmp(applied->items[i].sysctl.key, key) == 0)
			return true;
	}
	return false;
}

static int add_new_links(struct rtnl *rtnl, const struct change_list *applied,
			 const struct change *old, struct change_list *list)
{
	bool v4 = old->filter.inner.address.family == AF_INET;
	struct change change = *old;
	struct new_links links = {
		.filter = &change.filter,
		.forward = v4 &&
			   has_set(applied, "net.ipv4.conf.default.forwarding"),
	};
	int err;

	/* It was a router before us. */
	if (!has_set(applied, v4 ? "net.ipv4.ip_forward"
				 : "net.ipv6.conf.all.forwarding"))
		return 0;
	err = rtnl_link_each(rtnl, master_visit, &links);
	if (!err)
		err = rtnl_link_each(rtnl, link_visit, &links);
	if (!err && links.added)
		err = change_list_add(list, &change);
	free(links.masters);
	return err;
}

int plan_server_new_links(struct rtnl *rtnl, const struct change_list *applied,
			  struct change_list *list)
{
	int err = 0;

	for (size_t i = 0; i < applied->count && !err; i++) {
		if (applied->items[i].kind == CHANGE_FILTER &&
		    applied->items[i].filter.server)
			err = add_new_links(rtnl, applied, &applied->items[i],
					    list);
	}
	return err;
}
