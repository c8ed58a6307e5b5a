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

struct entry {
	struct inet_prefix prefix; /* host bits cleared */
	bool drop;		   /* else it may leave */
	bool implied;		   /* what it lies in decides the same */
	bool inside; /* it lies in one that may leave: the order matters */
};

struct draft {
	struct nft_block *block;
	struct entry *entries;
	size_t count;
};

/* There is room for all. */
static void add(struct draft *draft, const struct inet_prefix *prefix,
		bool drop)
{
	draft->entries[draft->count++] = (struct entry){
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

/* Each is followed by what lies in it; where two are one, that may leave last.
 */
static int by_place(const void *a, const void *b)
{
	const struct entry *one = a, *other = b;
	int order = memcmp(&one->prefix.address, &other->prefix.address,
			   sizeof(one->prefix.address));

	if (order)
		return order;
	if (one->prefix.length != other->prefix.length)
		return one->prefix.length - other->prefix.length;
	return other->drop - one->drop;
}

/*
 * Each network's parent is the one before it, or among those that this lies in.
 */
static void relate(struct draft *draft)
{
	/* Each length once that drops, and once that may leave. */
	const struct entry *outer[2 * (8 * 16 + 1)];
	size_t depth = 0;

	for (size_t i = 0; i < draft->count; i++) {
		struct entry *entry = &draft->entries[i];
		const struct entry *in;

		while (depth && !inet_prefix_covers(&outer[depth - 1]->prefix,
						    &entry->prefix))
			depth--;
		in = depth ? outer[depth - 1] : NULL;
		entry->implied = in ? in->drop == entry->drop : !entry->drop;
		entry->inside = in && (in->inside || !in->drop);
		if (!entry->implied)
			outer[depth++] = entry;
	}
}

/* The longest goes first, as with routes. */
static int by_length(const void *a, const void *b)
{
	const struct nft_block_prefix *one = a, *other = b;

	if (one->prefix.length != other->prefix.length)
		return other->prefix.length - one->prefix.length;
	return one->drop - other->drop;
}

/* Returns false where there is no room for it. */
static bool add_rule(struct nft_block *block, const struct entry *entry)
{
	if (block->count == NFT_BLOCK_PREFIXES)
		return false;
	block->prefixes[block->count++] = (struct nft_block_prefix){
		.prefix = entry->prefix,
		.drop = entry->drop,
	};
	return true;
}

/*
 * There is a rule for each, or, where these are too many, a set of those that
 * lie in no other.
 */
static int fill(const struct draft *draft, bool sets)
{
	struct nft_block *block = draft->block;

	block->count = 0;
	if (sets)
		block->networks =
			calloc(draft->count, sizeof(*block->networks));
	if (sets && !block->networks)
		return -ENOMEM;
	for (size_t i = 0; i < draft->count; i++) {
		const struct entry *entry = &draft->entries[i];

		if (entry->implied)
			continue;
		if (sets && entry->drop && !entry->inside)
			block->networks[block->network_count++] = entry->prefix;
		else if (!add_rule(block, entry))
			return -E2BIG;
	}
	qsort(block->prefixes, block->count, sizeof(block->prefixes[0]),
	      by_length);
	return 0;
}

static bool drops(const struct draft *draft)
{
	for (size_t i = 0; i < draft->count; i++) {
		if (draft->entries[i].drop)
			return true;
	}
	return false;
}

int plan_block(const struct config *config, const struct plan_routing *routing,
	       const struct change_list *list, struct nft_block *block)
{
	struct change rule = plan_routing_rule(routing, AF_INET);
	struct draft draft = {.block = block};
	int err;

	/* No other table of ours has such a name: see plan_marks(). */
	*block = (struct nft_block){.device_count = 1};
	add_mark(block, &rule.rule);
	snprintf(block->table, sizeof(block->table), "minivpn.block-%s",
		 config->name);
	snprintf(block->devices[0], sizeof(block->devices[0]), "%s",
		 config->device);
	draft.entries =
		calloc(COUNT(neighbours) + list->count, sizeof(*draft.entries));
	if (!draft.entries)
		return -ENOMEM;
	for (size_t i = 0; i < COUNT(neighbours); i++)
		add(&draft, &neighbours[i], false);
	for (size_t i = 0; i < list->count; i++)
		add_change(&draft, &list->items[i]);
	qsort(draft.entries, draft.count, sizeof(*draft.entries), by_place);
	relate(&draft);
	err = fill(&draft, false);
	if (err == -E2BIG)
		err = fill(&draft, true);
	if (!err)
		err = drops(&draft);
	free(draft.entries);
	return err;
}
