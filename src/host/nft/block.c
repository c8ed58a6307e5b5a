/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/block.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/icmp6.h>
#include <stdio.h>

#include "host/nft/transaction.h"
#include "host/nft/nft_internal.h"
#include "host/nft/match.h"

/* DHCP (RFC 2131): a lease is renewed at the server's own address. */
#define DHCP_CLIENT 68
#define DHCP_SERVER 67

/* Where the device is known for good, and marks are: as the kill switch. */
static const struct nft_chain postrouting = {
	.name = "postrouting",
	.type = "filter",
	.add = "add chain postrouting",
	.add_rule = "add rule to postrouting",
	.hook = NF_INET_POST_ROUTING,
	.priority = NF_IP_PRI_MANGLE - 1,
	.policy = NF_ACCEPT,
};

/*
 * In front of the marks of Inbound: the packets of another VPN have their mark
 * by their connection too, and no other one.
 */
static const struct nft_chain outer = {
	.name = "outer",
	.type = "filter",
	.add = "add chain outer",
	.add_rule = "add rule to outer",
	.hook = NF_INET_LOCAL_OUT,
	.priority = NF_IP_PRI_MANGLE + 4,
	.policy = NF_ACCEPT,
};

#define OUTER                                                                  \
	"chain outer { type filter hook output priority mangle + 4; "          \
	"policy accept; "

#define HEAD                                                                   \
	"chain postrouting { type filter hook postrouting priority "           \
	"mangle - 1; policy accept; "

/* Neighbours are asked, and answer, by their public addresses too (RFC 4861).
 */
static const uint8_t neighbours[] = {
	ND_ROUTER_SOLICIT,
	ND_ROUTER_ADVERT,
	ND_NEIGHBOR_SOLICIT,
	ND_NEIGHBOR_ADVERT,
};

/* The rules in their order, for the kernel and for people. */
typedef void (*visit_rule)(void *data, const struct nft_match *matches,
			   uint32_t verdict);

static void visit_one(visit_rule visit, void *data, struct nft_match match,
		      uint32_t verdict)
{
	const struct nft_match matches[NFT_MATCHES] = {match};

	visit(data, matches, verdict);
}

static struct nft_match mark_of(const struct nft_block *block, unsigned index)
{
	return (struct nft_match){
		.kind = NFT_MATCH_MARK,
		.mark = block->marks[index].mark,
		.mask = block->marks[index].mask,
	};
}

/* What most packets meet comes first. */
static void visit_rules(const struct nft_block *block, visit_rule visit,
			void *data)
{
	struct nft_match match = {.kind = NFT_MATCH_OUT};

	for (unsigned i = 0; i < block->device_count; i++) {
		match.name = block->devices[i];
		visit_one(visit, data, match, NF_ACCEPT);
	}
	for (unsigned i = 0; i < block->mark_count; i++)
		visit_one(visit, data, mark_of(block, i), NF_ACCEPT);
	match = (struct nft_match){.kind = NFT_MATCH_OUT, .name = "lo"};
	visit_one(visit, data, match, NF_ACCEPT);
	match = (struct nft_match){
		.kind = NFT_MATCH_PORTS,
		.protocol = IPPROTO_UDP,
		.from = DHCP_CLIENT,
		.to = DHCP_SERVER,
	};
	visit_one(visit, data, match, NF_ACCEPT);
	match = (struct nft_match){.kind = NFT_MATCH_ICMPV6};
	for (size_t i = 0; i < sizeof(neighbours); i++) {
		match.type = neighbours[i];
		visit_one(visit, data, match, NF_ACCEPT);
	}
	match = (struct nft_match){.kind = NFT_MATCH_TO};
	for (unsigned i = 0; i < block->count; i++) {
		match.network = block->prefixes[i].prefix;
		visit_one(visit, data, match,
			  block->prefixes[i].drop ? NF_DROP : NF_ACCEPT);
	}
}

