/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/server/lease_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/server/heap.h"
#include "tunnel/server/lease_range.h"

enum family { V4, V6, FAMILIES };

/* One family's part of what a peer has. */
struct share {
	struct lease_holding holding;
	struct heap_item unused; /* in the pool's heap while waiting is true */
	bool waiting;
	bool fixed;
};

/* A peer that has at least one address, or is being given one. */
struct entry {
	char peer[SETTINGS_NAME_SIZE];
	int64_t used;
	bool in_use;
	struct share shares[FAMILIES];
	UT_hash_handle hh;
};

struct lease_pool {
	struct lease_range ranges[FAMILIES];
	/* Shares that may be given away, the longest unused first. */
	struct heap unused[FAMILIES];
	struct entry *entries;
	bool shared;
};

int lease_pool_new(struct lease_pool **pool, const struct inet_prefix *own4,
		   const struct inet_prefix *own6)
{
	struct lease_pool *new = calloc(1, sizeof(*new));

	if (!new)
		return -ENOMEM;
	lease_range_init(&new->ranges[V4], own4);
	lease_range_init(&new->ranges[V6], own6);
	*pool = new;
	return 0;
}

void lease_pool_free(struct lease_pool *pool)
{
	struct entry *entry, *next;

	if (!pool)
		return;
	for (int f = 0; f < FAMILIES; f++) {
		lease_range_clear(&pool->ranges[f]);
		heap_clear(&pool->unused[f]);
	}
	HASH_ITER (hh, pool->entries, entry, next) {
		HASH_DEL(pool->entries, entry);
		free(entry);
	}
	free(pool);
}

/* How many of the same family as own are below it. */
static uint64_t rank(const struct inet_address *own,
		     const struct inet_address *siblings, size_t count,
		     uint64_t *same)
{
	uint64_t below = 0;

	*same = 1;
	for (size_t i = 0; i < count; i++) {
		if (siblings[i].family != own->family)
			continue;
		++*same;
		if (memcmp(siblings[i].bytes, own->bytes, sizeof(own->bytes)) <
		    0)
			below++;
	}
	return below;
}

void lease_pool_share(struct lease_pool *pool,
		      const struct inet_address *siblings, size_t count)
{
	/* An IPv6 address has its part by the host number of the IPv4 one. */
	int family = pool->ranges[V4].own.address.family ? V4 : V6;
	uint64_t parts;
	uint64_t part = rank(&pool->ranges[family].own.address, siblings, count,
			     &parts);

	pool->shared = count > 0;
	for (int f = 0; f < FAMILIES && count; f++) {
		pool->ranges[f].parts = parts;
		pool->ranges[f].part = part;
		pool->ranges[f].reserved = siblings;
		pool->ranges[f].reserved_count = count;
	}
}

static bool carried(const struct lease_pool *pool, int family)
{
	return pool->ranges[family].own.address.family != AF_UNSPEC;
}

static bool holds(const struct entry *entry, int family)
{
	return entry->shares[family].holding.address.family != AF_UNSPEC;
}

static struct entry *find_entry(const struct lease_pool *pool, const char *peer)
{
	struct entry *entry;

	HASH_FIND_STR(pool->entries, peer, entry);
	return entry;
}

static bool name_fits(const char *peer)
{
	return peer[0] &&
	       strnlen(peer, SETTINGS_NAME_SIZE) < SETTINGS_NAME_SIZE;
}

/* The peer's entry, made where it has none; NULL: no memory. */
static struct entry *make_entry(struct lease_pool *pool, const char *peer)
{
	struct entry *entry = find_entry(pool, peer);

	if (entry)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	strcpy(entry->peer, peer);
	HASH_ADD_STR(pool->entries, peer, entry);
	if (!HASH_ADDED(entry)) {
		free(entry);
		return NULL;
	}
	for (int f = 0; f < FAMILIES; f++) {
		entry->shares[f].holding.owner = entry;
		entry->shares[f].unused.owner = entry;
	}
	return entry;
}

