/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/kernel/route_search.h"

#include <errno.h>
#include <string.h>

/* Four at each end. */
#define SAMPLES 8

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

/*
 * Addresses in a network, by which its routes are asked for: at its ends, and
 * beside them, as the kernel has routes of its own to the addresses of this
 * host and to the ends of its links' networks.
 */
static struct inet_address sample_of(const struct inet_prefix *network,
				     unsigned number)
{
	bool last = number % 2;
	struct inet_address sample =
		last ? inet_prefix_last(network) : network->address;
	size_t size = inet_size(sample.family);

	if (8 * size >= network->length + 2u)
		sample.bytes[size - 1] ^= number / 2;
	return sample;
}

/* No other address in the network tells more of routes to just that. */
static bool is_answer(enum route_search_match match,
		      const struct inet_prefix *network,
		      const struct rtnl_route *route)
{
	return match == ROUTES_EQUAL &&
	       inet_prefix_covers(&route->destination, network);
}

int route_search_find(struct rtnl *rtnl, const struct inet_prefix *prefix,
		      enum route_search_match match, const char *except,
		      struct rtnl_route *route)
{
	struct inet_prefix network = inet_prefix_network(prefix);

	for (unsigned i = 0; i < SAMPLES; i++) {
		struct inet_address sample = sample_of(&network, i);

		if (rtnl_route_match(rtnl, &sample, RTNL_MARK_OUTSIDE, route))
			continue;
		if (is_candidate(route, except) &&
		    is_match(match, &network, route))
			return 1;
		if (is_answer(match, &network, route))
			return 0;
	}
	return 0;
}

int route_search_internet(struct rtnl *rtnl, uint16_t family, uint32_t mark,
			  struct rtnl_route *route)
{
	/* RFC 5737, RFC 3849. */
	static const struct inet_address ipv4 = {AF_INET, {192, 0, 2, 1}};
	static const struct inet_address ipv6 = {
		AF_INET6,
		{0x20, 0x01, 0x0d, 0xb8, [15] = 1},
	};
	int err = rtnl_route_match(rtnl, family == AF_INET ? &ipv4 : &ipv6,
				   mark, route);

	return !err && route->type != RTN_UNICAST ? -ENETUNREACH : err;
}
