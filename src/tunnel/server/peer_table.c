/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/server/peer_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* A client that is restarted again and again by hand does not reach these. */
static const struct peer_limits usual = {
	.sessions = {.burst = 100., .per_second = 2.},
	.renewals = {.burst = 10., .per_second = 1.},
	.lines = {.burst = 60., .per_second = 0.2},
	.refusals = {.burst = 3., .per_second = 0.05},
	.leases = {.burst = 4., .per_second = 0.1},
};

/* Records come in runs of one peer, which so is asked for again and again. */
struct association *peer_table_connected(struct peer_table *table,
					 const struct inet_endpoint *outer)
{
	struct association *found = table->last_connected;

	if (found && inet_endpoint_equal(&found->outer, outer))
		return found;
	HASH_FIND(hh, table->connected, outer, sizeof(*outer), found);
	if (found)
		table->last_connected = found;
	return found;
}

struct association *peer_table_pending(const struct peer_table *table,
				       const struct inet_endpoint *outer)
{
	struct association *found;

	HASH_FIND(hh, table->pending, outer, sizeof(*outer), found);
	return found;
}

/* uthash keeps the order of arrival. */
unsigned peer_table_pending_of(const struct peer_table *table,
			       const struct inet_prefix *network,
			       struct association **oldest)
{
	struct association *pending;
	unsigned count = 0;

	*oldest = NULL;
	for (pending = table->pending; pending; pending = pending->hh.next) {
		if (!inet_prefix_contains(network, &pending->outer.address))
			continue;
		if (!count++)
			*oldest = pending;
	}
	return count;
}

int peer_table_add_connected(struct peer_table *table,
			     struct association *association)
{
	HASH_ADD(hh, table->connected, outer, sizeof(association->outer),
		 association);
	return HASH_ADDED(association) ? 0 : -ENOMEM;
}

int peer_table_add_pending(struct peer_table *table,
			   struct association *association)
{
	HASH_ADD(hh, table->pending, outer, sizeof(association->outer),
		 association);
	if (!HASH_ADDED(association))
		return -ENOMEM;
	table->pending_count++;
	return 0;
}

int peer_table_relocate(struct peer_table *table,
			struct association *association,
			const struct inet_endpoint *outer)
{
	if (peer_table_connected(table, outer))
		return -EADDRINUSE;
	peer_table_remove(table, association);
	association->outer = *outer;
	return peer_table_add_connected(table, association);
}

void peer_table_remove(struct peer_table *table,
		       struct association *association)
{
	if (peer_table_connected(table, &association->outer) == association) {
		table->last_connected = NULL;
		HASH_DELETE(hh, table->connected, association);
	} else if (peer_table_pending(table, &association->outer) ==
		   association) {
		HASH_DELETE(hh, table->pending, association);
		table->pending_count--;
	}
}

struct peer *peer_table_by_name(const struct peer_table *table,
				const char *name)
{
	struct peer *found;

	HASH_FIND_STR(table->peers, name, found);
	return found;
}

static struct peer *find_by_inner(const struct peer_table *table,
				  const struct inet_address *address)
{
	struct peer_address *found;
	struct prefix_map_entry *entry;

	HASH_FIND(hh, table->addresses, address, sizeof(*address), found);
	if (found)
		return found->peer;
	entry = prefix_map_find(&table->subnets, address);
	return entry ? ((struct peer_subnet *)entry)->peer : NULL;
}

/* Adjacent addresses have places of their own, so clients of one pool do. */
static struct peer_cache *cache_of(struct peer_table *table,
				   const struct inet_address *address)
{
	const uint8_t *bytes = address->bytes;

	return &table->cache[(bytes[0] ^ bytes[3] ^ bytes[7] ^ bytes[15]) %
			     PEER_CACHE];
}

struct peer *peer_table_by_inner(struct peer_table *table,
				 const struct inet_address *address)
{
	struct peer_cache *cache = cache_of(table, address);

	if (!inet_address_equal(&cache->address, address)) {
		cache->peer = find_by_inner(table, address);
		cache->address = *address;
	}
	return cache->peer;
}

static void forget_cache(struct peer_table *table)
{
	memset(table->cache, 0, sizeof(table->cache));
}

static void forget_subnets(struct peer_table *table, struct peer *peer)
{
	for (size_t i = 0; i < peer->subnet_count; i++) {
		if (peer->subnets[i].peer)
			prefix_map_remove(&table->subnets,
					  &peer->subnets[i].entry);
	}
	free(peer->subnets);
	peer->subnets = NULL;
	peer->subnet_count = 0;
}

