/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client's routing while it is up: the table and rules of host/plan/routing.h
 * against what the network, its links and other programs do meanwhile.
 */
#ifndef MINIVPN_HOST_DAEMON_ROUTING_H
#define MINIVPN_HOST_DAEMON_ROUTING_H

#include "common/reason.h"
#include "host/daemon/daemon_internal.h"
#include "host/plan/plan.h"

/* Chooses the table, and marks the sockets. */
int host_routing_prepare(struct host *host, struct reason *reason);
/* Before a plan: where its rules go. */
void host_routing_choose(struct host *host, const struct config *config,
			 const struct settings *settings);
/* What a plan is made from, for the current server. */
struct plan_client host_routing_plan(const struct host *host,
				     const struct config *config,
				     const struct settings *settings);
/*
 * After each change of the network: what stays outside follows the links, our
 * rules go in front, and the kernel is asked whether what should go by the
 * tunnel does. Where it does not, -ENETUNREACH and why, and that is warned of.
 */
int host_routing_check(struct host *host, struct reason *reason);

#endif