/* An entry may be reassigned only while its peer is disconnected. */
static void update_waiting(struct lease_pool *pool, struct entry *entry)
{
	for (int f = 0; f < FAMILIES; f++) {
		struct share *share = &entry->shares[f];

		if (share->waiting)
			heap_remove(&pool->unused[f], &share->unused);
		share->waiting =
			holds(entry, f) && !share->fixed && !entry->in_use;
		share->unused.key = entry->used > 0 ? entry->used : 0;
		if (share->waiting &&
		    heap_push(&pool->unused[f], &share->unused) < 0)
			share->waiting = false;
	}
}

static void drop_share(struct lease_pool *pool, struct entry *entry, int family)
{
	struct share *share = &entry->shares[family];

	if (share->waiting)
		heap_remove(&pool->unused[family], &share->unused);
	share->waiting = false;
	share->fixed = false;
	lease_range_give(&pool->ranges[family], &share->holding);
}

static void drop_if_empty(struct lease_pool *pool, struct entry *entry)
{
	if (holds(entry, V4) || holds(entry, V6) || entry->in_use)
		return;
	HASH_DEL(pool->entries, entry);
	free(entry);
}

/* Takes all that a peer has and that is not fixed. */
static void take_away(struct lease_pool *pool, struct entry *entry)
{
	for (int f = 0; f < FAMILIES; f++)
		if (!entry->shares[f].fixed)
			drop_share(pool, entry, f);
	drop_if_empty(pool, entry);
}

static int hold(struct lease_pool *pool, struct entry *entry, int family,
		const struct inet_address *address)
{
	struct lease_range *range = &pool->ranges[family];
	int err;

	/* update_waiting() must find room when the peer has disconnected. */
	err = heap_reserve(&pool->unused[family],
			   HASH_COUNT(range->holdings) + 1);
	if (err)
		return err;
	return lease_range_take(range, &entry->shares[family].holding, address);
}

static int check_fixed(const struct lease_pool *pool, int family,
		       const char *peer, const struct inet_address *address)
{
	const struct lease_range *range = &pool->ranges[family];
	const struct lease_holding *holding;
	const struct entry *holder;

	if (address->family == AF_UNSPEC)
		return 0;
	if (!lease_range_usable(range, address))
		return -EINVAL;
	holding = lease_range_find(range, address);
	if (!holding)
		return 0;
	holder = holding->owner;
	if (holder->shares[family].fixed && strcmp(holder->peer, peer) != 0)
		return -EEXIST;
	return 0;
}

static int fix(struct lease_pool *pool, struct entry *entry, int family,
	       const struct inet_address *address)
{
	struct share *share = &entry->shares[family];
	struct lease_holding *holding;
	struct entry *holder;
	int err;

	share->fixed = false;
	if (address->family == AF_UNSPEC)
		return 0;
	holding = lease_range_find(&pool->ranges[family], address);
	if (holding != &share->holding) {
		drop_share(pool, entry, family);
		if (holding) {
			holder = holding->owner;
			drop_share(pool, holder, family);
			drop_if_empty(pool, holder);
		}
		err = hold(pool, entry, family, address);
		if (err)
			return err;
	}
	share->fixed = true;
	return 0;
}

int lease_pool_fix(struct lease_pool *pool, const char *peer,
		   const struct inet_address *address4,
		   const struct inet_address *address6)
{
	struct entry *entry;
	int err;

	if (!name_fits(peer))
		return -EINVAL;
	err = check_fixed(pool, V4, peer, address4);
	if (!err)
		err = check_fixed(pool, V6, peer, address6);
	if (err)
		return err;
	entry = make_entry(pool, peer);
	if (!entry)
		return -ENOMEM;
	err = fix(pool, entry, V4, address4);
	if (!err)
		err = fix(pool, entry, V6, address6);
	update_waiting(pool, entry);
	drop_if_empty(pool, entry);
	return err;
}

