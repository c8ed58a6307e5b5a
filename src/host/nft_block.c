/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft_block.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stddef.h>
#include <string.h>

#include "host/nft_batch.h"
#include "host/nft_expression.h"

/* Before the filters of others, whose counters then see what passes. */
#define PRIORITY (NF_IP_PRI_FILTER - 1)

/* DHCP (RFC 2131): a lease is renewed at the server's own address. */
#define DHCP_CLIENT 68
#define DHCP_SERVER 67

static const struct nft_chain output = {
	.name = "output",
	.type = "filter",
	.add = "add chain output",
	.add_rule = "add rule to output",
	.hook = NF_INET_LOCAL_OUT,
	.priority = PRIORITY,
	.policy = NF_ACCEPT,
};

static const struct nft_chain forward = {
	.name = "forward",
	.type = "filter",
	.add = "add chain forward",
	.add_rule = "add rule to forward",
	.hook = NF_INET_FORWARD,
	.priority = PRIORITY,
	.policy = NF_ACCEPT,
};

static void finish(struct nft_batch_rule rule, uint32_t verdict)
{
	nft_verdict(rule.message, verdict);
	nft_batch_end_rule(rule);
}

static void accept_device(struct nft_batch *batch,
			  const struct nft_chain *chain, const char *device)
{
	struct nft_batch_rule rule = nft_batch_begin_rule(batch, chain);

	nft_match_device(rule.message, NFT_META_OIFNAME, NFT_CMP_EQ, device);
	finish(rule, NF_ACCEPT);
}

static void accept_mark(struct nft_batch *batch, const struct nft_chain *chain,
			uint32_t mark)
{
	struct nft_batch_rule rule;

	if (!mark)
		return;
	rule = nft_batch_begin_rule(batch, chain);
	nft_load_meta(rule.message, NFT_META_MARK);
	nft_compare(rule.message, NFT_CMP_EQ, &mark, sizeof(mark));
	finish(rule, NF_ACCEPT);
}

static void accept_dhcp(struct nft_batch *batch)
{
	const uint16_t ports[] = {htons(DHCP_CLIENT), htons(DHCP_SERVER)};
	const uint8_t udp = IPPROTO_UDP;
	struct nft_batch_rule rule = nft_batch_begin_rule(batch, &output);

	nft_load_meta(rule.message, NFT_META_L4PROTO);
	nft_compare(rule.message, NFT_CMP_EQ, &udp, sizeof(udp));
	nft_load_payload(rule.message, NFT_PAYLOAD_TRANSPORT_HEADER, 0,
			 sizeof(ports));
	nft_compare(rule.message, NFT_CMP_EQ, ports, sizeof(ports));
	finish(rule, NF_ACCEPT);
}

/* Neighbours are asked, and answer, by their public addresses too (RFC 4861).
 */
static void accept_neighbours(struct nft_batch *batch)
{
	const uint8_t icmpv6 = IPPROTO_ICMPV6, first = ND_ROUTER_SOLICIT,
		      last = ND_NEIGHBOR_ADVERT;
	struct nft_batch_rule rule = nft_batch_begin_rule(batch, &output);

	nft_load_meta(rule.message, NFT_META_L4PROTO);
	nft_compare(rule.message, NFT_CMP_EQ, &icmpv6, sizeof(icmpv6));
	nft_load_payload(rule.message, NFT_PAYLOAD_TRANSPORT_HEADER,
			 offsetof(struct icmp6_hdr, icmp6_type), sizeof(first));
	nft_compare(rule.message, NFT_CMP_GTE, &first, sizeof(first));
	nft_compare(rule.message, NFT_CMP_LTE, &last, sizeof(last));
	finish(rule, NF_ACCEPT);
}

static void match_destination(struct nft_batch_rule rule,
			      const struct inet_prefix *prefix)
{
	bool v4 = prefix->address.family == AF_INET;
	uint8_t family = v4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
	size_t size = inet_size(prefix->address.family);
	uint8_t mask[16] = {0};

	for (unsigned i = 0; i < prefix->length; i++)
		mask[i / 8] |= 0x80 >> i % 8;
	nft_load_meta(rule.message, NFT_META_NFPROTO);
	nft_compare(rule.message, NFT_CMP_EQ, &family, sizeof(family));
	nft_load_payload(rule.message, NFT_PAYLOAD_NETWORK_HEADER,
			 v4 ? offsetof(struct iphdr, daddr)
			    : offsetof(struct ip6_hdr, ip6_dst),
			 size);
	nft_mask(rule.message, mask, size);
	nft_compare(rule.message, NFT_CMP_EQ, prefix->address.bytes, size);
}

static void add_prefixes(struct nft_batch *batch, const struct nft_chain *chain,
			 const struct nft_block *block)
{
	for (unsigned i = 0; i < block->count; i++) {
		const struct nft_block_prefix *entry = &block->prefixes[i];
		struct nft_batch_rule rule = nft_batch_begin_rule(batch, chain);

		match_destination(rule, &entry->prefix);
		finish(rule, entry->drop ? NF_DROP : NF_ACCEPT);
	}
}

static bool is_sound(const struct nft_block *block)
{
	if (block->count > NFT_BLOCK_PREFIXES)
		return false;
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
	struct nft_batch batch;
	int err;

	if (!is_sound(block))
		return -EINVAL;
	err = nft_batch_begin(&batch, nft, NFPROTO_INET, block->table);
	if (err)
		return err;
	if (nft_table_get_ours(nft, NFPROTO_INET, block->table, &old) == 0)
		nft_batch_del_table(&batch, old.handle);
	nft_batch_add_table(&batch, NFT_TABLE_F_OWNER);
	nft_batch_add_chain(&batch, &output);
	accept_device(&batch, &output, "lo");
	accept_device(&batch, &output, block->device);
	accept_mark(&batch, &output, block->mark);
	accept_dhcp(&batch);
	accept_neighbours(&batch);
	add_prefixes(&batch, &output, block);
	nft_batch_add_chain(&batch, &forward);
	accept_device(&batch, &forward, block->device);
	accept_mark(&batch, &forward, block->mark);
	add_prefixes(&batch, &forward, block);
	return nft_batch_send(&batch, &refused);
}

int nft_block_del(struct nft *nft, const struct nft_block *block)
{
	return nft_table_del(nft, NFPROTO_INET, block->table);
}
