/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/kernel/route_search.h"

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

static bool is_match(enum route_search_match match,
		     const struct inet_prefix *prefix,
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
	}
	return false;
}

struct find {
	struct inet_prefix prefix;
	enum route_search_match match;
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

int route_search_find(struct rtnl *rtnl, const struct inet_prefix *prefix,
		      enum route_search_match match, const char *except,
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
	struct rtnl_route best; /* type RTN_UNSPEC: none yet */
};

static bool is_better(const struct rtnl_route *route,
		      const struct rtnl_route *best)
{
	return best->type == RTN_UNSPEC || route->metric < best->metric;
}

static int search_visit(void *data, const struct rtnl_route *route)
{
	struct search *search = data;

	if (route->protocol != RTNL_PROTOCOL && !route->destination.length &&
	    is_candidate(route, "") && is_better(route, &search->best))
		search->best = *route;
	return 0;
}

int route_search_default(struct rtnl *rtnl, uint16_t family,
			 struct rtnl_route *route)
{
	struct search search = {0};
	int err = rtnl_route_each(rtnl, family, search_visit, &search);

	if (err)
		return err;
	if (search.best.type == RTN_UNSPEC)
		return -ENETUNREACH;
	*route = search.best;
	return 0;
}
