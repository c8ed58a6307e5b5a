/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/prefix_map.h"

#include <errno.h>

/* A prefix is a key without the padding behind its length. */
#define KEY_BYTES (offsetof(struct inet_prefix, length) + 1)

static struct prefix_map_entry *get(const struct prefix_map *map,
				    const struct inet_prefix *prefix)
{
	struct prefix_map_entry *entry;

	HASH_FIND(hh, map->entries, prefix, KEY_BYTES, entry);
	return entry;
}

static unsigned *lengths_of(struct prefix_map *map, uint16_t family)
{
	return family == AF_INET ? map->lengths4 : map->lengths6;
}

int prefix_map_add(struct prefix_map *map, struct prefix_map_entry *entry)
{
	const struct inet_prefix *prefix = &entry->prefix;

	if (get(map, prefix))
		return -EEXIST;
	HASH_ADD(hh, map->entries, prefix, KEY_BYTES, entry);
	if (!HASH_ADDED(entry))
		return -ENOMEM;
	lengths_of(map, prefix->address.family)[prefix->length]++;
	return 0;
}

void prefix_map_remove(struct prefix_map *map, struct prefix_map_entry *entry)
{
	const struct inet_prefix *prefix = &entry->prefix;

	HASH_DELETE(hh, map->entries, entry);
	lengths_of(map, prefix->address.family)[prefix->length]--;
}

struct prefix_map_entry *prefix_map_find(const struct prefix_map *map,
					 const struct inet_address *address)
{
	bool v4 = address->family == AF_INET;
	const unsigned *lengths = v4 ? map->lengths4 : map->lengths6;
	struct inet_prefix prefix = {.address = *address};

	if (!map->entries)
		return NULL;
	for (int length = 8 * (int)inet_size(address->family); length >= 0;
	     length--) {
		struct prefix_map_entry *entry;

		if (!lengths[length])
			continue;
		/*
		 * Bits that are cleared for a length are so for all shorter
		 * ones.
		 */
		prefix.length = (uint8_t)length;
		prefix = inet_prefix_network(&prefix);
		entry = get(map, &prefix);
		if (entry)
			return entry;
	}
	return NULL;
}
