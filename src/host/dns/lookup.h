/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names to addresses without blocking the host process: by a short-lived
 * process that has nothing but sockets to the name servers (lookup_child.h),
 * bounded in time.
 */
#ifndef MINIVPN_HOST_DNS_LOOKUP_H
#define MINIVPN_HOST_DNS_LOOKUP_H

#include <ev.h>
#include <stddef.h>

#include "common/config/config.h"
#include "common/inet.h"
#include "host/dns/lookup_query.h"

/* Addresses that are kept, of all names together. */
#define LOOKUP_RESULTS 32
/* Names that are looked up; what Server names beyond them is passed over. */
#define LOOKUP_HOSTS 64

struct lookup_result {
	unsigned host; /* index into hosts */
	struct inet_endpoint endpoint;
};

struct resolve;

/*
 * Called once: results in the order of hosts, and reason, one line for the
 * names that gave none ("" where all did). The resolve is gone by then.
 */
typedef void (*lookup_done)(void *owner, const struct lookup_result *results,
			    size_t count, const char *reason);

struct launcher;

struct lookup_question {
	struct launcher *launcher;	 /* which starts the process */
	const struct config_host *hosts; /* stay until done is called */
	size_t count;
	/*
	 * Only these are asked, and /etc/hosts, if there are any; else those of
	 * resolv.conf, and for what that has under "search" as well.
	 */
	const struct lookup_server *outside;
	size_t outside_count;
	/*
	 * What was found, all of it IPv4, by a host that has IPv6 only: it is
	 * found again as a NAT64 has it, if there is one (nat64.h). NULL: the
	 * hosts are to be resolved.
	 */
	const struct lookup_result *behind;
	size_t behind_count;
	double timeout; /* seconds */
};

/*
 * Where all hosts are addresses already, done is called before this returns,
 * and *resolve is NULL.
 */
int lookup_start(struct resolve **resolve, struct ev_loop *loop,
		 const struct lookup_question *question, lookup_done done,
		 void *owner);

/*
 * Lets the families of each host's addresses alternate, beginning with that of
 * its first, and otherwise as they are (RFC 8305, section 4).
 */
void lookup_alternate(struct lookup_result *results, size_t count);

/* done will not be called. NULL is allowed. */
void lookup_cancel(struct resolve *resolve);

/* One name at once, blocking, for a dry run; up to size results. */
size_t lookup_now(const struct config_host *host, unsigned index,
		  struct lookup_result *results, size_t size, char *reason,
		  size_t reason_size);

#endif
