/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/block.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/icmp6.h>
#include <string.h>

#include "host/nft/table.h"

/* DHCP (RFC 2131): a lease is renewed at the server's own address. */
#define DHCP_CLIENT 68
#define DHCP_SERVER 67

/*
 * It stands where the device and the mark are final, as the kill switch does.
 */
static const struct nft_chain postrouting = {
	.name = "postrouting",
	.type = "filter",
	.hook = NF_INET_POST_ROUTING,
	.priority = NF_IP_PRI_MANGLE - 1,
	.policy = NF_ACCEPT,
};

/*
 * It stands in front of the marks of Inbound, so that the packets of another
 * VPN have that VPN's mark by their connection too, and no other one.
 */
static const struct nft_chain outer = {
	.name = "outer",
	.type = "filter",
	.hook = NF_INET_LOCAL_OUT,
	.priority = NF_IP_PRI_MANGLE + 4,
	.policy = NF_ACCEPT,
};

/*
 * Neighbours are asked, and answer, by their public addresses too (RFC 4861).
 */
static const uint8_t neighbours[] = {
	ND_ROUTER_SOLICIT,
	ND_ROUTER_ADVERT,
	ND_NEIGHBOR_SOLICIT,
	ND_NEIGHBOR_ADVERT,
};

static bool is_sound(const struct nft_block *block)
{
	if (block->count > NFT_BLOCK_PREFIXES ||
	    block->device_count > NFT_BLOCK_DEVICES ||
	    block->mark_count > NFT_BLOCK_MARKS)
		return false;
	for (unsigned i = 0; i < block->mark_count; i++) {
		if (block->marks[i].mark & ~block->marks[i].mask)
			return false;
	}
	for (unsigned i = 0; i < block->device_count; i++) {
		if (!nft_device_name_valid(block->devices[i]))
			return false;
	}
	for (unsigned i = 0; i < block->count; i++) {
		const struct inet_prefix *prefix = &block->prefixes[i].prefix;
		size_t size = inet_size(prefix->address.family);

		if (!size || prefix->length > 8 * size)
			return false;
	}
	return true;
}

bool nft_block_equal(const struct nft_block *a, const struct nft_block *b)
{
	if (a->count != b->count || a->device_count != b->device_count ||
	    a->network_count != b->network_count ||
	    memcmp(a->devices, b->devices, sizeof(a->devices)) != 0 ||
	    memcmp(a->marks, b->marks, sizeof(a->marks)) != 0)
		return false;
	for (unsigned i = 0; i < a->count; i++) {
		if (a->prefixes[i].drop != b->prefixes[i].drop ||
		    !inet_prefix_equal(&a->prefixes[i].prefix,
				       &b->prefixes[i].prefix))
			return false;
	}
	for (size_t i = 0; i < a->network_count; i++) {
		if (!inet_prefix_equal(&a->networks[i], &b->networks[i]))
			return false;
	}
	return true;
}

static void add_verdict(struct nft_table *table, struct nft_statement match,
			bool drop)
{
	nft_table_add_rule(table,
			   NFT_RULE(match, {.kind = drop ? NFT_ACTION_DROP
							 : NFT_ACTION_ACCEPT}));
}

static struct nft_statement mark_of(const struct nft_block *block,
				    unsigned index)
{
	return (struct nft_statement){
		.kind = NFT_MATCH_MARK,
		.mark = block->marks[index].mark,
		.mask = block->marks[index].mask,
	};
}

static void add_outer(struct nft_table *table, const struct nft_block *block)
{
	if (block->mark_count > 1)
		nft_table_add_chain(table, &outer);
	for (unsigned i = 1; i < block->mark_count; i++)
		nft_table_add_rule(table,
				   NFT_RULE(mark_of(block, i),
					    {.kind = NFT_ACTION_SAVE_MARK}));
}

/* What most packets meet comes first. */
static void add_postrouting(struct nft_table *table,
			    const struct nft_block *block)
{
	struct nft_statement match = {.kind = NFT_MATCH_OUT};

	nft_table_add_chain(table, &postrouting);
	for (unsigned i = 0; i < block->device_count; i++) {
		match.name = block->devices[i];
		add_verdict(table, match, false);
	}
	for (unsigned i = 0; i < block->mark_count; i++)
		add_verdict(table, mark_of(block, i), false);
	match.name = "lo";
	add_verdict(table, match, false);
	match = (struct nft_statement){
		.kind = NFT_MATCH_PORTS,
		.protocol = IPPROTO_UDP,
		.sport = DHCP_CLIENT,
		.dport = DHCP_SERVER,
	};
	add_verdict(table, match, false);
	match = (struct nft_statement){.kind = NFT_MATCH_ICMPV6};
	for (size_t i = 0; i < sizeof(neighbours); i++) {
		match.type = neighbours[i];
		add_verdict(table, match, false);
	}
	match = (struct nft_statement){.kind = NFT_MATCH_TO};
	for (unsigned i = 0; i < block->count; i++) {
		match.network = block->prefixes[i].prefix;
		add_verdict(table, match, block->prefixes[i].drop);
	}
	for (size_t i = 0; i < table->set_count; i++) {
		match = (struct nft_statement){
			.kind = NFT_MATCH_TO_SET,
			.family = table->sets[i].family,
			.name = table->sets[i].name,
		};
		add_verdict(table, match, true);
	}
}

static void add_sets(struct nft_table *table, const struct nft_block *block)
{
	struct nft_set set4 = {.name = "routes4", .family = AF_INET};
	struct nft_set set6 = {.name = "routes6", .family = AF_INET6};

	set4.networks = block->networks;
	while (set4.count < block->network_count &&
	       block->networks[set4.count].address.family == AF_INET)
		set4.count++;
	if (set4.count)
		nft_table_add_set(table, &set4);
	set6.count = block->network_count - set4.count;
	if (set6.count) {
		set6.networks = block->networks + set4.count;
		nft_table_add_set(table, &set6);
	}
}

static void describe(const struct nft_block *block, struct nft_table *table)
{
	*table = (struct nft_table){
		.family = NFPROTO_INET,
		.name = block->table,
		.flags = NFT_TABLE_F_OWNER,
		.flags_required = true,
		.replaces = true,
	};
	add_sets(table, block);
	add_outer(table, block);
	add_postrouting(table, block);
}

int nft_block_set(struct nft *nft, const struct nft_block *block)
{
	struct nft_table table;

	if (!is_sound(block))
		return -EINVAL;
	describe(block, &table);
	return nft_table_make(nft, &table);
}

int nft_block_del(struct nft *nft, const struct nft_block *block)
{
	return nft_table_del(nft, NFPROTO_INET, block->table);
}

int nft_block_print(const struct nft_block *block, char *text, size_t size)
{
	struct nft_table table;

	if (!is_sound(block))
		return -EINVAL;
	describe(block, &table);
	return nft_table_print(&table, text, size);
}