/*
 * The file gives a network to one peer alone. Where it has changed hands by a
 * reload, who had it is about to be dismissed, and has it until then.
 */
static int add_subnets(struct peer_table *table, struct peer *peer,
		       const struct config_peer *known)
{
	if (!known || !known->subnet_count)
		return 0;
	peer->subnets = calloc(known->subnet_count, sizeof(*peer->subnets));
	if (!peer->subnets)
		return -ENOMEM;
	peer->subnet_count = known->subnet_count;
	for (size_t i = 0; i < known->subnet_count; i++) {
		struct peer_subnet *subnet = &peer->subnets[i];
		int err;

		subnet->entry.prefix = known->subnets[i];
		err = prefix_map_add(&table->subnets, &subnet->entry);
		if (err == -ENOMEM) {
			forget_subnets(table, peer);
			return err;
		}
		if (!err)
			subnet->peer = peer;
	}
	return 0;
}

static int add_address(struct peer_table *table, struct peer *peer,
		       struct peer_address *entry,
		       const struct inet_address *address)
{
	entry->peer = peer;
	if (address->family == AF_UNSPEC)
		return 0;
	entry->address = *address;
	HASH_ADD(hh, table->addresses, address, sizeof(entry->address), entry);
	if (HASH_ADDED(entry))
		return 0;
	entry->address = (struct inet_address){0};
	return -ENOMEM;
}

static void forget_address(struct peer_table *table, struct peer_address *entry)
{
	if (entry->address.family != AF_UNSPEC)
		HASH_DELETE(hh, table->addresses, entry);
}

int peer_table_add(struct peer_table *table, struct peer *peer,
		   const struct config_peer *known)
{
	int err;

	HASH_ADD_STR(table->peers, name, peer);
	if (!HASH_ADDED(peer))
		return -ENOMEM;
	forget_cache(table);
	err = add_subnets(table, peer, known);
	if (!err)
		err = add_address(table, peer, &peer->address4,
				  &peer->lease.address4);
	if (!err)
		err = add_address(table, peer, &peer->address6,
				  &peer->lease.address6);
	if (err)
		peer_table_forget(table, peer);
	return err;
}

void peer_table_forget(struct peer_table *table, struct peer *peer)
{
	if (table->walk == peer)
		table->walk = peer->hh.next;
	forget_cache(table);
	HASH_DELETE(hh, table->peers, peer);
	forget_address(table, &peer->address4);
	forget_address(table, &peer->address6);
	forget_subnets(table, peer);
}

int peer_table_move(struct peer_table *table, struct peer *peer,
		    const struct lease *lease)
{
	int err;

	forget_cache(table);
	forget_address(table, &peer->address4);
	forget_address(table, &peer->address6);
	peer->address4 = peer->address6 = (struct peer_address){0};
	peer->lease = *lease;
	err = add_address(table, peer, &peer->address4, &lease->address4);
	if (!err)
		err = add_address(table, peer, &peer->address6,
				  &lease->address6);
	return err;
}

/* A peer whose limits are forgotten would get the same ones again. */
static bool are_full(const struct peer_limits *limits, double now)
{
	return rate_is_full(&limits->sessions, now) &&
	       rate_is_full(&limits->renewals, now) &&
	       rate_is_full(&limits->lines, now) &&
	       rate_is_full(&limits->leases, now) &&
	       rate_is_full(&limits->refusals, now);
}

/* Each new peer makes two others be checked, so that all are in time. */
static void forget_full_limits(struct peer_table *table, double now)
{
	for (unsigned i = 0; i < 2 && table->limits; i++) {
		struct peer_limits *limits = table->checked_next;

		if (!limits)
			limits = table->limits;
		table->checked_next = limits->hh.next;
		if (!are_full(limits, now))
			continue;
		HASH_DELETE(hh, table->limits, limits);
		free(limits);
	}
}

struct peer_limits *peer_table_limits(struct peer_table *table,
				      const char *name, double now)
{
	struct peer_limits *limits;

	HASH_FIND_STR(table->limits, name, limits);
	if (limits)
		return limits;
	forget_full_limits(table, now);
	limits = malloc(sizeof(*limits));
	if (!limits)
		return NULL;
	*limits = usual;
	snprintf(limits->name, sizeof(limits->name), "%s", name);
	HASH_ADD_STR(table->limits, name, limits);
	if (HASH_ADDED(limits))
		return limits;
	free(limits);
	return NULL;
}

void peer_table_forget_limits(struct peer_table *table)
{
	struct peer_limits *limits, *next;

	table->checked_next = NULL;
	HASH_ITER (hh, table->limits, limits, next) {
		HASH_DELETE(hh, table->limits, limits);
		free(limits);
	}
}
