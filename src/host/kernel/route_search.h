/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions about the host's routes: who has a destination already, and what
 * leads to the internet. However many routes there are, none is read that was
 * not asked for.
 */
#ifndef MINIVPN_HOST_KERNEL_ROUTE_SEARCH_H
#define MINIVPN_HOST_KERNEL_ROUTE_SEARCH_H

#include "host/kernel/rtnl.h"

enum route_search_match {
	ROUTES_EQUAL,  /* the same destination */
	ROUTES_WITHIN, /* the same, or a part of it */
};

/*
 * A unicast route of the main table that matches prefix and leaves by another
 * device than except ("": any device counts), found by what the kernel says of
 * some addresses in prefix: one that others hide there is not found.
 * 1: found, in *route; 0: none.
 */
int route_search_find(struct rtnl *rtnl, const struct inet_prefix *prefix,
		      enum route_search_match match, const char *except,
		      struct rtnl_route *route);

/*
 * The route by which packets with that mark would leave for the internet.
 * -ENETUNREACH and others where there is none.
 */
int route_search_internet(struct rtnl *rtnl, uint16_t family, uint32_t mark,
			  struct rtnl_route *route);

#endif
