/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/forward_check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

/* How deep chains may call each other (NFT_JUMP_STACK_SIZE). */
#define DEPTH 16
/* A bound on what is looked at: hosts with more have other tools. */
#define CHAINS_MOST 4096
#define RULES_MOST  16384
/* Rules that are followed: a chain may be called from many places. */
#define STEPS_MOST 100000
/* A dump is begun anew where a change comes in between. */
#define ATTEMPTS 5

/* Docker's place for rules of the administrator. */
#define DOCKER_CHAIN "DOCKER-USER"

struct rule {
	size_t chain, target; /* indices; target: COUNT of chains if none */
	enum nft_rule_verdict verdict;
	unsigned match;
};

struct ruleset {
	struct netlink netlink;
	const struct nft_view *view;
	struct nft_chain_reading *chains;
	size_t chain_count;
	const struct nft_chain_reading *base; /* whose table the rules are of */
	struct rule *rules;
	size_t rule_count;
	unsigned steps;
};

enum outcome {
	GOES_ON,
	ACCEPTED,
	DROPPED,
};

/* A packet from the tunnel that opens a connection, or the answer to one. */
struct direction {
	unsigned ours, elsewhere; /* rules that match it; that never do */
	unsigned maybe;		  /* that may or may not */
	unsigned state;
};

static const struct direction outward = {
	.ours = NFT_RULE_FROM,
	.elsewhere = NFT_RULE_FROM_OTHER | NFT_RULE_TO,
	.maybe = NFT_RULE_OTHER | NFT_RULE_TO_OTHER,
	.state = NFT_RULE_NEW,
};

static const struct direction inward = {
	.ours = NFT_RULE_TO,
	.elsewhere = NFT_RULE_TO_OTHER | NFT_RULE_FROM,
	.maybe = NFT_RULE_OTHER | NFT_RULE_FROM_OTHER,
	.state = NFT_RULE_ESTABLISHED,
};

#define STATES (NFT_RULE_NEW | NFT_RULE_ESTABLISHED | NFT_RULE_OTHER_STATE)

static bool same_table(const struct nft_chain_reading *a,
		       const struct nft_chain_reading *b)
{
	return a->family == b->family && strcmp(a->table, b->table) == 0;
}

/* A chain of the base chain's table; chain_count where there is none. */
static size_t find_chain(const struct ruleset *set, const char *name)
{
	size_t i;

	for (i = 0; i < set->chain_count; i++) {
		if (same_table(&set->chains[i], set->base) &&
		    strcmp(set->chains[i].name, name) == 0)
			break;
	}
	return i;
}

static int chain_visit(void *data, const struct nlmsghdr *message)
{
	struct ruleset *set = data;
	int error;

	if (set->chain_count == CHAINS_MOST)
		return -E2BIG;
	error = nft_read_chain(message, &set->chains[set->chain_count]);
	if (!error)
		set->chain_count++;
	return error;
}

static int rule_visit(void *data, const struct nlmsghdr *message)
{
	struct ruleset *set = data;
	struct nft_rule_reading reading;
	int error;

	if (set->rule_count == RULES_MOST)
		return -E2BIG;
	error = nft_read_rule(message, set->view, &reading);
	if (error)
		return error;
	set->rules[set->rule_count++] = (struct rule){
		.chain = find_chain(set, reading.chain),
		.target = find_chain(set, reading.target),
		.verdict = reading.verdict,
		.match = reading.match,
	};
	return 0;
}

static int dump(struct ruleset *set, uint16_t type, netlink_visit visit,
		size_t *count)
{
	struct netlink_buffer buffer;
	struct nlmsghdr *message;
	struct nfgenmsg *header;
	int error = -EINTR;

	for (int i = 0; i < ATTEMPTS && error == -EINTR; i++) {
		message = netlink_message(
			&buffer, NFNL_SUBSYS_NFTABLES << 8 | type, NLM_F_DUMP);
		header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
		header->nfgen_family =
			set->base ? set->base->family : AF_UNSPEC;
		header->version = NFNETLINK_V0;
		if (set->base)
			mnl_attr_put_strz(message, NFTA_RULE_TABLE,
					  set->base->table);
		*count = 0;
		error = netlink_request(&set->netlink, message, visit, set);
	}
	/* EINVAL: no such subsystem (nfnetlink_rcv_msg()). */
	return error == -EINVAL ? -EPROTONOSUPPORT : error;
}

