/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a server's clients have sent and got, as its tunnel process says. */
#ifndef MINIVPN_HOST_DAEMON_USAGE_H
#define MINIVPN_HOST_DAEMON_USAGE_H

#include "common/ipc/channel.h"
#include "host/daemon/daemon_internal.h"
#include "host/daemon/usage_store.h"

struct host_usage {
	struct usage_store *store; /* NULL: not a server */
	ev_timer write;
};

/* Reads the file; -errno. */
int host_usage_open(struct host *host);
/* From the tunnel process: sessions that are over. */
void host_usage_take(struct host *host, const struct channel_message *message);
/* The same: a part of a status, of a session that goes on. */
void host_usage_note(struct host *host, const struct channel_peer *peer);
/* It has ended, and with it all sessions. */
void host_usage_end(struct host *host);
/* Writes the file. Nothing where there is none. */
void host_usage_close(struct host *host);

#endif
