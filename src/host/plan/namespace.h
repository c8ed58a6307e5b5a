/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of a client's plan that Namespace makes: see plan.h. */
#ifndef MINIVPN_HOST_PLAN_NAMESPACE_H
#define MINIVPN_HOST_PLAN_NAMESPACE_H

#include "common/reason.h"
#include "host/plan/plan.h"

/* The namespace that a tunnel is for, where it is not that of the process. */
struct plan_inside {
	struct netns place;
	struct rtnl *rtnl; /* in it; NULL: it can't be entered, or is new */
	bool ipv6;	   /* a new device in it will take IPv6 addresses */
};

/* What it takes to give a new namespace its name; -ENOMEM. */
int plan_netns(const struct netns *place, struct change_list *list);

/*
 * As plan_client(), with the device, in another namespace: client->rtnl is that
 * of the process, from which the server is reached, and which gets no routes at
 * all. applied: what is applied already (may be NULL), of which the list keeps
 * what plan_netns() and this function have made for good.
 */
int plan_client_inside(const struct plan_client *client,
		       const struct plan_inside *inside,
		       const struct change_list *applied,
		       struct change_list *list, struct reason *reason);

/*
 * What both do: link, addresses, routes, resolver, as if they were for our own
 * namespace. inside NULL: they are.
 */
int plan_client_rest(const struct plan_client *client,
		     const struct plan_inside *inside, struct change_list *list,
		     struct reason *reason);

/* The tun device alone, as plan_client_device(). */
int plan_device_inside(const struct config *config, const struct netns *place,
		       const struct change_list *applied,
		       struct change_list *list);

/* KillSwitch: nothing but the tunnel; datagrams to the server do not go there.
 */
void plan_killswitch_inside(const struct config *config,
			    const struct netns *place, struct change *change);

#endif
