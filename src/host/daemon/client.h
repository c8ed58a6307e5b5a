/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client's half of the host process: which server, and what it says. */
#ifndef MINIVPN_HOST_DAEMON_CLIENT_H
#define MINIVPN_HOST_DAEMON_CLIENT_H

#include "common/ipc/channel.h"
#include "common/reason.h"
#include "host/daemon/daemon_internal.h"

struct host_client {
	size_t next; /* endpoint, to be the first; count: names are asked before
		      */
	struct lookup *lookup;
	bool answered;	/* host->endpoints.current, in this round */
	bool refused;	/* one of this round has refused us */
	ev_timer again; /* asks for the names once more */
	/* Hashes of what was logged since it was last up, the oldest goes. */
	uint32_t logged[LOOKUP_RESULTS];
	unsigned logged_next;
	struct settings pushed; /* what the server says, all of it */
	uint32_t rtt_us;	/* when it came up */
};

void host_client_init(struct host *host);
int host_client_open_sockets(struct host *host);
/* What is changed of this host before there is a tunnel process. */
int host_client_prepare(struct host *host, struct reason *reason);
void host_client_free(struct host *host);

/* As host_server_replan(); nothing is wanted before it has been up. */
int host_client_replan(struct host *host, const struct config *next,
		       struct change_list *wanted, struct reason *reason);
/* host->config is another, and applied. */
void host_client_take(struct host *host);

/*
 * The network has changed, but for what is ours; awake: and the machine was
 * suspended.
 */
void host_client_check(struct host *host, bool awake);

/* From the tunnel process: it wants the next addresses to try. */
void host_client_next_endpoint(struct host *host);
/* It goes on with this one, of those that it was given. */
void host_client_answered(struct host *host,
			  const struct inet_endpoint *endpoint);
/* What the server has pushed. */
void host_client_config(struct host *host, const struct settings *pushed);
/* The session carries packets, or does not any more. */
void host_client_up(struct host *host, uint32_t rtt_us);
void host_client_lost(struct host *host, int error, const char *reason);

#endif
