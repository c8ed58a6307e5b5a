/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The addresses of one family of the pool: which may be leased at all, who
 * holds which, and which is the lowest free one. Who may have one is
 * lease_pool.c's to say.
 */
#ifndef MINIVPN_TUNNEL_SERVER_LEASE_RANGE_H
#define MINIVPN_TUNNEL_SERVER_LEASE_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/hash.h"
#include "common/inet.h"

/* One address that is held. */
struct lease_holding {
	struct inet_address address; /* family none: nothing is held */
	void *owner;		     /* the caller's */
	UT_hash_handle hh;
};

struct lease_range {
	struct inet_prefix own; /* address family none: an empty range */
	/*
	 * Host numbers (the address's last 64 bits less the network's) from
	 * first to last. Below next so many are free, the first of them at
	 * lowest or above: each search begins where the last one has ended, so
	 * that a thousand of them together go through the range once.
	 */
	uint64_t first, last, next, lowest, gaps;
	/*
	 * Of servers that share the network each chooses from a part of its
	 * own: the host numbers that leave this remainder. parts 0: all.
	 */
	uint64_t part, parts;
	const struct inet_address *reserved; /* the caller's */
	size_t reserved_count;
	struct lease_holding *holdings;
};

void lease_range_init(struct lease_range *range, const struct inet_prefix *own);

/* Forgets all holdings, which are the caller's. */
void lease_range_clear(struct lease_range *range);

/*
 * In the network, and neither it, its broadcast, the server's address nor one
 * that is reserved.
 */
bool lease_range_usable(const struct lease_range *range,
			const struct inet_address *address);

/* Who holds it; NULL: nobody. */
struct lease_holding *lease_range_find(const struct lease_range *range,
				       const struct inet_address *address);

/* The lowest free address; -EADDRNOTAVAIL. */
int lease_range_lowest(struct lease_range *range, struct inet_address *address);

/*
 * The address with the same host number as another range's address; false
 * where this range has none such.
 */
bool lease_range_mirror(const struct lease_range *range,
			const struct lease_range *other,
			const struct inet_address *others,
			struct inet_address *address);

/* address is usable and free, and holding holds nothing. -ENOMEM. */
int lease_range_take(struct lease_range *range, struct lease_holding *holding,
		     const struct inet_address *address);

/* Gives back what holding holds, if anything. */
void lease_range_give(struct lease_range *range, struct lease_holding *holding);

#endif
