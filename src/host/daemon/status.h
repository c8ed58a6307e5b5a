/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `status` shows, as JSON; the fields are listed in minivpn(8). */
#ifndef MINIVPN_HOST_DAEMON_STATUS_H
#define MINIVPN_HOST_DAEMON_STATUS_H

#include <jansson.h>
#include <stdbool.h>

#include "common/ipc/channel.h"

struct host;

/*
 * All but a server's clients. peer: a client's server, as below, or NULL; total
 * NULL: the tunnel process does not say. whole: with the changes, which may be
 * many.
 */
json_t *host_status(const struct host *host, json_t *peer,
		    const struct traffic *total, bool whole);
json_t *host_status_peer(const struct host *host,
			 const struct channel_peer *peer);

/* What `status --watch` asks for each second: a few fields of a client. */
json_t *host_status_rates(const struct channel_peer *peer);

#endif
