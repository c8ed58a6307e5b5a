/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/noise/link.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "common/siphash.h"

static uint32_t id_of(const uint8_t seed[NOISE_LINK_SEED], uint32_t move)
{
	struct siphash_key key;

	_Static_assert(sizeof(key) == NOISE_LINK_SEED, "a seed is a key");
	memcpy(&key, seed, sizeof(key));
	return (uint32_t)siphash(&key, &move, sizeof(move));
}

int noise_link_new(struct noise_link **link, struct noise_link_table *table,
		   struct noise *noise, unsigned secret, void *owner)
{
	struct noise_link *new = calloc(1, sizeof(*new));

	if (!new)
		return -ENOMEM;
	if (gnutls_rnd(GNUTLS_RND_NONCE, new->ours, sizeof(new->ours)) < 0) {
		free(new);
		return -EIO;
	}
	new->table = table;
	new->noise = noise;
	new->secret = secret;
	new->owner = owner;
	*link = new;
	return 0;
}

static void forget(struct noise_link_table *table, struct noise_link_id *id)
{
	if (table->last == id)
		table->last = NULL;
	if (HASH_ADDED(id))
		HASH_DELETE(hh, table->ids, id);
	memset(id, 0, sizeof(*id));
}

void noise_link_free(struct noise_link *link)
{
	if (!link)
		return;
	for (unsigned i = 0; i < NOISE_LINK_IDS; i++)
		forget(link->table, &link->ids[i]);
	explicit_bzero(link, sizeof(*link));
	free(link);
}

/*
 * An ID that another session has by chance, one in thousands of millions, stays
 * that one's: the other end finds out by its keepalive.
 */
static void remember(struct noise_link *link, uint32_t move)
{
	struct noise_link_table *table = link->table;
	struct noise_link_id *id = &link->ids[move % NOISE_LINK_IDS];
	uint32_t value = id_of(link->ours, move);

	forget(table, id);
	if (noise_link_find(table, value))
		return;
	id->id = value;
	id->move = move;
	id->link = link;
	HASH_ADD(hh, table->ids, id, sizeof(id->id), id);
}

void noise_link_open(struct noise_link *link, size_t explicit)
{
	link->explicit = explicit;
	remember(link, 0);
	remember(link, 1);
}

void noise_link_learn(struct noise_link *link,
		      const uint8_t seed[NOISE_LINK_SEED])
{
	memcpy(link->theirs, seed, sizeof(link->theirs));
	link->to = id_of(seed, link->move);
	link->is_known = true;
}

void noise_link_move(struct noise_link *link)
{
	link->move++;
	link->to = id_of(link->theirs, link->move);
	remember(link, link->move + 1);
}

void noise_link_change(struct noise_link_table *table,
		       const unsigned now[NOISE_SECRETS])
{
	struct noise_link_id *id, *next;

	/* Of each link there is one ID of now. */
	HASH_ITER (hh, table->ids, id, next) {
		if (id->move == id->link->move)
			id->link->secret = now[id->link->secret];
	}
}

struct noise_link_id *noise_link_find(struct noise_link_table *table,
				      uint32_t id)
{
	struct noise_link_id *found = table->last;

	if (found && found->id == id)
		return found;
	HASH_FIND(hh, table->ids, &id, sizeof(id), found);
	if (found)
		table->last = found;
	return found;
}
