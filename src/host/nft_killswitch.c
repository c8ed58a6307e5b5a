/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft_killswitch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stddef.h>
#include <string.h>

#include "host/nft_batch.h"
#include "host/nft_expression.h"
#include "host/nft_internal.h"

/* Since Linux 6.9; Debian 12's headers are older. */
#define TABLE_F_PERSIST (1 << 2)

/* Source and destination port stand side by side (RFC 768). */
#define PORTS_OFFSET	 0
#define PORTS_SIZE	 4
#define DESTINATION_PORT 2
#define PORT_SIZE	 2

static const struct nft_chain output = {
	.name = "output",
	.type = "filter",
	.add = "add chain output",
	.add_rule = "add rule to output",
	.hook = NF_INET_LOCAL_OUT,
	.priority = NF_IP_PRI_FILTER,
	.policy = NF_DROP,
};

static const struct nft_chain forward = {
	.name = "forward",
	.type = "filter",
	.add = "add chain forward",
	.add_rule = "add rule to forward",
	.hook = NF_INET_FORWARD,
	.priority = NF_IP_PRI_FILTER,
	.policy = NF_DROP,
};

struct rule {
	struct nft_batch *batch;
	struct nlmsghdr *message;
	struct nlattr *list;
};

static struct rule begin(struct nft_batch *batch, const struct nft_chain *chain)
{
	struct nlmsghdr *message = nft_batch_add_rule(batch, chain);

	return (struct rule){
		.batch = batch,
		.message = message,
		.list = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS),
	};
}

static void finish(struct rule rule, uint32_t verdict)
{
	nft_verdict(rule.message, verdict);
	mnl_attr_nest_end(rule.message, rule.list);
	nft_batch_next(rule.batch);
}

static void accept_it(struct rule rule)
{
	finish(rule, NF_ACCEPT);
}

/*
 * What the policy would do in a moment: the kernel puts that in force only
 * behind the rules, once the table that this one replaces is gone
 * (nft_chain_commit_drop_policy()).
 */
static void drop_the_rest(struct nft_batch *batch,
			  const struct nft_chain *chain)
{
	finish(begin(batch, chain), NF_DROP);
}

static void accept_device(struct nft_batch *batch,
			  const struct nft_chain *chain, const char *device)
{
	struct rule rule = begin(batch, chain);

	nft_match_device(rule.message, NFT_META_OIFNAME, NFT_CMP_EQ, device);
	accept_it(rule);
}

static void match_protocol(struct rule rule, uint8_t protocol)
{
	nft_load_meta(rule.message, NFT_META_L4PROTO);
	nft_compare(rule.message, NFT_CMP_EQ, &protocol, sizeof(protocol));
}

static void accept_server(struct nft_batch *batch,
			  const struct inet_endpoint *server)
{
	bool v4 = server->address.family == AF_INET;
	uint8_t family = v4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
	size_t size = inet_size(server->address.family);
	uint16_t port = htons(server->port);
	struct rule rule = begin(batch, &output);

	nft_load_meta(rule.message, NFT_META_NFPROTO);
	nft_compare(rule.message, NFT_CMP_EQ, &family, sizeof(family));
	nft_load_payload(rule.message, NFT_PAYLOAD_NETWORK_HEADER,
			 v4 ? offsetof(struct iphdr, daddr)
			    : offsetof(struct ip6_hdr, ip6_dst),
			 size);
	nft_compare(rule.message, NFT_CMP_EQ, server->address.bytes, size);
	match_protocol(rule, IPPROTO_UDP);
	nft_load_payload(rule.message, NFT_PAYLOAD_TRANSPORT_HEADER,
			 DESTINATION_PORT, PORT_SIZE);
	nft_compare(rule.message, NFT_CMP_EQ, &port, PORT_SIZE);
	accept_it(rule);
}

static void accept_dhcp(struct nft_batch *batch, uint16_t from, uint16_t to)
{
	const uint16_t ports[] = {htons(from), htons(to)};
	struct rule rule = begin(batch, &output);

	match_protocol(rule, IPPROTO_UDP);
	nft_load_payload(rule.message, NFT_PAYLOAD_TRANSPORT_HEADER,
			 PORTS_OFFSET, PORTS_SIZE);
	nft_compare(rule.message, NFT_CMP_EQ, ports, PORTS_SIZE);
	accept_it(rule);
}

