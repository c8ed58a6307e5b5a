/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tun device's MTU follows what the tunnel process finds out. */
#ifndef MINIVPN_HOST_DAEMON_MTU_H
#define MINIVPN_HOST_DAEMON_MTU_H

#include "common/rate.h"
#include "host/daemon/daemon_internal.h"

struct host_mtu {
	unsigned planned; /* client: by the route to the server; or 0 */
	unsigned next;	  /* client: the same, of a plan not applied yet */
	unsigned found;	  /* client: by the search; 0: none yet */
	unsigned wanted;  /* client: to be set by later */
	struct rate changes;
	ev_timer later;
};

/* Prepares the sockets for the search, or for what the file says the MTU is. */
void host_mtu_sockets(struct host *host);

/* What the tunnel process goes by; 0: the file says it. */
unsigned host_mtu_current(const struct host *host);

/*
 * Client: in a plan for config, what was found goes before the route's. Once
 * the plan is applied, host_mtu_take() is to be called.
 */
void host_mtu_limit(struct host *host, const struct config *config,
		    struct change_list *list);
void host_mtu_take(struct host *host);

/* Client: the tunnel process says what the path carries. */
void host_mtu_found(struct host *host, unsigned mtu);
void host_mtu_free(struct host *host);

#endif