static void add_rule(void *data, const struct nft_match *matches,
		     uint32_t verdict)
{
	struct nft_transaction_rule rule =
		nft_transaction_begin_rule(data, &postrouting);
	uint16_t family = 0;

	for (; matches->kind; matches++)
		nft_match_put(rule.message, matches, &family);
	nft_verdict(rule.message, verdict);
	nft_transaction_end_rule(rule);
}

static void add_outer(struct nft_transaction *batch,
		      const struct nft_block *block)
{
	if (block->mark_count > 1)
		nft_transaction_add_chain(batch, &outer);
	for (unsigned i = 1; i < block->mark_count; i++) {
		struct nft_transaction_rule rule =
			nft_transaction_begin_rule(batch, &outer);
		struct nft_match match = mark_of(block, i);
		uint16_t family = 0;

		nft_match_put(rule.message, &match, &family);
		nft_load_meta(rule.message, NFT_META_MARK);
		nft_set_ct(rule.message, NFT_CT_MARK);
		nft_transaction_end_rule(rule);
	}
}

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

int nft_block_set(struct nft *nft, const struct nft_block *block)
{
	const char *refused;
	struct nft_table old;
	struct nft_transaction batch;
	int err;

	if (!is_sound(block))
		return -EINVAL;
	err = nft_transaction_begin(&batch, nft, NFPROTO_INET, block->table);
	if (err)
		return err;
	if (nft_table_get_ours(nft, NFPROTO_INET, block->table, &old) == 0)
		nft_transaction_del_table(&batch, old.handle);
	nft_transaction_add_table(&batch, NFT_TABLE_F_OWNER);
	add_outer(&batch, block);
	nft_transaction_add_chain(&batch, &postrouting);
	visit_rules(block, add_rule, &batch);
	return nft_transaction_send(&batch, &refused);
}

int nft_block_del(struct nft *nft, const struct nft_block *block)
{
	return nft_table_del(nft, NFPROTO_INET, block->table);
}

struct text {
	char *end;
	size_t room;
	bool full;
};

static void advance(struct text *text, int length)
{
	if (length < 0 || (size_t)length >= text->room) {
		text->full = true;
		return;
	}
	text->end += length;
	text->room -= length;
}

static void print_rule(void *data, const struct nft_match *matches,
		       uint32_t verdict)
{
	struct text *text = data;

	for (; matches->kind && !text->full; matches++)
		advance(text, nft_match_print(matches, text->end, text->room));
	if (!text->full)
		advance(text, snprintf(text->end, text->room, "%s; ",
				       verdict == NF_DROP ? "drop" : "accept"));
}

static void print_outer(struct text *text, const struct nft_block *block)
{
	if (block->mark_count > 1)
		advance(text, snprintf(text->end, text->room, OUTER));
	for (unsigned i = 1; i < block->mark_count && !text->full; i++) {
		struct nft_match match = mark_of(block, i);

		advance(text, nft_match_print(&match, text->end, text->room));
		if (!text->full)
			advance(text, snprintf(text->end, text->room,
					       "ct mark set meta mark; "));
	}
	if (block->mark_count > 1 && !text->full)
		advance(text, snprintf(text->end, text->room, "}; "));
}

int nft_block_print(const struct nft_block *block, char *buffer, size_t size)
{
	struct text text = {.end = buffer, .room = size};

	if (!is_sound(block))
		return -EINVAL;
	advance(&text, snprintf(text.end, text.room,
				"table inet %s { comment \"" NFT_COMMENT "\"; ",
				block->table));
	if (!text.full)
		print_outer(&text, block);
	if (!text.full)
		advance(&text, snprintf(text.end, text.room, HEAD));
	visit_rules(block, print_rule, &text);
	if (!text.full)
		advance(&text, snprintf(text.end, text.room, "}; }"));
	return text.full ? -ENOSPC : 0;
}
