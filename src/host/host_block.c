/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The second line behind a client's routes: see nft_block.h. What it lets pass
 * is what the routes let pass while they are there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/host_private.h"

/* Between neighbours: no route leads it further. */
static const struct inet_prefix neighbours[] = {
	{{AF_INET, {169, 254}}, 16},
	{{AF_INET, {224}}, 4},
	{{AF_INET, {255, 255, 255, 255}}, 32},
	{{AF_INET6, {0xfe, 0x80}}, 10},
	{{AF_INET6, {0xff}}, 8},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct draft {
	struct nft_block block;
	bool full, drops;
};

static void add(struct draft *draft, const struct inet_prefix *prefix,
		bool drop)
{
	struct nft_block *block = &draft->block;

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

/* What the tunnel takes, or nothing may reach, and what is left out of that. */
static void add_change(struct draft *draft, const struct change *change)
{
	const struct rtnl_route *route = &change->route;

	if (change->kind == CHANGE_ADDRESS)
		add(draft, &change->address.prefix, true);
	if (change->kind != CHANGE_ROUTE)
		return;
	if (route->type == RTN_THROW)
		add(draft, &route->destination, false);
	else if (!route->device[0] ||
		 strcmp(route->device, draft->block.device) == 0)
		add(draft, &route->destination, true);
}

/* The longest first, as routes go. */
static int compare(const void *a, const void *b)
{
	const struct nft_block_prefix *one = a, *other = b;

	if (one->prefix.length != other->prefix.length)
		return one->prefix.length < other->prefix.length ? 1 : -1;
	return one->drop - other->drop;
}

static int make_draft(const struct host *host, struct draft *draft)
{
	const struct change_list *force = journal_changes(host->journal);
	struct nft_block *block = &draft->block;

	/* A slash is in no tunnel's name, so in no other table of ours. */
	snprintf(block->table, sizeof(block->table), "minivpn-%s/block",
		 host->config->name);
	snprintf(block->device, sizeof(block->device), "%s",
		 host->config->device);
	/* What the tunnel itself sends, as our rules let it pass. */
	block->mark = plan_routing_mark(&host->routing.plan);
	for (size_t i = 0; i < COUNT(neighbours); i++)
		add(draft, &neighbours[i], false);
	for (size_t i = 0; i < force->count; i++)
		add_change(draft, &force->items[i]);
	qsort(block->prefixes, block->count, sizeof(block->prefixes[0]),
	      compare);
	return draft->full ? -E2BIG : 0;
}

static bool is_same(const struct nft_block *a, const struct nft_block *b)
{
	if (strcmp(a->device, b->device) != 0 || a->count != b->count ||
	    a->mark != b->mark)
		return false;
	for (unsigned i = 0; i < a->count; i++) {
		if (a->prefixes[i].drop != b->prefixes[i].drop ||
		    !inet_prefix_equal(&a->prefixes[i].prefix,
				       &b->prefixes[i].prefix))
			return false;
	}
	return true;
}

static int open_nft(struct host *host)
{
	struct change_context *context = &host->context;

	if (context->nft)
		return 0;
	/* In another namespace it was tried on the way in. */
	return context->place.name[0] ? -EPROTONOSUPPORT
				      : nft_open(&context->nft);
}

void host_block_lift(struct host *host)
{
	int err;

	if (!host->blocked)
		return;
	err = nft_block_del(host->context.nft, &host->block);
	if (err && err != -ENOENT)
		log_warning("table %s can't be removed: %s", host->block.table,
			    strerror(-err));
	host->blocked = false;
}

int host_block_raise(struct host *host)
{
	struct draft draft = {0};
	int err;

	if (host->config->role != CONFIG_CLIENT)
		return 0;
	/* It lets less out. */
	if (host->killswitch_ours) {
		host_block_lift(host);
		return 0;
	}
	err = make_draft(host, &draft);
	if (!err && !draft.drops) {
		host_block_lift(host);
		return 0;
	}
	if (!err && host->blocked && is_same(&host->block, &draft.block))
		return 0;
	if (!err)
		err = open_nft(host);
	if (!err)
		err = nft_block_set(host->context.nft, &draft.block);
	if (err)
		return err;
	host->block = draft.block;
	host->blocked = true;
	return 0;
}
