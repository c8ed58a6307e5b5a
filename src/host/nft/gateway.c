/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/gateway.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <string.h>

#include "host/nft/transaction.h"
#include "host/nft/nft_internal.h"
#include "host/nft/gateway_rule.h"

static const struct nft_chain translate = {
	.name = NFT_TRANSLATE,
	.add = "add chain " NFT_TRANSLATE,
	.add_rule = "add rule to " NFT_TRANSLATE,
};

static const struct nft_chain postrouting = {
	.name = "postrouting",
	.type = "nat",
	.add = "add chain postrouting",
	.add_rule = "add rule to postrouting",
	.hook = NF_INET_POST_ROUTING,
	.priority = NF_IP_PRI_NAT_SRC,
	.policy = NF_ACCEPT,
};

static const struct nft_chain forward = {
	.name = "forward",
	.type = "filter",
	.add = "add chain forward",
	.add_rule = "add rule to forward",
	.hook = NF_INET_FORWARD,
	.priority = NF_IP_PRI_MANGLE,
	.policy = NF_ACCEPT,
};

typedef void (*rule_put)(struct nlmsghdr *message,
			 const struct nft_gateway *gateway);

static void add_rule(struct nft_transaction *batch,
		     const struct nft_chain *chain, rule_put put,
		     const struct nft_gateway *gateway)
{
	put(nft_transaction_add_rule(batch, chain), gateway);
	nft_transaction_next(batch);
}

static void add_masquerade(struct nft_transaction *batch,
			   const struct nft_gateway *gateway)
{
	nft_transaction_add_chain(batch, &translate);
	add_rule(batch, &translate, nft_rule_masquerade_tcp, gateway);
	add_rule(batch, &translate, nft_rule_masquerade_udp, gateway);
	add_rule(batch, &translate, nft_rule_masquerade, gateway);
	nft_transaction_add_chain(batch, &postrouting);
	add_rule(batch, &postrouting, nft_rule_from_inner, gateway);
	add_rule(batch, &postrouting, nft_rule_from_device, gateway);
}

static int gateway_send(struct nft *nft, const struct nft_gateway *gateway,
			uint32_t flags, bool *table_refused)
{
	const char *refused;
	struct nft_transaction batch;
	int error = nft_transaction_begin(
		&batch, nft, gateway->inner.address.family, gateway->table);

	if (error)
		return error;
	nft_transaction_add_table(&batch, flags);
	if (gateway->masquerade)
		add_masquerade(&batch, gateway);
	nft_transaction_add_chain(&batch, &forward);
	add_rule(&batch, &forward, nft_rule_clamp_out, gateway);
	add_rule(&batch, &forward, nft_rule_clamp_in, gateway);
	error = nft_transaction_send(&batch, &refused);
	*table_refused = error && strcmp(refused, "add table") == 0;
	return error;
}

int nft_gateway_add(struct nft *nft, const struct nft_gateway *gateway)
{
	bool table_refused;
	int error = nft_gateway_check(gateway);

	if (!error && gateway->masquerade && !gateway->ports[0])
		error = -EINVAL;
	if (error)
		return error;
	error = gateway_send(nft, gateway, NFT_TABLE_F_OWNER, &table_refused);
	/* Unknown flags are EOPNOTSUPP, in older kernels EINVAL. */
	if (table_refused && (error == -EOPNOTSUPP || error == -EINVAL))
		error = gateway_send(nft, gateway, 0, &table_refused);
	/*
	 * A table that somebody else owns is not looked at any further: EPERM
	 * (nft_table_lookup()). Without privileges it is the whole batch that
	 * is refused.
	 */
	if (table_refused && error == -EPERM)
		error = -EEXIST;
	return error;
}

int nft_gateway_del(struct nft *nft, const struct nft_gateway *gateway)
{
	int error = nft_gateway_check(gateway);

	return error ? error
		     : nft_table_del(nft, gateway->inner.address.family,
				     gateway->table);
}

int nft_gateway_has(struct nft *nft, const struct nft_gateway *gateway)
{
	struct nft_table table;
	int error = nft_gateway_check(gateway);

	if (!error)
		error = nft_table_get(nft, gateway->inner.address.family,
				      gateway->table, &table);
	if (error)
		return error == -ENOENT ? 0 : error;
	return 1;
}
