/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the host process share. Each part has its own header, with
 * its own state, and knows those that stand below it: host.c, on top, makes
 * them and wires what a part reports to the one that wants to know.
 */
#ifndef MINIVPN_HOST_DAEMON_DAEMON_INTERNAL_H
#define MINIVPN_HOST_DAEMON_DAEMON_INTERNAL_H

#include <ev.h>

#include "common/config/config.h"
#include "common/config/settings.h"
#include "common/log.h"
#include "common/reason.h"
#include "host/change/journal.h"
#include "host/dns/lookup.h"
#include "host/plan/routing.h"
#include "host/process/launcher.h"
#include "tunnel/tunnel.h"

#define HOST_REASON_SIZE 512

enum host_state {
	HOST_STARTING,
	HOST_UP,
	HOST_RECONNECTING, /* client: was up, and will be */
	HOST_STOPPING,
};

/* The UDP sockets that each tunnel process is given; -1 for one there is not.
 */
struct host_sockets {
	int fds[TUNNEL_SOCKETS];
	unsigned count;
};

/* The addresses of the servers that a client tries beside each other. */
struct host_endpoints {
	struct lookup_result list[LOOKUP_RESULTS];
	size_t count;
	struct inet_endpoint current; /* family none: none yet */
	unsigned current_host;	      /* index into config->servers */
};

/* A client's routing policy: see routing.h. */
struct host_routing {
	struct plan_routing plan;
	/* How often rules of others have made us move ours. */
	struct log_limit moves;
};

struct host {
	struct ev_loop *loop;
	struct config *config;
	enum host_state state;
	struct change_context context;
	struct journal *journal;
	struct launcher launcher;
	struct host_sockets sockets;

	/* A client's. */
	struct host_endpoints endpoints;
	struct host_routing routing;
	struct settings settings; /* what the server says, as far as wanted */
	bool configured;	  /* settings are applied */

	/* Each part's own. */
	struct host_block *block;
	struct host_client *client;
	struct host_killswitch *killswitch;
	struct host_leases *leases;
	struct host_lifecycle *lifecycle;
	struct host_monitor *monitor;
	struct host_mtu *mtu;
	struct host_name_servers *name_servers;
	struct host_namespace *namespace;
	struct host_peer_routes *peer_routes;
	struct host_reload *reload;
	struct host_restore *restore;
	struct host_tunnel *tunnel;
	struct host_uplink *uplink;
	struct host_usage *usage;
	struct host_warnings *warnings;
};

/* What the tunnel's own packets bear; 0 where that makes no difference. */
uint32_t host_mark(const struct host *host);

/* The addresses of the tun device that are applied; their number. */
size_t host_addresses(const struct host *host, struct inet_prefix *list,
		      size_t size);

/* As transition_to() and transition_ensure(), with host's own journal. */
int host_transition(struct host *host, const struct change_list *wanted,
		    struct reason *reason);
int host_ensure(struct host *host, const struct change *change,
		struct reason *reason);

#endif
