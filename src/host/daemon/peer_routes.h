/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PeerRoutes: a host route by the tun device for each address of each connected
 * client, for a routing daemon to announce.
 *
 * They stand in no journal. There may be tens of thousands, which come and go
 * with the clients, and each goes with the tun device, which is gone when the
 * last process that holds it is: so nothing is left after a kill of all of
 * ours. For the same reason nobody who removes one has it put back; reload
 * does that.
 *
 * The tunnel process says who is there by name, and nothing else: an address is
 * the one in the file, or in a lease that the file allows.
 *
 * A route's metric tells when it was made: of two servers that have granted one
 * address, the later one's is the smaller, wherever it is announced. It has 24
 * bits, as OSPF has (RFC 2328, section A.4.5), in units of four seconds: it
 * begins anew after two years.
 */
#ifndef MINIVPN_HOST_DAEMON_PEER_ROUTES_H
#define MINIVPN_HOST_DAEMON_PEER_ROUTES_H

#include "common/ipc/channel.h"
#include "host/daemon/daemon_internal.h"

struct peer_routes_peer;
struct peer_routes_route;

struct host_peer_routes {
	struct peer_routes_peer *peers;	  /* by name */
	struct peer_routes_route *routes; /* by address */
	/* Those that are not as they should be, in the order of their news. */
	struct peer_routes_route *queue;
	ev_timer flush;
	struct log_limit lines;
};

void host_peer_routes_init(struct host *host);
/* From the tunnel process. */
void host_peer_routes_take(struct host *host,
			   const struct channel_message *message);
/* The tunnel process has ended: nobody is connected. */
void host_peer_routes_end(struct host *host);
/* All of them are asked of the kernel again. */
void host_peer_routes_renew(struct host *host);
/* Frees all; the routes themselves go with the tun device. */
void host_peer_routes_free(struct host *host);

#endif
