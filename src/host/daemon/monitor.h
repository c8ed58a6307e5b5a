/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What others do to this host's network while we are up. */
#ifndef MINIVPN_HOST_DAEMON_MONITOR_H
#define MINIVPN_HOST_DAEMON_MONITOR_H

#include "host/kernel/monitor.h"

struct host;

struct host_monitor {
	struct monitor *monitor; /* NULL: nothing is watched */
	/* what: bits of enum monitor_what; not called while it stops */
	void (*changed)(struct host *host, unsigned what);
};

/* With Namespace: opens it while there are the privileges for that; -errno. */
int host_monitor_inside(struct host *host);

/* Once the tun device is there: begins to watch; failures are logged. */
void host_monitor_start(struct host *host);

/* The tun device is another one. */
void host_monitor_device(struct host *host);

/* Reports a change of that kind, whatever happens until then. */
void host_monitor_ask(struct host *host, unsigned what, double seconds);

void host_monitor_stop(struct host *host);

#endif
