/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/daemon/block.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/daemon/daemon_internal.h"
#include "host/daemon/killswitch.h"

struct tunnels {
	const struct host *host;
	struct nft_block *block;
};

static int add_device(void *data, const struct rtnl_route *route)
{
	struct nft_block *block = ((struct tunnels *)data)->block;

	if (route->protocol != RTNL_PROTOCOL || !route->device[0])
		return 0;
	for (unsigned i = 0; i < block->device_count; i++) {
		if (strcmp(block->devices[i], route->device) == 0)
			return 0;
	}
	if (block->device_count == NFT_BLOCK_DEVICES)
		return -E2BIG;
	memcpy(block->devices[block->device_count++], route->device,
	       sizeof(route->device));
	return 0;
}

static int add_tunnel(void *data, const struct rtnl_rule *rule)
{
	struct tunnels *tunnels = data;
	const struct host *host = tunnels->host;

	if (rule->protocol != RTNL_PROTOCOL ||
	    !plan_routing_is_other(&host->routing.plan, rule->table))
		return 0;
	return rtnl_table_each(host->context.rtnl, rule->family, rule->table,
			       add_device, data);
}

/* Packets for another tunnel beside this one leave by that one. */
static int add_tunnels(const struct host *host, struct nft_block *block)
{
	struct tunnels tunnels = {host, block};
	int err = rtnl_rule_each(host->context.rtnl, AF_INET, add_tunnel,
				 &tunnels);

	if (err)
		return err;
	err = rtnl_rule_each(host->context.rtnl, AF_INET6, add_tunnel,
			     &tunnels);
	return err == -EAFNOSUPPORT || err == -EOPNOTSUPP ? 0 : err;
}

static int open_nft(struct host *host)
{
	struct change_context *context = &host->context;

	if (context->nft)
		return 0;
	/* In another namespace it was tried when that was entered. */
	return context->place.name[0] ? -EPROTONOSUPPORT
				      : nft_open(&context->nft);
}

/* block is NULL where none is there. */
static void take_over(struct host *host, const struct nft_block *block)
{
	free(host->block->block.networks);
	host->block->applied = block != NULL;
	host->block->block = block ? *block : (struct nft_block){0};
}

static void lift(struct host *host)
{
	int err;

	if (!host->block->applied)
		return;
	err = nft_block_del(host->context.nft, &host->block->block);
	if (err && err != -ENOENT)
		log_warning("table %s can't be removed: %s",
			    host->block->block.table, strerror(-err));
	take_over(host, NULL);
}

/* Makes block the one that is there, and then it is not the caller's. */
static int put(struct host *host, struct nft_block *block)
{
	int err = add_tunnels(host, block);

	if (err || (host->block->applied &&
		    nft_block_equal(&host->block->block, block)))
		return err;
	err = open_nft(host);
	if (!err)
		err = nft_block_set(host->context.nft, block);
	if (err)
		return err;
	take_over(host, block);
	block->networks = NULL;
	return 0;
}

int host_block_set(struct host *host)
{
	struct nft_block block;
	int drops, err = 0;

	if (host->config->role != CONFIG_CLIENT)
		return 0;
	drops = plan_block(host->config, &host->routing.plan,
			   journal_changes(host->journal), &block);
	/* The kill switch lets out less than this table does. */
	if (host_killswitch_is_ours(host) || drops == 0)
		lift(host);
	else
		err = drops < 0 ? drops : put(host, &block);
	free(block.networks);
	return err;
}

const char *host_block_table(const struct host *host)
{
	return host->block->applied ? host->block->block.table : NULL;
}
