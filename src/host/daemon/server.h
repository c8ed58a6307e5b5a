/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server's half of the host process: sockets, plan, leases. */
#ifndef MINIVPN_HOST_DAEMON_SERVER_H
#define MINIVPN_HOST_DAEMON_SERVER_H

#include "common/config/config.h"
#include "common/reason.h"
#include "host/change/change.h"

struct host;

int host_server_open_sockets(struct host *host, struct reason *reason);
/* What is changed of this host before there is a tunnel process. */
int host_server_prepare(struct host *host, struct reason *reason);
/* The tunnel process can be told of the leases, and the tunnel is up. */
void host_server_ready(struct host *host);
/* There is room in the channel again. */
void host_server_drained(struct host *host);
/* A link has come, gone or changed: see plan_server_new_links(). */
void host_server_check_links(struct host *host);
/* What belongs to this host under another file; -errno, with the reason. */
int host_server_replan(struct host *host, const struct config *next,
		       struct change_list *wanted, struct reason *reason);

#endif
