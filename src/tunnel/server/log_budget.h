/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many log lines those who have not authenticated can cause: in all, and of
 * each network, so that one leaves the others theirs.
 */
#ifndef MINIVPN_TUNNEL_SERVER_LOG_BUDGET_H
#define MINIVPN_TUNNEL_SERVER_LOG_BUDGET_H

#include <stdbool.h>

#include "common/inet.h"
#include "common/log.h"
#include "tunnel/server/rate_table.h"

/* Lines of one kind. */
struct log_budget_kind {
	struct log_limit all;
	struct rate_table *networks;
};

struct log_budget {
	struct log_budget_kind refused, held_back;
};

/* -ENOMEM, -EIO; in either case to be freed. */
int log_budget_init(struct log_budget *budget);
void log_budget_free(struct log_budget *budget);

/*
 * May a line about this address be logged now? NULL: it is about none. One line
 * says how many were left out before.
 */
bool log_budget_refused(struct log_budget *budget,
			const struct inet_address *from);
/* The same of a line that handshakes of its network are held back. */
bool log_budget_held_back(struct log_budget *budget,
			  const struct inet_address *from);

#endif
