/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/forward_check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/nft/transaction.h"

/* Chains may call each other so deep (NFT_JUMP_STACK_SIZE). */
#define DEPTH 16
/* Hosts with more than this have other tools. */
#define CHAINS_MOST 4096
#define RULES_MOST  16384
/* Rules that are followed: a chain may be called from many places. */
#define STEPS_MOST 100000
/* A dump is begun anew where a change comes in between. */
#define ATTEMPTS 5

#define REMEDY_SIZE 512

/* Docker leaves this chain to rules of the administrator. */
#define DOCKER_CHAIN "DOCKER-USER"

/* What ufw's administrator allows is in these: it forgets the rules of others.
 */
static const char *const ufw_chains[] = {"ufw-user-input", "ufw6-user-input",
					 "ufw-user-forward",
					 "ufw6-user-forward"};

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
	bool lenient; /* what may let it pass does, and nothing else drops it */
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

static const struct direction incoming = {
	.elsewhere = NFT_RULE_NEVER,
	.maybe = NFT_RULE_OTHER | NFT_RULE_FROM | NFT_RULE_TO |
		 NFT_RULE_FROM_OTHER | NFT_RULE_TO_OTHER,
	.state = NFT_RULE_NEW,
	.lenient = true,
};

#define STATES (NFT_RULE_NEW | NFT_RULE_ESTABLISHED | NFT_RULE_OTHER_STATE)

static bool same_table(const struct nft_chain_reading *a,
		       const struct nft_chain_reading *b)
{
	return a->family == b->family && strcmp(a->table, b->table) == 0;
}

/*
 * Returns a chain of the base chain's table, or chain_count where there is
 * none.
 */
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
	int err;

	if (set->chain_count == CHAINS_MOST)
		return -E2BIG;
	err = nft_read_chain(message, &set->chains[set->chain_count]);
	if (!err)
		set->chain_count++;
	return err;
}

static int rule_visit(void *data, const struct nlmsghdr *message)
{
	struct ruleset *set = data;
	struct nft_rule_reading reading;
	int err;

	if (set->rule_count == RULES_MOST)
		return -E2BIG;
	err = nft_read_rule(message, set->view, &reading);
	if (err)
		return err;
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
	int err = -EINTR;

	for (int i = 0; i < ATTEMPTS && err == -EINTR; i++) {
		message = netlink_message(&buffer, nft_message_type(type),
					  NLM_F_DUMP);
		nft_put_header(message,
			       set->base ? set->base->family : AF_UNSPEC, 0);
		if (set->base)
			mnl_attr_put_strz(message, NFTA_RULE_TABLE,
					  set->base->table);
		*count = 0;
		err = netlink_request(&set->netlink, message, visit, set);
	}
	/*
	 * EINVAL says that the kernel has no such subsystem
	 * (nfnetlink_rcv_msg()).
	 */
	return err == -EINVAL ? -EPROTONOSUPPORT : err;
}

static enum outcome follow(struct ruleset *set, size_t chain,
			   const struct direction *direction, int depth);

