/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What others do to this host's network while we are up. */
#include <errno.h>
#include <string.h>

#include "host/daemon/host_internal.h"

void host_monitor_device(struct host *host)
{
	struct rtnl_link link = {0};

	rtnl_link_read(host->context.rtnl, host->config->device, &link);
	host->context.tun_index = link.index;
	monitor_device(host->monitor, link.index);
}

/* What is ours comes back as news as well: the uplink is not moved for that. */
static void look_at_routing(struct host *host, unsigned what)
{
	char reason[HOST_REASON_SIZE];

	if (what & (MONITOR_UPLINK | MONITOR_AWAKE))
		host_uplink_check(host, what & MONITOR_AWAKE);
	else if (what & MONITOR_OWN)
		host_uplink_restore(host);
	if (what & MONITOR_NETWORK && host->configured)
		host_routing_check(host, reason, sizeof(reason));
}

static void look(void *owner, unsigned what)
{
	struct host *host = owner;

	if (host->state == HOST_STOPPING)
		return;
	/* What is missing may come back with a network of others. */
	if (what & (MONITOR_OWN | MONITOR_SETTINGS) ||
	    (what & MONITOR_UPLINK && host_restore_waits(host)))
		host_restore(host);
	if (what & MONITOR_TABLES)
		host_restore_tables(host);
	if (what & MONITOR_NETWORK)
		host_killswitch_check(host);
	if (host->config->role == CONFIG_CLIENT)
		look_at_routing(host, what);
	if (host->config->role == CONFIG_SERVER &&
	    what & (MONITOR_TABLES | MONITOR_SETTINGS))
		host_firewall_check(host);
}

int host_monitor_inside(struct host *host)
{
	return monitor_open_inside(&host->monitor, host->loop,
				   host->context.netns_fd, look, host);
}

void host_monitor_start(struct host *host)
{
	int error = 0;

	if (!host->monitor)
		error = monitor_open(&host->monitor, host->loop, look, host);

	if (error) {
		host->monitor = NULL;
		log_warning("changes of this host's network can't be watched: "
			    "%s",
			    strerror(-error));
		return;
	}
	host_monitor_device(host);
	/* It may have changed before we began to listen. */
	monitor_ask(host->monitor, MONITOR_OWN, 0.);
	if (host->config->role == CONFIG_SERVER)
		host_firewall_check(host);
}
