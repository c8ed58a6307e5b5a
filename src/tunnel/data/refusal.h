/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many ICMP messages are sent to those whose packets are too large for
 * their path. A peer has a limit of its own, for what it sends and for what
 * others send to it, so that none uses up what senders to another one need.
 * Within that each sender has its own.
 */
#ifndef MINIVPN_TUNNEL_DATA_REFUSAL_H
#define MINIVPN_TUNNEL_DATA_REFUSAL_H

#include "common/inet.h"
#include "common/rate.h"

#define REFUSAL_SENDERS 8

/* All zero: nothing has been sent. */
struct refusal_limit {
	struct rate all;
	/* The most recent ones; if there are more, they share what all have. */
	struct refusal_sender {
		struct inet_address address;
		struct rate rate;
	} senders[REFUSAL_SENDERS];
};

/* May one be sent to this address now? now: seconds, any monotonic clock. */
bool refusal_allowed(struct refusal_limit *limit,
		     const struct inet_address *sender, double now);

#endif
