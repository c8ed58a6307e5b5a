/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rtnetlink (rtnetlink(7), linux/rtnetlink.h): links, addresses and routes.
 * Every request asks for an acknowledgement and waits for it; every reply's
 * sequence number, port and attributes are checked before use. Nothing here
 * decides what a host should look like: that is host/plan.
 */
#ifndef MINIVPN_HOST_KERNEL_RTNL_H
#define MINIVPN_HOST_KERNEL_RTNL_H

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/inet.h"

/* The rtm_protocol of every route and rule that is ours. */
#define RTNL_PROTOCOL 77

/* The mark of packets that go through no tunnel of ours: no rule takes them. */
#define RTNL_MARK_OUTSIDE 0x4d0000ffu

/* One NETLINK_ROUTE socket of the network namespace it was opened in. */
struct rtnl;

struct rtnl_route {
	struct inet_prefix destination; /* a length of 0: default */
	struct inet_address gateway;	/* family none: on link */
	struct inet_address source;	/* preferred source; family none: any */
	char device[IFNAMSIZ];		/* "": none (unreachable) */
	uint32_t metric;		/* 0: the kernel's default */
	uint32_t mtu;			/* bytes; 0: the device's */
	uint32_t table;			/* RT_TABLE_MAIN where 0 */
	uint8_t type;			/* RTN_UNICAST, RTN_UNREACHABLE ... */
	uint8_t protocol;		/* RTNL_PROTOCOL, RTPROT_KERNEL ... */
	bool onlink;			/* RTNH_F_ONLINK */
	/*
	 * IPv4: its scope is global, though it has no gateway. So the kernel
	 * passes it over when it searches the gateway of another route, which
	 * would else seem to be behind this one (fib_check_nh()). Write only.
	 */
	bool global;
	/*
	 * It has what has no member here: several next hops, of which gateway
	 * and device are the first, or an encapsulation. Read only.
	 */
	bool opaque;
};

/*
 * A rule of the routing policy (linux/fib_rules.h): packets that carry mark, or
 * that do not where unless is set, are looked up in table.
 */
struct rtnl_rule {
	uint16_t family;
	uint32_t priority;
	uint32_t mark, mask; /* mask 0: whatever the mark is */
	bool unless;	     /* FIB_RULE_INVERT */
	uint32_t table;	     /* 0: it does something else than look up */
	uint8_t protocol;
	/* It has other conditions than the mark. Read only. */
	bool conditional;
};

/* Owned by the caller; -errno. */
int rtnl_open(struct rtnl **rtnl);
void rtnl_close(struct rtnl *rtnl);

/*
 * What the kernel reported of the last request that failed (NLMSGERR_ATTR_MSG),
 * or "" where it gave only a number. Valid until the next request.
 */
const char *rtnl_reason(const struct rtnl *rtnl);

/* Index and MTU of a link; -ENODEV. Either may be NULL. */
int rtnl_link_get(struct rtnl *rtnl, const char *device, unsigned *index,
		  unsigned *mtu);

/* Its flags (IFF_UP ...) and MTU as well; -ENODEV. */
struct rtnl_link {
	unsigned index, mtu, flags;
};
int rtnl_link_read(struct rtnl *rtnl, const char *device,
		   struct rtnl_link *link);

/*
 * The name of a link, by this socket: if_indextoname() would look into the
 * namespace of the process. -ENODEV.
 */
int rtnl_link_name(struct rtnl *rtnl, unsigned index, char name[IFNAMSIZ]);

/* A link as all are listed. */
struct rtnl_entry {
	unsigned index, flags;
	unsigned master; /* index of the bridge or bond that it is in; 0 */
	char name[IFNAMSIZ];
	char kind[16]; /* "vlan", "bridge" ...; "": hardware, or lo */
};

/*
 * Calls visit for every link; stops where it returns other than 0, and returns
 * that. visit may not use the same rtnl. -EINTR: they changed meanwhile.
 */
typedef int (*rtnl_link_visit)(void *data, const struct rtnl_entry *entry);
int rtnl_link_each(struct rtnl *rtnl, rtnl_link_visit visit, void *data);

/* mtu 0 leaves it. The link is set up (IFF_UP) where up is true. */
int rtnl_link_set(struct rtnl *rtnl, const char *device, unsigned mtu, bool up);

/* Packets that may wait for the link (txqueuelen, IFLA_TXQLEN). */
int rtnl_link_queue(struct rtnl *rtnl, const char *device, unsigned packets);

/*
 * The link makes no link-local address of its own (IN6_ADDR_GEN_MODE_NONE).
 * 0 also where the kernel has no IPv6.
 */
int rtnl_link_no_autoconf(struct rtnl *rtnl, const char *device);

/*
 * NLM_F_EXCL: -EEXIST where it is there; del: -EADDRNOTAVAIL where not. An IPv6
 * address is one without duplicate address detection.
 */
int rtnl_address_add(struct rtnl *rtnl, const char *device,
		     const struct inet_prefix *prefix);
