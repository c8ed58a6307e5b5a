/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server's leases, as the tunnel process gives them out, on disk. */
#ifndef MINIVPN_HOST_DAEMON_LEASES_H
#define MINIVPN_HOST_DAEMON_LEASES_H

#include "common/ipc/channel.h"
#include "host/daemon/daemon_internal.h"
#include "host/daemon/lease_store.h"

struct host_leases {
	struct lease_store *store; /* NULL: not a server */
	struct log_limit writes;   /* of the file */
	ev_timer write;
};

/* Reads the file; -errno. */
int host_leases_open(struct host *host);
/* To the tunnel process: all that are known. */
void host_leases_send(struct host *host);
/* From it: one to be kept. */
void host_leases_taken(struct host *host,
		       const struct channel_message *message);
/* Writes the file. Nothing where there is none. */
void host_leases_close(struct host *host);

#endif
