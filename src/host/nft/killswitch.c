/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/killswitch.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <string.h>

#include "host/nft/transaction.h"
#include "host/nft/nft_internal.h"
#include "host/nft/killswitch_rules.h"

/* Since Linux 6.9; Debian 12's headers are older. */
#define TABLE_F_PERSIST (1 << 2)

static const struct nft_chain output = {
	.name = "output",
	.type = "filter",
	.add = "add chain output",
	.add_rule = "add rule to output",
	.hook = NF_INET_LOCAL_OUT,
	.priority = NF_IP_PRI_FILTER,
	.policy = NF_DROP,
};

/* In front of those who put marks of their own there, for a queue of a link. */
static const struct nft_chain postrouting = {
	.name = "postrouting",
	.type = "filter",
	.add = "add chain postrouting",
	.add_rule = "add rule to postrouting",
	.hook = NF_INET_POST_ROUTING,
	.priority = NF_IP_PRI_MANGLE - 1,
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

static void finish(struct nft_transaction_rule rule, uint32_t verdict)
{
	nft_verdict(rule.message, verdict);
	nft_transaction_end_rule(rule);
}

struct filling {
	struct nft_transaction *batch;
	const struct nft_chain *chain;
};

static void add_rule(void *data, const struct nft_match *matches)
{
	struct filling *filling = data;
	struct nft_transaction_rule rule =
		nft_transaction_begin_rule(filling->batch, filling->chain);
	uint16_t family = 0;

	for (; matches->kind; matches++)
		nft_match_put(rule.message, matches, &family);
	finish(rule, NF_ACCEPT);
}

static void add_sets(struct nft_transaction *batch,
		     const struct nft_killswitch *killswitch)
{
	for (unsigned i = 0; i < NFT_KILLSWITCH_SETS; i++) {
		struct nft_killswitch_set set =
			nft_killswitch_set(killswitch, i);

		if (set.count)
			nft_transaction_add_set(
				batch, &(struct nft_set){
					       .name = set.name,
					       .add = "add set",
					       .family = set.family,
					       .networks = set.networks,
					       .count = set.count,
				       });
	}
}

/*
 * The last rule does what the policy would do in a moment: the kernel puts that
 * in force only behind the rules, once the table that this one replaces is gone
 * (nft_chain_commit_drop_policy()).
 */
static void add_chain(struct nft_transaction *batch,
		      const struct nft_chain *chain,
		      enum nft_killswitch_chain which,
		      const struct nft_killswitch *killswitch)
{
	struct filling filling = {batch, chain};

	nft_transaction_add_chain(batch, chain);
	nft_killswitch_rules(killswitch, which, add_rule, &filling);
	finish(nft_transaction_begin_rule(batch, chain), NF_DROP);
}

static int send_table(struct nft *nft, const struct nft_killswitch *killswitch,
		      const struct nft_table *old, uint32_t flags,
		      bool *table_refused)
{
	const char *refused;
	struct nft_transaction batch;
	int error = nft_transaction_begin(&batch, nft, NFPROTO_INET,
					  killswitch->table);

	if (error)
		return error;
	if (old)
		nft_transaction_del_table(&batch, old->handle);
	nft_transaction_add_table(&batch, flags);
	add_sets(&batch, killswitch);
	if (killswitch->bare)
		add_chain(&batch, &output, NFT_KILLSWITCH_OUTPUT, killswitch);
	else
		add_chain(&batch, &postrouting, NFT_KILLSWITCH_POSTROUTING,
			  killswitch);
	add_chain(&batch, &forward, NFT_KILLSWITCH_FORWARD, killswitch);
	error = nft_transaction_send(&batch, &refused);
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

bool nft_killswitch_lets_out(const struct nft_killswitch *killswitch,
			     const struct inet_address *to)
{
	static const struct inet_prefix link = {{AF_INET6, {0xfe, 0x80}}, 10};

	for (unsigned i = 0; i < killswitch->exclude_count; i++) {
		if (inet_prefix_contains(&killswitch->exclude[i], to))
			return true;
	}
	for (unsigned i = 0; i < killswitch->network_count; i++) {
		if (inet_prefix_contains(&killswitch->networks[i], to))
			return true;
	}
	return killswitch->lan && inet_prefix_contains(&link, to);
}