int rtnl_address_del(struct rtnl *rtnl, const char *device,
		     const struct inet_prefix *prefix);

/* 1: the device has it, with this length; 0: not; -errno, -ENODEV. */
int rtnl_address_has(struct rtnl *rtnl, const char *device,
		     const struct inet_prefix *prefix);

/*
 * add uses NLM_F_CREATE|NLM_F_EXCL: -EEXIST where any route with the same
 * destination, table and metric is there. del deletes only a route that
 * matches in destination, metric, protocol, type, gateway and device; -ESRCH
 * where there is none.
 */
int rtnl_route_add(struct rtnl *rtnl, const struct rtnl_route *route);
int rtnl_route_del(struct rtnl *rtnl, const struct rtnl_route *route);

/*
 * Routes that come and go with the peers of a server: several at once, and
 * without the look-up that rtnl_route_del() makes, as no other route is as
 * these are: host routes by the tun device with a metric that is at least
 * RTNL_PEER_METRIC. err becomes 0 or -errno; one that is there already, or gone
 * already, is no error. At most RTNL_PEER_ROUTES. -errno: none was tried, or
 * what has become of them is not known.
 */
#define RTNL_PEER_METRIC 0x10000
#define RTNL_PEER_ROUTES 100
struct rtnl_peer_route {
	struct inet_address address;
	uint32_t metric;
	bool add; /* else delete */
	int err;
};
int rtnl_peer_routes(struct rtnl *rtnl, const char *device,
		     struct rtnl_peer_route *routes, size_t count);

/* 1: there is a route that rtnl_route_del() would delete; 0: not; -errno. */
int rtnl_route_has(struct rtnl *rtnl, const struct rtnl_route *route);

/*
 * For many of these questions in a row: each table is read once at most. have:
 * as rtnl_route_has(); del: as rtnl_route_del(), for a route that was there
 * then. NULL: out of memory.
 */
struct rtnl_routes;
struct rtnl_routes *rtnl_routes_new(void);
int rtnl_routes_have(struct rtnl *rtnl, struct rtnl_routes *routes,
		     const struct rtnl_route *route);
int rtnl_routes_del(struct rtnl *rtnl, struct rtnl_routes *routes,
		    const struct rtnl_route *route);
void rtnl_routes_free(struct rtnl_routes *routes);

/*
 * The route that a packet with that mark would take to an address now
 * (RTM_GETROUTE): type, gateway, device, source, MTU, and the table that it
 * is in. -ENETUNREACH and others where there is none.
 */
int rtnl_route_get(struct rtnl *rtnl, const struct inet_address *to,
		   uint32_t mark, struct rtnl_route *route);

/*
 * The same question answered with the entry of the table itself, its
 * destination and metric (RTM_F_FIB_MATCH).
 */
int rtnl_route_match(struct rtnl *rtnl, const struct inet_address *to,
		     uint32_t mark, struct rtnl_route *route);

/* The same of the routes by that device; -ENODEV. */
int rtnl_route_by(struct rtnl *rtnl, const struct inet_address *to,
		  const char *device, struct rtnl_route *route);

/* 1: a table has a route of a family; 0: none; -errno. */
int rtnl_table_used(struct rtnl *rtnl, uint16_t family, uint32_t table);

/*
 * add: -EEXIST where the same rule is there; del: -ENOENT where it is not, and
 * only the rule that agrees in everything goes.
 */
int rtnl_rule_add(struct rtnl *rtnl, const struct rtnl_rule *rule);
int rtnl_rule_del(struct rtnl *rtnl, const struct rtnl_rule *rule);
/* 1: it is there; 0: it is not; -errno. */
int rtnl_rule_has(struct rtnl *rtnl, const struct rtnl_rule *rule);

/* All rules of a family in the order in which the kernel tries them. */
typedef int (*rtnl_rule_visit)(void *data, const struct rtnl_rule *rule);
int rtnl_rule_each(struct rtnl *rtnl, uint16_t family, rtnl_rule_visit visit,
		   void *data);

/* Every address of every link, with the index of the link. */
typedef int (*rtnl_address_visit)(void *data, unsigned index,
				  const struct inet_prefix *prefix);
int rtnl_address_each(struct rtnl *rtnl, rtnl_address_visit visit, void *data);

/*
 * Calls visit for every route of a family in one table; stops where it returns
 * other than 0, and returns that. Left out: cloned ones, and those bound to a
 * source or a TOS, which struct rtnl_route has no members for. Of several
 * nexthops it is the first; a refusal (unreachable ...) has no device. visit
 * may use the same rtnl. -EAGAIN: the routes never stood still. The main table
 * may have a million: ask for one there.
 */
typedef int (*rtnl_route_visit)(void *data, const struct rtnl_route *route);
int rtnl_table_each(struct rtnl *rtnl, uint16_t family, uint32_t table,
		    rtnl_route_visit visit, void *data);

#endif
