/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables that keep out who would come in beside the tunnel. */
#include <dirent.h>
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

static void add_link(struct nft_filter *filter, const char *family,
		     const char *device)
{
	struct nft_filter_link *link = &filter->links[filter->link_count];

	if (filter->link_count == NFT_FILTER_LINKS) {
		filter->closed = true;
		return;
	}
	snprintf(link->name, sizeof(link->name), "%s", device);
	link->forwards = passes_on(family, device);
	filter->link_count++;
}

/* The links between which nothing passes while this host is no router. */
static int add_links(struct nft_filter *filter)
{
	bool v4 = filter->inner.address.family == AF_INET;
	const char *family = v4 ? "ipv4" : "ipv6";
	char path[32], value[SYSCTL_VALUE_SIZE];
	struct dirent **devices;
	int count;

	if (sysctl_read(v4 ? "net.ipv4.ip_forward"
			   : "net.ipv6.conf.all.forwarding",
			value, sizeof(value)) ||
	    strcmp(value, "0") != 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf", family);
	count = scandir(path, &devices, NULL, alphasort);
	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		const char *device = devices[i]->d_name;

		if (device[0] != '.' && strcmp(device, "all") != 0 &&
		    strcmp(device, "default") != 0 &&
		    strcmp(device, "lo") != 0 && strlen(device) < IFNAMSIZ &&
		    strcmp(device, filter->device) != 0)
			add_link(filter, family, device);
		free(devices[i]);
	}
	free(devices);
	if (filter->closed)
		filter->link_count = 0;
	return 0;
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

int plan_filter_server(const struct config *config,
		       const struct inet_prefix *own, struct change_list *list)
{
	struct change change = begin(config->name, config->device, own);
	struct nft_filter *filter = &change.filter;
	int err;

	filter->server = true;
	for (size_t i = 0; i < config->listen_count; i++)
		add_port(filter, config->listen[i].port);
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