void lease_pool_forget(struct lease_pool *pool, const char *peer)
{
	struct entry *entry = find_entry(pool, peer);

	if (!entry)
		return;
	entry->in_use = false;
	for (int f = 0; f < FAMILIES; f++)
		drop_share(pool, entry, f);
	drop_if_empty(pool, entry);
}

static const struct inet_address *address_in(const struct lease *lease,
					     int family)
{
	return family == V4 ? &lease->address4 : &lease->address6;
}

/*
 * Returns 1 where restoring has something to do for a family, 0 where it has
 * nothing, or -errno.
 */
static int check_restored(const struct lease_pool *pool,
			  const struct entry *entry, const struct lease *lease,
			  int family)
{
	const struct inet_address *address = address_in(lease, family);
	const struct lease_range *range = &pool->ranges[family];

	if (address->family == AF_UNSPEC || !carried(pool, family))
		return 0;
	/* The file may be older than a fixed address. */
	if (entry && entry->shares[family].fixed)
		return 0;
	if (!lease_range_usable(range, address))
		return -EINVAL;
	if (lease_range_find(range, address) || (entry && holds(entry, family)))
		return -EEXIST;
	return 1;
}

int lease_pool_restore(struct lease_pool *pool, const struct lease *lease)
{
	struct entry *entry;
	int wanted[FAMILIES];
	int err = 0;

	if (!name_fits(lease->peer))
		return -EINVAL;
	entry = find_entry(pool, lease->peer);
	for (int f = 0; f < FAMILIES; f++) {
		wanted[f] = check_restored(pool, entry, lease, f);
		if (wanted[f] < 0)
			return wanted[f];
	}
	if (!wanted[V4] && !wanted[V6])
		return entry ? 0 : -EINVAL;
	entry = make_entry(pool, lease->peer);
	if (!entry)
		return -ENOMEM;
	if (lease->used > entry->used)
		entry->used = lease->used;
	for (int f = 0; f < FAMILIES && !err; f++)
		if (wanted[f])
			err = hold(pool, entry, f, address_in(lease, f));
	update_waiting(pool, entry);
	drop_if_empty(pool, entry);
	return err;
}

static bool is_free(const struct lease_range *range,
		    const struct inet_address *address)
{
	return lease_range_usable(range, address) &&
	       !lease_range_find(range, address);
}

/*
 * An address for an entry that has none of this family: the one of request, the
 * same host number as its IPv4 address, the lowest free one, or that of
 * the longest unused lease.
 */
static int choose(struct lease_pool *pool, const struct entry *entry,
		  int family, const struct lease *request, int64_t now,
		  struct inet_address *address)
{
	struct lease_range *range = &pool->ranges[family];
	struct heap_item *unused;

	if (request && is_free(range, address_in(request, family))) {
		*address = *address_in(request, family);
		return 0;
	}
	if (family == V6 &&
	    lease_range_mirror(range, &pool->ranges[V4],
			       &entry->shares[V4].holding.address, address) &&
	    !lease_range_find(range, address))
		return 0;
	if (lease_range_lowest(range, address) == 0)
		return 0;
	unused = heap_first(&pool->unused[family]);
	if (!unused)
		return -EADDRNOTAVAIL;
	/* A sibling may have granted it to the peer that had it here. */
	if (pool->shared && now < (int64_t)unused->key + LEASE_KEPT)
		return -EADDRNOTAVAIL;
	take_away(pool, unused->owner);
	return lease_range_lowest(range, address);
}

/* This gives an entry what it lacks, of both families or of none. */
static int complete(struct lease_pool *pool, struct entry *entry,
		    const struct lease *request, int64_t now, bool *changed)
{
	bool given[FAMILIES] = {false};
	struct inet_address address;
	int err = 0;

	for (int f = 0; f < FAMILIES && !err; f++) {
		if (holds(entry, f) || !carried(pool, f))
			continue;
		err = choose(pool, entry, f, request, now, &address);
		if (!err)
			err = hold(pool, entry, f, &address);
		given[f] = !err;
	}
	*changed = !err && (given[V4] || given[V6]);
	for (int f = 0; f < FAMILIES && err; f++)
		if (given[f])
			drop_share(pool, entry, f);
	return err;
}

