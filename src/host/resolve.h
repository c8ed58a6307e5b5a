/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names to addresses without blocking the host process: getaddrinfo(3) in a
 * short-lived child, bounded in time.
 */
#ifndef MINIVPN_HOST_RESOLVE_H
#define MINIVPN_HOST_RESOLVE_H

#include <ev.h>
#include <stddef.h>

#include "common/config.h"
#include "common/inet.h"
#include "host/resolve_query.h"

/* Addresses that are kept, of all names together. */
#define RESOLVE_RESULTS 32

struct resolve_result {
	unsigned host; /* index into hosts */
	struct inet_endpoint endpoint;
};

struct resolve;

/*
 * Called once: results in the order of hosts, and reason, one line for the
 * names that gave none ("" where all did). The resolve is gone by then.
 */
typedef void (*resolve_done)(void *owner, const struct resolve_result *results,
			     size_t count, const char *reason);

/*
 * hosts must stay until done is called. Only the outside servers are asked, and
 * /etc/hosts, if there are any; else as this host has it. Where all are
 * addresses already, done is called before this returns, and *resolve is NULL.
 */
int resolve_start(struct resolve **resolve, struct ev_loop *loop,
		  const struct config_host *hosts, size_t count,
		  const struct resolve_server *outside, size_t outside_count,
		  double timeout_s, resolve_done done, void *owner);

/* done will not be called. NULL is allowed. */
void resolve_cancel(struct resolve *resolve);

/* One name at once, blocking, for a dry run; up to size results. */
size_t resolve_now(const struct config_host *host, unsigned index,
		   struct resolve_result *results, size_t size, char *reason,
		   size_t reason_size);

#endif
