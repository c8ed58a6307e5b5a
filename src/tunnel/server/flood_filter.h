/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * While a flood of records lasts that the server would only receive to drop,
 * the kernel drops them (flood_filter_bpf.h): when there is such a filter
 * before the sockets of records, and when it is lifted. With Secret, where the
 * kernel can't tell what comes, it is the flood that gets a socket of its own,
 * which strangers are read from when there is time.
 */
#ifndef MINIVPN_TUNNEL_SERVER_FLOOD_FILTER_H
#define MINIVPN_TUNNEL_SERVER_FLOOD_FILTER_H

#include <ev.h>
#include <stdbool.h>

#include "tunnel/role/role.h"
#include "tunnel/server/log_budget.h"
#include "tunnel/server/peer_table.h"

struct flood_filter {
	struct tunnel *tunnel;
	struct peer_table *table;
	struct log_budget *log;
	unsigned refused; /* records, of which the first came ... */
	double since;	  /* ... then */
	double made;	  /* when the last filter was */
	bool is_attached; /* to some of the sockets at least */
	ev_timer lift;
};

void flood_filter_init(struct flood_filter *filter, struct tunnel *tunnel,
		       struct peer_table *table, struct log_budget *log);

/* A record was refused, as nobody's or as a replay. */
void flood_filter_refused(struct flood_filter *filter);

/*
 * Lifts the filter, if there is one: before an association is connected, or
 * takes another's place.
 */
void flood_filter_lift(struct flood_filter *filter);

/*
 * A handshake has begun from there: its data must not be held back, once it
 * ends.
 */
void flood_filter_pending(struct flood_filter *filter,
			  const struct inet_endpoint *outer);

#endif
