/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What rtnl.c (links, addresses), rtnl_route.c (routes) and rtnl_reading.c (the
 * kernel's word about a route) share.
 */
#ifndef MINIVPN_HOST_RTNL_INTERNAL_H
#define MINIVPN_HOST_RTNL_INTERNAL_H

#include "host/netlink.h"
#include "host/rtnl.h"

struct rtnl {
	struct netlink netlink;
};

/*
 * The name of a link, by this socket: if_indextoname() would look into the
 * namespace of the process. -ENODEV.
 */
int rtnl_link_name(struct rtnl *rtnl, unsigned index, char name[IFNAMSIZ]);

/* A route as the kernel reports it, before its device has a name. */
struct rtnl_reading {
	struct rtnl_route route;
	unsigned index; /* of the device; 0: none */
	bool multipath; /* more nexthops than this first one */
	bool foreign;	/* cloned, or bound to what rtnl_route can't say */
};

/*
 * An RTM_NEWROUTE or RTM_DELROUTE message. -EPROTO: not one, malformed, or of
 * another family. The device is left as its index.
 */
int rtnl_read_route(const struct nlmsghdr *message, uint16_t family,
		    struct rtnl_reading *reading);

#endif
