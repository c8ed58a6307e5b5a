/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/routes.h"

#include <errno.h>
#include <string.h>

static bool is_candidate(const struct rtnl_route *route, const char *except)
{
	return (route->table == RT_TABLE_MAIN || route->table == 0) &&
	       route->type == RTN_UNICAST && route->device[0] &&
	       strcmp(route->device, except) != 0;
}

static bool is_host_route(const struct rtnl_route *route)
{
	const struct inet_prefix *destination = &route->destination;

	return destination->length ==
	       8 * inet_size(destination->address.family);
}

/* As an address, a router's advertisement or DHCP makes it: a LAN. */
static bool is_link(const struct rtnl_route *route)
{
	return !route->gateway.family && route->destination.length > 0 &&
	       (route->protocol == RTPROT_KERNEL ||
		route->protocol == RTPROT_RA || route->protocol == RTPROT_DHCP);
}

static bool is_match(enum routes_match match, const struct inet_prefix *prefix,
		     const struct rtnl_route *route)
{
	const struct inet_prefix *destination = &route->destination;

	switch (match) {
	case ROUTES_EQUAL:
		return inet_prefix_equal(destination, prefix);
	case ROUTES_WITHIN:
		/* A host route of ours to a server takes nobody's network. */
		return inet_prefix_covers(prefix, destination) &&
		       !(is_host_route(route) &&
			 route->protocol == RTNL_PROTOCOL);
	case ROUTES_LINK:
		return is_link(route) &&
		       inet_prefix_covers(destination, prefix);
	}
	return false;
}

struct find {
	struct inet_prefix prefix;
	enum routes_match match;
	const char *except;
	struct rtnl_route *route;
};

static int find_visit(void *data, const struct rtnl_route *route)
{
	struct find *find = data;

	if (!is_candidate(route, find->except) ||
	    !is_match(find->match, &find->prefix, route))
		return 0;
	*find->route = *route;
	return 1;
}

int routes_find(struct rtnl *rtnl, const struct inet_prefix *prefix,
		enum routes_match match, const char *except,
		struct rtnl_route *route)
{
	struct find find = {
		.prefix = inet_prefix_network(prefix),
		.match = match,
		.except = except,
		.route = route,
	};

	return rtnl_route_each(rtnl, prefix->address.family, find_visit, &find);
}

struct search {
	struct inet_address to;
	const char *device;
	bool default_only;
	bool is_local;
	bool ours_in_the_way;
	struct rtnl_route best; /* type RTN_UNSPEC: none yet */
};

static bool is_better(const struct rtnl_route *route,
		      const struct rtnl_route *best)
{
	if (best->type == RTN_UNSPEC)
		return true;
	if (route->destination.length != best->destination.length)
		return route->destination.length > best->destination.length;
	return route->metric < best->metric;
}

static int search_visit(void *data, const struct rtnl_route *route)
{
	struct search *search = data;
	bool ours = route->protocol == RTNL_PROTOCOL ||
		    strcmp(route->device, search->device) == 0;

	if (!inet_prefix_contains(&route->destination, &search->to))
		return 0;
	if (route->type == RTN_LOCAL && !search->default_only) {
		search->is_local = true;
		return 0;
	}
	if (ours) {
		search->ours_in_the_way = true;
		return 0;
	}
	if (search->default_only && route->destination.length > 0)
		return 0;
	if (is_candidate(route, search->device) &&
	    is_better(route, &search->best))
		search->best = *route;
	return 0;
}

static int search_result(const struct search *search, struct rtnl_route *way)
{
	if (search->best.type == RTN_UNSPEC)
		return -ENETUNREACH;
	*way = search->best;
	return 0;
}

int routes_way(struct rtnl *rtnl, const struct inet_address *to,
	       const char *device, struct rtnl_route *way)
{
	struct search search = {.to = *to, .device = device};
	int error;

	error = rtnl_route_each(rtnl, to->family, search_visit, &search);
	if (error)
		return error;
	if (search.ours_in_the_way && !search.is_local)
		return search_result(&search, way);
	error = rtnl_route_get(rtnl, to, way);
	if (error)
		return error;
	/* RTM_GETROUTE does not say whether the gateway needs onlink. */
	way->onlink = search.best.type == RTN_UNICAST && search.best.onlink &&
		      strcmp(search.best.device, way->device) == 0 &&
		      inet_address_equal(&search.best.gateway, &way->gateway);
	return 0;
}

int routes_default(struct rtnl *rtnl, uint16_t family, struct rtnl_route *way)
{
	struct search search = {
		.to.family = family, .device = "", .default_only = true};
	int error;

	error = rtnl_route_each(rtnl, family, search_visit, &search);
	return error ? error : search_result(&search, way);
}
