/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The block that stands behind the routes of a client, from its changes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/plan/routing.h"

/* This goes between neighbours: no route leads it further. */
static const struct inet_prefix neighbours[] = {
	{{AF_INET, {224}}, 4},
	{{AF_INET, {255, 255, 255, 255}}, 32},
	{{AF_INET6, {0xfe, 0x80}}, 10},
	{{AF_INET6, {0xff}}, 8},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct draft {
	struct nft_block *block;
	bool full, drops;
};

static void add(struct draft *draft, const struct inet_prefix *prefix,
		bool drop)
{
	struct nft_block *block = draft->block;

	draft->drops |= drop;
	if (block->count == NFT_BLOCK_PREFIXES) {
		draft->full = true;
		return;
	}
	block->prefixes[block->count++] = (struct nft_block_prefix){
		.prefix = inet_prefix_network(prefix),
		.drop = drop,
	};
}

static void add_mark(struct nft_block *block, const struct rtnl_rule *rule)
{
	unsigned count = block->mark_count;

	for (unsigned i = 0; i < count; i++) {
		if (block->marks[i].mark == rule->mark &&
		    block->marks[i].mask == rule->mask)
			return;
	}
	if (count == NFT_BLOCK_MARKS)
		return;
	block->marks[count].mark = rule->mark;
	block->marks[count].mask = rule->mask;
	block->mark_count++;
}

/* What the tunnel takes, or nothing may reach, and what is left out of that. */
static void add_change(struct draft *draft, const struct change *change)
{
	const struct rtnl_route *route = &change->route;

	/*
	 * The mark of another VPN's own packets is the same for both families.
	 */
	if (change->kind == CHANGE_RULE && !change->rule.unless)
		add_mark(draft->block, &change->rule);
	if (change->kind == CHANGE_ADDRESS)
		add(draft, &change->address.prefix, true);
	if (change->kind != CHANGE_ROUTE)
		return;
	if (route->type == RTN_THROW)
		add(draft, &route->destination, false);
	else if (!route->device[0] ||
		 strcmp(route->device, draft->block->devices[0]) == 0)
		add(draft, &route->destination, true);
}

/* The longest goes first, as with routes. */
static int compare(const void *a, const void *b)
{
	const struct nft_block_prefix *one = a, *other = b;

	if (one->prefix.length != other->prefix.length)
		return one->prefix.length < other->prefix.length ? 1 : -1;
	return one->drop - other->drop;
}

/* Would the next prefix that holds it decide the same? */
static bool is_implied(const struct nft_block *block, unsigned index)
{
	const struct nft_block_prefix *entry = &block->prefixes[index];

	for (unsigned i = index + 1; i < block->count; i++) {
		const struct nft_block_prefix *next = &block->prefixes[i];

		if (inet_prefix_covers(&next->prefix, &entry->prefix))
			return next->drop == entry->drop;
	}
	return !entry->drop;
}

static void sort(struct nft_block *block)
{
	unsigned count = 0;

	qsort(block->prefixes, block->count, sizeof(block->prefixes[0]),
	      compare);
	for (unsigned i = 0; i < block->count; i++) {
		if (!is_implied(block, i))
			block->prefixes[count++] = block->prefixes[i];
	}
	block->count = count;
}

int plan_block(const struct config *config, const struct plan_routing *routing,
	       const struct change_list *list, struct nft_block *block)
{
	struct change rule = plan_routing_rule(routing, AF_INET);
	struct draft draft = {.block = block};

	/* No other table of ours has such a name: see plan_marks(). */
	*block = (struct nft_block){.device_count = 1};
	add_mark(block, &rule.rule);
	snprintf(block->table, sizeof(block->table), "minivpn.block-%s",
		 config->name);
	snprintf(block->devices[0], sizeof(block->devices[0]), "%s",
		 config->device);
	for (size_t i = 0; i < COUNT(neighbours); i++)
		add(&draft, &neighbours[i], false);
	for (size_t i = 0; i < list->count; i++)
		add_change(&draft, &list->items[i]);
	sort(block);
	return draft.full ? -E2BIG : draft.drops;
}
