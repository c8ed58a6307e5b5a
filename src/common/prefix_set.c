/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/prefix_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int by_address(const struct inet_address *a,
		      const struct inet_address *b)
{
	return memcmp(a, b, sizeof(*a));
}

/*
 * The larger comes before the smaller, so that a network is followed by its
 * parts.
 */
static int by_prefix(const void *a, const void *b)
{
	const struct inet_prefix *x = a, *y = b;
	int order = by_address(&x->address, &y->address);

	return order ? order : x->length - y->length;
}

static bool is_prefix(const struct inet_prefix *prefix)
{
	size_t size = inet_size(prefix->address.family);

	return size > 0 && prefix->length <= 8 * size;
}

int prefix_set_make(struct prefix_set *set, const struct inet_prefix *prefixes,
		    size_t count)
{
	struct inet_prefix *items = NULL;
	size_t all = 0, kept = 0;

	prefix_set_free(set);
	if (!count)
		return 0;
	items = calloc(count, sizeof(*items));
	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (is_prefix(&prefixes[i]))
			items[all++] = inet_prefix_network(&prefixes[i]);
	}
	qsort(items, all, sizeof(*items), by_prefix);
	for (size_t i = 0; i < all; i++) {
		if (!kept || !inet_prefix_covers(&items[kept - 1], &items[i]))
			items[kept++] = items[i];
	}
	*set = (struct prefix_set){items, kept};
	return 0;
}

void prefix_set_free(struct prefix_set *set)
{
	free(set->items);
	*set = (struct prefix_set){0};
}

bool prefix_set_contains(const struct prefix_set *set,
			 const struct inet_address *address)
{
	size_t low = 0, high = set->count;

	/* Only the last one that begins at it or before can hold it. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (by_address(&set->items[middle].address, address) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && inet_prefix_contains(&set->items[low - 1], address);
}
