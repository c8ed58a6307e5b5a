/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks by address, the longest prefix first: what a routing table answers.
 * An address costs one look-up for each length that is in use, however many
 * networks there are. Whether an address is in any of some networks is
 * prefix_set.h.
 */
#ifndef MINIVPN_COMMON_PREFIX_MAP_H
#define MINIVPN_COMMON_PREFIX_MAP_H

#include "common/hash.h"
#include "common/inet.h"

/* The first member, or another, of what the caller keeps for a network. */
struct prefix_map_entry {
	struct inet_prefix prefix; /* host bits cleared */
	UT_hash_handle hh;
};

/* All zero: empty. */
struct prefix_map {
	struct prefix_map_entry *entries;
	/* How many have each length: of IPv4 and of IPv6. */
	unsigned lengths4[33], lengths6[129];
};

/*
 * Adds an entry, which stays the caller's and where it is until it is removed;
 * its prefix must be one, and is not changed meanwhile. -EEXIST where that
 * network is there, -ENOMEM.
 */
int prefix_map_add(struct prefix_map *map, struct prefix_map_entry *entry);
void prefix_map_remove(struct prefix_map *map, struct prefix_map_entry *entry);

/* The longest that contains the address, or NULL. */
struct prefix_map_entry *prefix_map_find(const struct prefix_map *map,
					 const struct inet_address *address);

#endif
