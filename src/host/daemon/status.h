/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `status` shows, as JSON; the fields are listed in minivpn(8). */
#ifndef MINIVPN_HOST_DAEMON_STATUS_H
#define MINIVPN_HOST_DAEMON_STATUS_H

#include <jansson.h>

#include "common/ipc/channel.h"

struct host;

/* peers: as below, of all. total NULL: the tunnel process does not say. */
json_t *host_status(const struct host *host, json_t *peers,
		    const struct traffic *total);
json_t *host_status_peer(const struct host *host,
			 const struct channel_peer *peer);

#endif
