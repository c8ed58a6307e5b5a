/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/plan/outside.h"

#include <errno.h>
#include <stdlib.h>

struct reading {
	struct plan_links *links;
	unsigned tun;
};

static int link_visit(void *data, unsigned index,
		      const struct inet_prefix *prefix)
{
	struct reading *reading = data;
	struct plan_links *links = reading->links;
	struct plan_link *items;

	if (index == reading->tun || !prefix->length ||
	    inet_address_is_loopback(&prefix->address))
		return 0;
	if (links->count == links->capacity) {
		links->capacity = links->capacity ? 2 * links->capacity : 16;
		items = reallocarray(links->items, links->capacity,
				     sizeof(*items));
		if (!items)
			return -ENOMEM;
		links->items = items;
	}
	links->items[links->count++] = (struct plan_link){
		.network = inet_prefix_network(prefix),
		.index = index,
	};
	return 0;
}

/*
 * Does the kernel send to a neighbour in it by that link, without the tunnel?
 * Where the link is down, another one's gateway would get that.
 */
static bool is_on_link(struct rtnl *rtnl, const struct plan_link *link)
{
	struct inet_address sample = link->network.address;
	size_t size = inet_size(sample.family);
	struct rtnl_route route;
	unsigned index;

	for (uint8_t i = 1; i < 4; i++) {
		if (link->network.length < 8 * size - 1)
			sample.bytes[size - 1] |= i;
		if (rtnl_route_match(rtnl, &sample, PLAN_ROUTING_ANY, &route))
			return false;
		/* The address is our own in that network. */
		if (route.type == RTN_LOCAL || route.type == RTN_BROADCAST)
			continue;
		return route.type == RTN_UNICAST && !route.gateway.family &&
		       rtnl_link_get(rtnl, route.device, &index, NULL) == 0 &&
		       index == link->index;
	}
	return true;
}

int plan_links_read(struct rtnl *rtnl, const char *device,
		    struct plan_links *links)
{
	struct reading reading = {.links = links};
	int err;

	*links = (struct plan_links){0};
	if (!rtnl)
		return 0;
	/* Where it is not there yet, no address is on it. */
	err = rtnl_link_get(rtnl, device, &reading.tun, NULL);
	if (err && err != -ENODEV)
		return err;
	/* One that changes meanwhile is notified soon (-EINTR). */
	err = rtnl_address_each(rtnl, link_visit, &reading);
	if (err && err != -EINTR)
		return err;
	for (size_t i = 0; i < links->count; i++)
		links->items[i].reached = is_on_link(rtnl, &links->items[i]);
	return 0;
}

void plan_links_free(struct plan_links *links)
{
	free(links->items);
	*links = (struct plan_links){0};
}

const struct plan_link *plan_links_find(const struct plan_links *links,
					const struct inet_prefix *prefix,
					bool covering)
{
	for (size_t i = 0; i < links->count; i++) {
		const struct inet_prefix *network = &links->items[i].network;

		if (covering ? inet_prefix_covers(network, prefix)
			     : inet_prefix_covers(prefix, network))
			return &links->items[i];
	}
	return NULL;
}

bool plan_links_own(const struct inet_prefix *network, bool all)
{
	return all || inet_prefix_is_private(network);
}

bool plan_links_keep(const struct plan_links *links,
		     const struct config *config,
		     const struct inet_prefix *prefix)
{
	for (size_t i = 0; i < links->count; i++) {
		const struct inet_prefix *network = &links->items[i].network;

		if (plan_links_own(network, config->exclude_lan) &&
		    inet_prefix_covers(network, prefix))
			return true;
	}
	return false;
}

/*
 * Is it a part of what stays outside already, which is not much? All throws are
 * one after the other at the end of the list.
 */
static bool is_covered(const struct change_list *list,
		       const struct inet_prefix *network)
{
	for (size_t i = list->count; i-- > 0;) {
		const struct change *change = &list->items[i];

		if (change->kind != CHANGE_ROUTE ||
		    change->route.type != RTN_THROW)
			break;
		if (inet_prefix_covers(&change->route.destination, network))
			return true;
	}
	return false;
}

static int add_throw(const struct plan_routing *routing,
		     const struct inet_prefix *network,
		     struct change_list *list)
{
	struct change change = {
		.kind = CHANGE_ROUTE,
		.route =
			{
				.destination = *network,
				.table = routing->table,
				.type = RTN_THROW,
				.protocol = RTNL_PROTOCOL,
			},
	};

	if (change_list_routes(list, routing->table, network) ||
	    is_covered(list, network))
		return 0;
	return change_list_add(list, &change);
}

/*
 * What stays on a link whatever is routed: multicast and limited broadcast
 * (printers are found by these), link-local addresses (RFC 4291, 2.5.6).
 */
static const struct inet_prefix on_link[] = {
	{{AF_INET, {224}}, 4},
	{{AF_INET, {255, 255, 255, 255}}, 32},
	{{AF_INET6, {0xfe, 0x80}}, 10},
	{{AF_INET6, {0xff}}, 8},
};

static bool is_part(const struct plan_wanted *wanted,
		    const struct inet_prefix *network)
{
	for (size_t i = 0; i < wanted->count; i++) {
		if (inet_prefix_covers(&wanted->routes[i], network) &&
		    !inet_prefix_equal(&wanted->routes[i], network))
			return true;
	}
	return false;
}

static bool stays(const struct config *config, const struct plan_wanted *wanted,
		  const struct inet_prefix *network)
{
	return plan_links_own(network, config->exclude_lan) &&
	       (wanted->all || is_part(wanted, network));
}

int plan_outside(const struct config *config, const struct plan_wanted *wanted,
		 const struct plan_links *links,
		 const struct plan_routing *routing, struct change_list *list)
{
	size_t fixed = wanted->all ? sizeof(on_link) / sizeof(on_link[0]) : 0;
	int err = 0;

	for (size_t i = 0; !err && i < fixed; i++)
		err = add_throw(routing, &on_link[i], list);
	for (size_t i = 0; !err && i < config->exclude_count; i++)
		err = add_throw(routing, &config->exclude[i], list);
	for (size_t i = 0; !err && i < links->count; i++) {
		const struct inet_prefix *network = &links->items[i].network;

		if (links->items[i].reached && stays(config, wanted, network))
			err = add_throw(routing, network, list);
	}
	return err;
}
