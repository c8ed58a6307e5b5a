/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What link.c, address.c, route.c and rule.c share, and what monitor.c reads of
 * the kernel's notifications.
 */
#ifndef MINIVPN_HOST_KERNEL_RTNL_INTERNAL_H
#define MINIVPN_HOST_KERNEL_RTNL_INTERNAL_H

#include "host/kernel/netlink.h"
#include "host/kernel/rtnl.h"

struct rtnl {
	struct netlink netlink;
};

/* A route as the kernel reports it, before its device has a name. */
struct rtnl_reading {
	struct rtnl_route route;
	unsigned index; /* of the device; 0: none */
	bool multipath; /* more nexthops than this first one */
	bool foreign;	/* cloned, or bound to what rtnl_route has no member for
			 */
};

/*
 * An RTM_NEWROUTE or RTM_DELROUTE message. -EPROTO: not one, malformed, or of
 * another family. The device is left as its index.
 */
int rtnl_read_route(const struct nlmsghdr *message, uint16_t family,
		    struct rtnl_reading *reading);

/* An RTM_NEWRULE or RTM_DELRULE message; -EPROTO. */
int rtnl_read_rule(const struct nlmsghdr *message, struct rtnl_rule *rule);

/* As rtnl_route_match(), but the device is an index alone. */
int rtnl_route_ask(struct rtnl *rtnl, const struct inet_address *to,
		   uint32_t mark, struct rtnl_reading *reading);

#endif
