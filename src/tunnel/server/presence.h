/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells host which peers have come and gone, several in a message: for the
 * routes that PeerRoutes asks for. What a peer has is not told, as host knows
 * that from the file and the leases.
 */
#ifndef MINIVPN_TUNNEL_SERVER_PRESENCE_H
#define MINIVPN_TUNNEL_SERVER_PRESENCE_H

#include <ev.h>

#include "common/ipc/channel.h"

struct presence {
	struct ev_loop *loop;
	struct channel *channel;
	struct channel_message message; /* what is not sent yet */
	ev_prepare before_sleep;
};

/* The channel outlives it. */
void presence_init(struct presence *presence, struct ev_loop *loop,
		   struct channel *channel);

/* It is sent before the loop waits again, in the order of the calls. */
void presence_tell(struct presence *presence, const char *name, bool connected);

/* Sends what is left. All zero is allowed. */
void presence_stop(struct presence *presence);

#endif
