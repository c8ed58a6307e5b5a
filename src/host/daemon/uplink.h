/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client's route to its server, which may be another from one moment on. */
#ifndef MINIVPN_HOST_DAEMON_UPLINK_H
#define MINIVPN_HOST_DAEMON_UPLINK_H

#include "common/reason.h"
#include "host/daemon/daemon_internal.h"

struct host_uplink {
	struct rtnl_route route; /* type RTN_UNSPEC: not known yet */
	bool gone;		 /* there is none, route is the last */
	bool unknown; /* the kernel can't be asked, and that is said */
};

/*
 * Makes the route to the current server what the kernel would do without it,
 * under this file and these settings. Nothing is left of it where there is no
 * way to the server.
 */
int host_uplink_route(struct host *host, const struct config *config,
		      const struct settings *settings, struct reason *reason);
/* Adds the route to the server, and the settings, that are applied. */
int host_uplink_keep(const struct host *host, struct change_list *list);
/* Of a server that is new, remembers the route: only another one is news. */
void host_uplink_note(struct host *host);
/*
 * The network has changed, but for what is ours. *moved: the server is reached
 * by another route than before. -errno where it is not, or that is not known.
 */
int host_uplink_check(struct host *host, bool *moved);
/* The network went while it was being set up: the next one will be news. */
void host_uplink_lose(struct host *host);
/* What is ours has changed: the route to the server is put back. */
void host_uplink_restore(struct host *host);
/* An error that a network that comes and goes makes; it will be another. */
bool host_uplink_trouble(int error);
/*
 * The sockets, which the tunnel process may have bound meanwhile, send from the
 * address that this route has. Where there was no network, to one of no use.
 */
bool host_uplink_is_bound(const struct host *host);

#endif
