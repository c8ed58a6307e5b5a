/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/monitor.h"

#include <errno.h>
#include <string.h>

#include "host/daemon/daemon_internal.h"

void host_monitor_device(struct host *host)
{
	struct rtnl_link link = {0};

	rtnl_link_read(host->context.rtnl, host->config->device, &link);
	host->context.tun_index = link.index;
	monitor_device(host->monitor->monitor, link.index);
}

static void changed(void *owner, unsigned what)
{
	struct host *host = owner;

	if (host->state != HOST_STOPPING)
		host->monitor->changed(host, what);
}

int host_monitor_inside(struct host *host)
{
	return monitor_open_inside(&host->monitor->monitor, host->loop,
				   host->context.netns_fd, changed, host);
}

void host_monitor_start(struct host *host)
{
	struct monitor **monitor = &host->monitor->monitor;
	int err = 0;

	if (!*monitor)
		err = monitor_open(monitor, host->loop, changed, host);
	if (err) {
		*monitor = NULL;
		log_warning("changes of this host's network can't be watched: "
			    "%s",
			    strerror(-err));
		return;
	}
	host_monitor_device(host);
	/* It may have changed before we began to listen. */
	monitor_ask(*monitor, MONITOR_OWN | MONITOR_LINKS, 0.);
}

void host_monitor_ask(struct host *host, unsigned what, double seconds)
{
	if (host->monitor->monitor)
		monitor_ask(host->monitor->monitor, what, seconds);
}

void host_monitor_stop(struct host *host)
{
	monitor_close(host->monitor->monitor);
	host->monitor->monitor = NULL;
}