static void fill_lease(const struct entry *entry, struct lease *lease)
{
	memset(lease, 0, sizeof(*lease));
	memcpy(lease->peer, entry->peer, sizeof(lease->peer));
	lease->address4 = entry->shares[V4].holding.address;
	lease->address6 = entry->shares[V6].holding.address;
	lease->used = entry->used;
}

int lease_pool_take(struct lease_pool *pool, const char *peer,
		    const struct lease *request, int64_t now,
		    struct lease *lease, bool *changed)
{
	bool was_in_use, given;
	struct entry *entry;
	int err;

	if (!name_fits(peer))
		return -EINVAL;
	entry = make_entry(pool, peer);
	if (!entry)
		return -ENOMEM;
	was_in_use = entry->in_use;
	entry->in_use = true;
	update_waiting(pool, entry);
	err = complete(pool, entry, request, now, &given);
	if (changed)
		*changed = given;
	if (err) {
		entry->in_use = was_in_use;
		update_waiting(pool, entry);
		drop_if_empty(pool, entry);
		return err;
	}
	entry->used = now;
	fill_lease(entry, lease);
	return 0;
}

/* 1: it is to be moved there; 0: it has that, or what it has stays. */
static int check_adopted(const struct lease_pool *pool,
			 const struct entry *entry, int family,
			 const struct inet_address *address)
{
	const struct lease_range *range = &pool->ranges[family];
	const struct share *share = &entry->shares[family];
	const struct lease_holding *holding;
	const struct entry *holder;

	if (!address->family || !carried(pool, family) || share->fixed)
		return 0;
	if (!lease_range_usable(range, address))
		return -EADDRNOTAVAIL;
	holding = lease_range_find(range, address);
	if (holding == &share->holding)
		return 0;
	holder = holding ? holding->owner : NULL;
	if (holder && (holder->in_use || holder->shares[family].fixed))
		return -EADDRINUSE;
	return 1;
}

static int move_to(struct lease_pool *pool, struct entry *entry, int family,
		   const struct inet_address *address)
{
	struct lease_holding *holding =
		lease_range_find(&pool->ranges[family], address);
	struct entry *holder = holding ? holding->owner : NULL;

	if (holder) {
		drop_share(pool, holder, family);
		drop_if_empty(pool, holder);
	}
	drop_share(pool, entry, family);
	return hold(pool, entry, family, address);
}

int lease_pool_adopt(struct lease_pool *pool, const struct lease *wanted,
		     struct lease *lease)
{
	struct entry *entry = find_entry(pool, wanted->peer);
	int moves[FAMILIES];
	int err = 0;

	if (!entry || !entry->in_use)
		return -ENOENT;
	for (int f = 0; f < FAMILIES; f++) {
		moves[f] = check_adopted(pool, entry, f, address_in(wanted, f));
		if (moves[f] < 0)
			return moves[f];
	}
	for (int f = 0; f < FAMILIES && !err; f++) {
		if (moves[f])
			err = move_to(pool, entry, f, address_in(wanted, f));
	}
	update_waiting(pool, entry);
	fill_lease(entry, lease);
	return err;
}

void lease_pool_release(struct lease_pool *pool, const char *peer, int64_t now)
{
	struct entry *entry = find_entry(pool, peer);

	if (!entry)
		return;
	entry->in_use = false;
	entry->used = now;
	update_waiting(pool, entry);
	drop_if_empty(pool, entry);
}

int lease_pool_each(const struct lease_pool *pool, lease_visit visit,
		    void *data)
{
	struct entry *entry, *next;
	struct lease lease;
	int err;

	HASH_ITER (hh, pool->entries, entry, next) {
		if (!holds(entry, V4) && !holds(entry, V6))
			continue;
		fill_lease(entry, &lease);
		err = visit(data, &lease);
		if (err)
			return err;
	}
	return 0;
}