static void accept_icmpv6(struct nft_batch *batch, uint8_t type)
{
	struct rule rule = begin(batch, &output);

	match_protocol(rule, IPPROTO_ICMPV6);
	nft_load_payload(rule.message, NFT_PAYLOAD_TRANSPORT_HEADER,
			 offsetof(struct icmp6_hdr, icmp6_type), sizeof(type));
	nft_compare(rule.message, NFT_CMP_EQ, &type, sizeof(type));
	accept_it(rule);
}

/* For a network behind this host: answers to what it has sent by the tunnel. */
static void accept_answers(struct nft_batch *batch, const char *device)
{
	static const uint32_t zero;
	/* NF_CT_STATE_BIT() of nf_conntrack_tuple_common.h. */
	const uint32_t states =
		1 << (IP_CT_ESTABLISHED + 1) | 1 << (IP_CT_RELATED + 1);
	struct rule rule = begin(batch, &forward);
	struct nft_expression ct;

	nft_match_device(rule.message, NFT_META_IIFNAME, NFT_CMP_EQ, device);
	ct = nft_expression_begin(rule.message, "ct");
	nft_put_number(rule.message, NFTA_CT_DREG, NFT_REGISTER);
	nft_put_number(rule.message, NFTA_CT_KEY, NFT_CT_STATE);
	nft_expression_end(rule.message, ct);
	nft_mask(rule.message, &states, sizeof(states));
	nft_compare(rule.message, NFT_CMP_NEQ, &zero, sizeof(zero));
	accept_it(rule);
}

static void add_output(struct nft_batch *batch,
		       const struct nft_killswitch *killswitch)
{
	nft_batch_add_chain(batch, &output);
	accept_device(batch, &output, "lo");
	accept_device(batch, &output, killswitch->device);
	for (unsigned i = 0; i < killswitch->count; i++)
		accept_server(batch, &killswitch->servers[i]);
	accept_dhcp(batch, 68, 67);
	accept_dhcp(batch, 546, 547);
	accept_icmpv6(batch, ND_ROUTER_SOLICIT);
	accept_icmpv6(batch, ND_NEIGHBOR_SOLICIT);
	accept_icmpv6(batch, ND_NEIGHBOR_ADVERT);
	drop_the_rest(batch, &output);
}

static int send_table(struct nft *nft, const struct nft_killswitch *killswitch,
		      const struct nft_table *old, uint32_t flags,
		      bool *table_refused)
{
	const char *refused;
	struct nft_batch batch;
	int error =
		nft_batch_begin(&batch, nft, NFPROTO_INET, killswitch->table);

	if (error)
		return error;
	if (old)
		nft_batch_del_table(&batch, old->handle);
	nft_batch_add_table(&batch, flags);
	add_output(&batch, killswitch);
	nft_batch_add_chain(&batch, &forward);
	accept_device(&batch, &forward, killswitch->device);
	accept_answers(&batch, killswitch->device);
	drop_the_rest(&batch, &forward);
	error = nft_batch_send(&batch, &refused);
	*table_refused = error && strcmp(refused, "add table") == 0;
	return error;
}

int nft_killswitch_add(struct nft *nft, const struct nft_killswitch *killswitch)
{
	bool table_refused, left;
	struct nft_table old;
	int error = nft_killswitch_check(killswitch);

	if (error)
		return error;
	left = nft_table_get_ours(nft, NFPROTO_INET, killswitch->table, &old) ==
	       0;
	error = send_table(nft, killswitch, left ? &old : NULL,
			   NFT_TABLE_F_OWNER | TABLE_F_PERSIST, &table_refused);
	/* Unknown flags are EOPNOTSUPP, in older kernels EINVAL. */
	if (table_refused && (error == -EOPNOTSUPP || error == -EINVAL))
		error = send_table(nft, killswitch, left ? &old : NULL, 0,
				   &table_refused);
	/* Owned by another process, as in nft_gateway_add(). */
	return table_refused && error == -EPERM ? -EEXIST : error;
}

int nft_killswitch_del(struct nft *nft, const struct nft_killswitch *killswitch)
{
	int error = nft_killswitch_check(killswitch);

	return error ? error
		     : nft_table_del(nft, NFPROTO_INET, killswitch->table);
}

int nft_killswitch_has(struct nft *nft, const struct nft_killswitch *killswitch)
{
	struct nft_table table;
	int error = nft_table_get(nft, NFPROTO_INET, killswitch->table, &table);

	if (error)
		return error == -ENOENT ? 0 : error;
	return 1;
}
