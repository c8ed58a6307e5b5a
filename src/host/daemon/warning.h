/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the person who runs this should know of, for as long as it is so. */
#ifndef MINIVPN_HOST_DAEMON_WARNING_H
#define MINIVPN_HOST_DAEMON_WARNING_H

#include "host/daemon/daemon_internal.h"

/* What is not as it should be while it is up, one text each. */
enum host_warning {
	HOST_WARNING_ROUTES,	 /* traffic leaves beside the tunnel */
	HOST_WARNING_UNDONE,	 /* what is ours is gone, and what it is */
	HOST_WARNING_NAMES,	 /* names are asked for outside the tunnel */
	HOST_WARNING_KILLSWITCH, /* what the kill switch cuts off */
	HOST_WARNING_TUN, /* what the tun device should do, and does not */
	HOST_WARNINGS
};

/* What in this host's own firewall stands in the way (server). */
#define HOST_OBSTACLES 4
struct host_obstacles {
	char text[HOST_OBSTACLES][HOST_REASON_SIZE];
	size_t count;
};

struct host_warnings {
	char text[HOST_WARNINGS][HOST_REASON_SIZE]; /* "": none */
	struct host_obstacles obstacles;
};

/*
 * Something is so from now on, or is over (text NULL). What is new is logged;
 * `status` shows it, and `up` says it where it answers only later.
 */
void host_warn(struct host *host, enum host_warning which, const char *text);

/* The same for all obstacles that there are now. */
void host_warn_obstacles(struct host *host, const struct host_obstacles *now);

/* That one is so now. */
bool host_is_warned(const struct host *host, enum host_warning which);

/* All that are so now, from index 0 on, the obstacles too; NULL. */
const char *host_warning(const struct host *host, unsigned index);

#endif
