/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client's name servers while it is up: they are set again when somebody else
 * changes them or systemd-resolved is restarted, and a warning says while names
 * are asked for outside the tunnel; and who can still be asked for the server's
 * name while the tunnel is down.
 */
#ifndef MINIVPN_HOST_DAEMON_NAME_SERVERS_H
#define MINIVPN_HOST_DAEMON_NAME_SERVERS_H

#include "host/dns/lookup_query.h"

struct host;
struct host_dns;

/* Looks after what is in force now; to be called after each transition. */
void host_name_servers_watch(struct host *host);
void host_name_servers_stop(struct host *host);

/*
 * The name servers that this host has without the tunnel, and the uplink to
 * each; their number.
 */
size_t host_name_servers_outside(struct host *host,
				 struct lookup_server *servers, size_t size);

#endif
