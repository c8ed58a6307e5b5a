/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/server/backlog.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Sums of what networks have waiting: each at a place by its hash. */
#define SHARES 4096

/* What waits is followed by its bytes; the next one begins size further on. */
struct entry {
	size_t size;
	uint32_t *share; /* that it is a part of; NULL: of none */
	unsigned socket;
	struct udp_datagram datagram;
	uint8_t data[];
};

/*
 * It is a ring of whole entries: where one does not fit before the end of the
 * buffer, the ring ends at wrap and the entry is at the start.
 */
struct backlog {
	size_t size, head, tail, wrap;
	unsigned count;
	struct siphash_key key;
	uint32_t shares[SHARES];
	_Alignas(struct entry) uint8_t buffer[];
};

int backlog_new(struct backlog **backlog, size_t size,
		const struct siphash_key *key)
{
	struct backlog *new;

	size -= size % _Alignof(struct entry);
	new = calloc(1, sizeof(*new) + size);
	if (!new)
		return -ENOMEM;
	new->size = new->wrap = size;
	new->key = *key;
	*backlog = new;
	return 0;
}

void backlog_free(struct backlog *backlog)
{
	free(backlog);
}

static struct entry *entry_at(const struct backlog *backlog, size_t offset)
{
	return (struct entry *)(backlog->buffer + offset);
}

/* Where the entry behind the one at offset is. */
static size_t following(const struct backlog *backlog, size_t offset)
{
	offset += entry_at(backlog, offset)->size;
	return offset == backlog->wrap ? 0 : offset;
}

/* Where an entry of size bytes goes; false: there is no room. */
static bool make_room(struct backlog *backlog, size_t size)
{
	if (!backlog->count) {
		backlog->head = backlog->tail = 0;
		backlog->wrap = backlog->size;
	} else if (backlog->tail > backlog->head &&
		   size > backlog->size - backlog->tail) {
		backlog->wrap = backlog->tail;
		backlog->tail = 0;
	}
	if (backlog->count && backlog->tail <= backlog->head)
		return size <= backlog->head - backlog->tail;
	return size <= backlog->size - backlog->tail;
}

/*
 * Two networks may have one place, and then half of the size together; which
 * ones they are nobody knows who does not know the key.
 */
static uint32_t *share_of(struct backlog *backlog,
			  const struct inet_prefix *network)
{
	uint64_t hash = siphash(&backlog->key, &network->address,
				sizeof(network->address));

	return &backlog->shares[hash % SHARES];
}

bool backlog_put(struct backlog *backlog, unsigned socket,
		 const struct udp_datagram *datagram,
		 const struct inet_prefix *network)
{
	uint32_t *share = network ? share_of(backlog, network) : NULL;
	size_t size = sizeof(struct entry) + datagram->length;
	struct entry *entry;

	size += -size % _Alignof(struct entry);
	if (share && *share + size > backlog->size / 2)
		return false;
	if (!make_room(backlog, size))
		return false;
	entry = entry_at(backlog, backlog->tail);
	entry->size = size;
	entry->share = share;
	if (share)
		*share += (uint32_t)size;
	entry->socket = socket;
	entry->datagram = *datagram;
	entry->datagram.data = entry->data;
	memcpy(entry->data, datagram->data, datagram->length);
	backlog->tail = following(backlog, backlog->tail);
	backlog->count++;
	return true;
}

bool backlog_take(struct backlog *backlog, unsigned *socket,
		  struct udp_datagram *datagram)
{
	const struct entry *entry = entry_at(backlog, backlog->head);

	if (!backlog->count)
		return false;
	*socket = entry->socket;
	*datagram = entry->datagram;
	if (entry->share)
		*entry->share -= (uint32_t)entry->size;
	backlog->head = following(backlog, backlog->head);
	if (!backlog->head)
		backlog->wrap = backlog->size;
	backlog->count--;
	return true;
}

bool backlog_empty(const struct backlog *backlog)
{
	return !backlog->count;
}
