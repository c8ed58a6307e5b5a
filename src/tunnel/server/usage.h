/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells host what each peer's sessions have carried, several in a message: host
 * keeps that over the end of a session, and of this process.
 */
#ifndef MINIVPN_TUNNEL_SERVER_USAGE_H
#define MINIVPN_TUNNEL_SERVER_USAGE_H

#include <ev.h>

#include "common/ipc/channel.h"

struct usage {
	struct ev_loop *loop;
	struct channel *channel;
	struct channel_message message; /* what is not sent yet */
	ev_prepare before_sleep;
};

/* The channel outlives it. */
void usage_init(struct usage *usage, struct ev_loop *loop,
		struct channel *channel);

/* It is sent before the loop waits again, in the order of the calls. */
void usage_tell(struct usage *usage, const struct channel_usage *peer);

/* Sends what is left. All zero is allowed. */
void usage_flush(struct usage *usage);

#endif