/* What a rule does with a packet that it matches, or may match. */
static enum outcome apply(struct ruleset *set, const struct rule *rule,
			  const struct direction *direction, int depth,
			  bool *over)
{
	bool sure = !(rule->match & direction->maybe);
	bool named = direction->lenient || (rule->match & direction->ours);
	enum outcome outcome;

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
		outcome = follow(set, rule->target, direction, depth + 1);
		return outcome == DROPPED && direction->lenient && !sure
			       ? GOES_ON
			       : outcome;
	case NFT_RULE_RETURN:
		*over = sure || direction->lenient;
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

static int check_chain(struct ruleset *set,
		       const struct nft_chain_reading *base,
		       nft_forward_found found, void *data)
{
	struct nft_obstacle obstacle = {.family = base->family};
	int err;

	set->base = base;
	err = dump(set, NFT_MSG_GETRULE, rule_visit, &set->rule_count);
	if (err)
		return err;
	obstacle.port = set->view->port;
	if (obstacle.port) {
		obstacle.to = is_dropped(set, &incoming, &obstacle.policy);
	} else {
		obstacle.from = is_dropped(set, &outward, &obstacle.policy);
		obstacle.to = is_dropped(set, &inward, &obstacle.policy);
	}
	if (!obstacle.from && !obstacle.to)
		return 0;
	for (size_t i = 0; i < sizeof(ufw_chains) / sizeof(ufw_chains[0]); i++)
		obstacle.ufw |=
			find_chain(set, ufw_chains[i]) < set->chain_count;
	memcpy(obstacle.table, base->table, sizeof(obstacle.table));
	memcpy(obstacle.chain, base->name, sizeof(obstacle.chain));
	if (!obstacle.port && find_chain(set, DOCKER_CHAIN) < set->chain_count)
		strcpy(obstacle.allow, DOCKER_CHAIN);
	else
		memcpy(obstacle.allow, base->name, sizeof(obstacle.allow));
	found(data, &obstacle);
	return 0;
}

static bool concerns(const struct nft_view *view,
		     const struct nft_chain_reading *chain)
{
	if (!(view->port ? chain->input : chain->forward))
		return false;
	return (chain->family != NFPROTO_IPV4 || view->inner4.address.family) &&
	       (chain->family != NFPROTO_IPV6 || view->inner6.address.family);
}

int nft_forward_find(const struct nft_view *view, nft_forward_found found,
		     void *data)
{
	struct ruleset set = {.view = view};
	int err = netlink_open(&set.netlink, NETLINK_NETFILTER);

	if (err)
		return err;
	/* Most of it is never touched, so it costs no memory. */
	set.chains = calloc(CHAINS_MOST, sizeof(*set.chains));
	set.rules = calloc(RULES_MOST, sizeof(*set.rules));
	if (!set.chains || !set.rules)
		err = -ENOMEM;
	if (!err)
		err = dump(&set, NFT_MSG_GETCHAIN, chain_visit,
			   &set.chain_count);
	for (size_t i = 0; !err && i < set.chain_count; i++) {
		if (concerns(view, &set.chains[i]))
			err = check_chain(&set, &set.chains[i], found, data);
	}
	free(set.chains);
	free(set.rules);
	netlink_close(&set.netlink);
	return err;
}

static const char *family_name(uint8_t family)
{
	if (family == NFPROTO_INET)
		return "inet";
	return family == NFPROTO_IPV6 ? "ip6" : "ip";
}

static void format_rules(const char *device,
			 const struct nft_obstacle *obstacle, char *text,
			 size_t size)
{
	const char *family = family_name(obstacle->family);
	char from[400] = "", to[400] = "";

	if (obstacle->port)
		snprintf(to, sizeof(to),
			 "insert rule %s %.120s %.120s udp dport %u accept",
			 family, obstacle->table, obstacle->allow,
			 obstacle->port);
	if (obstacle->from)
		snprintf(from, sizeof(from),
			 "insert rule %s %.120s %.120s iifname \"%s\" accept",
			 family, obstacle->table, obstacle->allow, device);
	if (obstacle->to && !obstacle->port)
		snprintf(to, sizeof(to),
			 "%sinsert rule %s %.120s %.120s oifname \"%s\" ct "
			 "state established,related accept",
			 obstacle->from ? "; " : "", family, obstacle->table,
			 obstacle->allow, device);
	snprintf(text, size, "nft '%s%s'", from, to);
}

/* Those who keep rules of their own forget what is not theirs. */
void nft_obstacle_remedy(const struct nft_obstacle *obstacle,
			 const char *device, char *text, size_t size)
{
	bool firewalld = strcmp(obstacle->table, "firewalld") == 0;

	if (firewalld && obstacle->port)
		snprintf(text, size, "firewall-cmd --add-port=%u/udp",
			 obstacle->port);
	else if (firewalld)
		snprintf(text, size,
			 "firewall-cmd --zone=trusted --add-interface=%s",
			 device);
	else if (obstacle->ufw && obstacle->port)
		snprintf(text, size, "ufw allow %u/udp", obstacle->port);
	else if (obstacle->ufw)
		snprintf(text, size, "ufw route allow in on %s", device);
	else
		format_rules(device, obstacle, text, size);
}

void nft_obstacle_describe(const struct nft_obstacle *obstacle, char *text,
			   size_t size)
{
	char what[80] = "packets that clients send through this server";

	if (obstacle->port)
		snprintf(what, sizeof(what),
			 "packets to this server's UDP port %u",
			 obstacle->port);
	snprintf(text, size,
		 "%s are dropped by %s of the chain %.60s (table %s %.60s)",
		 what, obstacle->policy ? "the policy" : "a rule",
		 obstacle->chain, family_name(obstacle->family),
		 obstacle->table);
}

void nft_obstacle_format(const struct nft_obstacle *obstacle,
			 const char *device, char *text, size_t size)
{
	char remedy[REMEDY_SIZE], what[256];

	nft_obstacle_describe(obstacle, what, sizeof(what));
	nft_obstacle_remedy(obstacle, device, remedy, sizeof(remedy));
	snprintf(text, size, "%s: allow them: %s", what, remedy);
}

static bool has_legacy_filter(void)
{
	int fd = open("/proc/net/ip_tables_names", O_RDONLY | O_CLOEXEC);
	char text[256];
	ssize_t length = -1;

	if (fd >= 0) {
		length = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (length < 0)
		return false;
	text[length] = '\0';
	return strstr(text, "filter") != NULL;
}

bool nft_obstacle_legacy(const char *device, char *text, size_t size)
{
	if (!has_legacy_filter())
		return false;
	snprintf(text, size,
		 "this host has rules of the old iptables, which can't be "
		 "seen from here: if clients do not get through, allow it: "
		 "iptables-legacy -I FORWARD -i %s -j ACCEPT; iptables-legacy "
		 "-I FORWARD -o %s -j ACCEPT",
		 device, device);
	return true;
}