static enum outcome follow(struct ruleset *set, size_t chain,
			   const struct direction *direction, int depth);

/* The rule's word on a packet that it matches, or may match. */
static enum outcome apply(struct ruleset *set, const struct rule *rule,
			  const struct direction *direction, int depth,
			  bool *over)
{
	bool sure = !(rule->match & direction->maybe);
	bool named = rule->match & direction->ours;

	switch (rule->verdict) {
	case NFT_RULE_ACCEPT:
		return sure || named ? ACCEPTED : GOES_ON;
	case NFT_RULE_DROP:
		return sure ? DROPPED : GOES_ON;
	case NFT_RULE_JUMP:
	case NFT_RULE_GOTO:
		if (!sure && !named)
			return GOES_ON;
		*over = sure && rule->verdict == NFT_RULE_GOTO;
		return follow(set, rule->target, direction, depth + 1);
	case NFT_RULE_RETURN:
		*over = sure;
		return GOES_ON;
	case NFT_RULE_NONE:
		break;
	}
	return GOES_ON;
}

static enum outcome follow(struct ruleset *set, size_t chain,
			   const struct direction *direction, int depth)
{
	bool over = false;

	if (depth > DEPTH || chain == set->chain_count)
		return GOES_ON;
	for (size_t i = 0; i < set->rule_count && !over; i++) {
		const struct rule *rule = &set->rules[i];
		enum outcome outcome;

		if (rule->chain != chain ||
		    (rule->match & direction->elsewhere) ||
		    ((rule->match & STATES) &&
		     !(rule->match & direction->state)))
			continue;
		if (++set->steps > STEPS_MOST)
			return GOES_ON;
		outcome = apply(set, rule, direction, depth, &over);
		if (outcome != GOES_ON)
			return outcome;
	}
	return GOES_ON;
}

static bool is_dropped(struct ruleset *set, const struct direction *direction,
		       bool *policy)
{
	enum outcome outcome;

	set->steps = 0;
	outcome = follow(set, (size_t)(set->base - set->chains), direction, 0);
	if (outcome == GOES_ON && set->base->drops)
		*policy = true;
	return outcome == DROPPED || (outcome == GOES_ON && set->base->drops);
}

static int look_at(struct ruleset *set, const struct nft_chain_reading *base,
		   nft_forward_found found, void *data)
{
	struct nft_obstacle obstacle = {.family = base->family};
	int error;

	set->base = base;
	error = dump(set, NFT_MSG_GETRULE, rule_visit, &set->rule_count);
	if (error)
		return error;
	obstacle.from = is_dropped(set, &outward, &obstacle.policy);
	obstacle.to = is_dropped(set, &inward, &obstacle.policy);
	if (!obstacle.from && !obstacle.to)
		return 0;
	memcpy(obstacle.table, base->table, sizeof(obstacle.table));
	memcpy(obstacle.chain, base->name, sizeof(obstacle.chain));
	if (find_chain(set, DOCKER_CHAIN) < set->chain_count)
		strcpy(obstacle.allow, DOCKER_CHAIN);
	else
		memcpy(obstacle.allow, base->name, sizeof(obstacle.allow));
	found(data, &obstacle);
	return 0;
}

static bool concerns(const struct nft_view *view,
		     const struct nft_chain_reading *chain)
{
	if (!chain->forward)
		return false;
	return (chain->family != NFPROTO_IPV4 || view->inner4.address.family) &&
	       (chain->family != NFPROTO_IPV6 || view->inner6.address.family);
}

int nft_forward_find(const struct nft_view *view, nft_forward_found found,
		     void *data)
{
	struct ruleset set = {.view = view};
	int error = netlink_open(&set.netlink, NETLINK_NETFILTER);

	if (error)
		return error;
	/* Most of it is never touched, so it costs no memory. */
	set.chains = calloc(CHAINS_MOST, sizeof(*set.chains));
	set.rules = calloc(RULES_MOST, sizeof(*set.rules));
	if (!set.chains || !set.rules)
		error = -ENOMEM;
	if (!error)
		error = dump(&set, NFT_MSG_GETCHAIN, chain_visit,
			     &set.chain_count);
	for (size_t i = 0; !error && i < set.chain_count; i++) {
		if (concerns(view, &set.chains[i]))
			error = look_at(&set, &set.chains[i], found, data);
	}
	free(set.chains);
	free(set.rules);
	netlink_close(&set.netlink);
	return error;
}
