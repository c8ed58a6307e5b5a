/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is an address in any of these networks? Asked of each packet, so it must not
 * matter how many they are. Made once; another list is another set.
 */
#ifndef MINIVPN_COMMON_PREFIX_SET_H
#define MINIVPN_COMMON_PREFIX_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "common/inet.h"

struct prefix_set {
	struct inet_prefix *items; /* in order, none within another */
	size_t count;
};

/*
 * Both families, in any order, also within each other, with or without host
 * bits; those that are no prefixes are left out. What was in the set is
 * replaced. -ENOMEM: then the set is empty.
 */
int prefix_set_make(struct prefix_set *set, const struct inet_prefix *prefixes,
		    size_t count);
void prefix_set_free(struct prefix_set *set);

bool prefix_set_contains(const struct prefix_set *set,
			 const struct inet_address *address);

#endif
