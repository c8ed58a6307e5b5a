/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client's routing policy: the tunnel's routes are in a table of their own,
 * and rules in front of all others send there what does not bear the mark of
 * the tunnel's own packets. Which number, mark and priority that takes on this
 * host is found here; what stays outside of the table is in outside.h.
 */
#ifndef MINIVPN_HOST_PLAN_ROUTING_H
#define MINIVPN_HOST_PLAN_ROUTING_H

#include "common/config/config.h"
#include "host/change/change.h"
#include "host/nft/block.h"

/* The first table, and as many tunnels as one host may have. */
#define PLAN_TABLE  77
#define PLAN_TABLES 8

/* The mark of a packet that goes through no tunnel of ours. */
#define PLAN_ROUTING_ANY RTNL_MARK_OUTSIDE
/* The bits of a mark that are ours: others may set those between. */
#define PLAN_ROUTING_MASK 0xff0000ffu

#define PLAN_NO_PRIORITY UINT32_MAX

struct plan_routing {
	uint32_t table;
	/* Of the rules, IPv4 and IPv6; PLAN_NO_PRIORITY: not chosen yet. */
	uint32_t priority[2];
};

/* A table that nobody uses, routes or rules. -EUSERS where none is free. */
int plan_routing_find(struct rtnl *rtnl, struct plan_routing *routing);

/*
 * Chooses priorities in front of the rules of all others, where those that it
 * has are not: all: for a tunnel that takes everything, which goes behind those
 * of ours that take some networks. 1: they have changed; 0: not, or there is no
 * room in front; -errno.
 */
int plan_routing_front(struct rtnl *rtnl, bool all,
		       struct plan_routing *routing);

/*
 * What the tunnel's own packets bear (SO_MARK). A tunnel goes through those
 * whose tables have lower numbers, and never the other way round: so that two
 * of them make no loop, whichever rule goes first.
 */
uint32_t plan_routing_mark(const struct plan_routing *routing);

/* The rule of one family. */
struct change plan_routing_rule(const struct plan_routing *routing,
				uint16_t family);

/*
 * Where the tunnel's own packets leave by the device of another VPN, to whose
 * table a rule of that VPN sends all that lacks its mark (wg-quick(8)), packets
 * with that mark are its own: a rule in front of ours sends them to main, or
 * they would go into this tunnel, and round and round. What a tunnel of ours
 * below this one has of that kind is passed on. Added to list for the families
 * whose rule, plan_routing_rule(), is in it.
 */
int plan_routing_outer(struct rtnl *rtnl, const struct plan_routing *routing,
		       const char *device, struct change_list *list);

/* Is that the table of another tunnel than this one? */
bool plan_routing_is_other(const struct plan_routing *routing, uint32_t table);

/*
 * The block of what is to leave by no other device than the tun, as the routes
 * in list have it (block.c). 1; 0: nothing; -E2BIG where that is too much, or
 * -ENOMEM. block->networks is the caller's in each case.
 */
int plan_block(const struct config *config, const struct plan_routing *routing,
	       const struct change_list *list, struct nft_block *block);

#endif
