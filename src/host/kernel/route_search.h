/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions about the host's routes: who has a destination already, and which
 * is the default route. Reads only.
 */
#ifndef MINIVPN_HOST_KERNEL_ROUTE_SEARCH_H
#define MINIVPN_HOST_KERNEL_ROUTE_SEARCH_H

#include "host/kernel/rtnl.h"

enum route_search_match {
	ROUTES_EQUAL,  /* the same destination */
	ROUTES_WITHIN, /* the same, or a part of it */
};

/*
 * The first unicast route of the main table, of any metric, that matches
 * prefix and leaves by another device than except ("": any device counts).
 * 1: found, in *route; 0: none; -errno.
 */
int route_search_find(struct rtnl *rtnl, const struct inet_prefix *prefix,
		      enum route_search_match match, const char *except,
		      struct rtnl_route *route);

/*
 * The default route of a family with the lowest metric, ours not counted.
 * -ENETUNREACH where there is none.
 */
int route_search_default(struct rtnl *rtnl, uint16_t family,
			 struct rtnl_route *route);

#endif
