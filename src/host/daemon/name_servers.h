/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client's name servers while it is up: they are set again when somebody else
 * changes them or systemd-resolved is restarted, and a warning says while names
 * are asked for outside the tunnel; and who can still be asked for the server's
 * name while the tunnel is down.
 */
#ifndef MINIVPN_HOST_DAEMON_NAME_SERVERS_H
#define MINIVPN_HOST_DAEMON_NAME_SERVERS_H

#include "host/daemon/daemon_internal.h"
#include "host/dns/resolv_conf_watch.h"
#include "host/dns/systemd_resolved.h"

/* One of the two places of our name servers, and who else writes there. */
struct host_name_keeper {
	struct host *host;
	enum change_kind kind;
	ev_timer timer;
	bool waiting;	 /* theirs is applied until the timer */
	double asserted; /* seconds, with sleep, of the last time; 0: never */
	unsigned soon;	 /* rewrites in a row that came soon after that */
	struct log_limit lines;
	char trouble[HOST_REASON_SIZE]; /* "": none */
};

struct host_name_servers {
	bool active; /* what is applied is watched */
	struct resolv_conf_watch *watch;
	struct systemd_resolved_watch *systemd_resolved_watch;
	struct host_name_keeper file, link;
	char outside[HOST_REASON_SIZE]; /* who is asked there; "": nobody */
};

/* Keeps what is applied now; to be called after each transition. */
void host_name_servers_watch(struct host *host);
void host_name_servers_stop(struct host *host);

/*
 * The name servers that this host has without the tunnel, and the uplink to
 * each; their number.
 */
size_t host_name_servers_outside(struct host *host,
				 struct lookup_server *servers, size_t size);

#endif
