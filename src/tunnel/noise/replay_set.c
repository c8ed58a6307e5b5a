/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/noise/replay_set.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "common/siphash.h"

/* Places of a table, which is three quarters full at most. */
#define PLACES (1u << 15)

struct table {
	uint64_t hashes[PLACES]; /* of salts; 0: none is there */
	unsigned count;
	int64_t since;
};

struct replay_set {
	struct siphash_key key;
	struct table tables[2];
	unsigned newer; /* of the two */
};

_Static_assert(REPLAY_SET_SALTS <= PLACES / 4 * 3, "it must not be full");

int replay_set_new(struct replay_set **set)
{
	struct replay_set *new = calloc(1, sizeof(*new));

	if (!new)
		return -ENOMEM;
	if (gnutls_rnd(GNUTLS_RND_KEY, &new->key, sizeof(new->key)) < 0) {
		free(new);
		return -EIO;
	}
	*set = new;
	return 0;
}

void replay_set_free(struct replay_set *set)
{
	free(set);
}

static uint64_t hash_of(const struct replay_set *set, const uint8_t *salt)
{
	uint64_t hash = siphash(&set->key, salt, REPLAY_SET_SALT);

	return hash ? hash : 1;
}

/* Returns where it is, or would be. */
static unsigned find(const struct table *table, uint64_t hash)
{
	unsigned place = hash % PLACES;

	while (table->hashes[place] && table->hashes[place] != hash)
		place = (place + 1) % PLACES;
	return place;
}

bool replay_set_has(const struct replay_set *set,
		    const uint8_t salt[REPLAY_SET_SALT])
{
	uint64_t hash = hash_of(set, salt);

	for (unsigned i = 0; i < 2; i++) {
		const struct table *table = &set->tables[i];

		if (table->count && table->hashes[find(table, hash)])
			return true;
	}
	return false;
}

void replay_set_add(struct replay_set *set, const uint8_t salt[REPLAY_SET_SALT],
		    int64_t now)
{
	struct table *table = &set->tables[set->newer];
	uint64_t hash = hash_of(set, salt);
	unsigned place;

	if (table->count >= REPLAY_SET_SALTS ||
	    (table->count && now - table->since >= REPLAY_SET_SECONDS)) {
		set->newer = !set->newer;
		table = &set->tables[set->newer];
		memset(table, 0, sizeof(*table));
	}
	if (!table->count)
		table->since = now;
	place = find(table, hash);
	table->count += !table->hashes[place];
	table->hashes[place] = hash;
}
