/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/killswitch.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/icmp6.h>
#include <stdio.h>
#include <string.h>

#include "host/nft/table.h"

/* Linux has this since 6.9, and Debian 12's headers do not. */
#define TABLE_F_PERSIST (1 << 2)

#define DNS_PORT 53

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* RFC 3810, section 5.2, has this number. */
#define MLD2_LISTENER_REPORT 143

#define ICMPV6(t)    .kind = NFT_MATCH_ICMPV6, .type = (t)
#define SINGLE_HOP   .kind = NFT_MATCH_ONE_HOP6
#define IGMP	     .kind = NFT_MATCH_IGMP
#define FRAG_NEEDED  .kind = NFT_MATCH_FRAG_NEEDED
#define ANSWERS	     .kind = NFT_MATCH_ANSWERS
#define REPLIES	     .kind = NFT_MATCH_REPLIES
#define UDP	     .kind = NFT_MATCH_PORTS, .protocol = IPPROTO_UDP
#define TCP	     .kind = NFT_MATCH_PORTS, .protocol = IPPROTO_TCP
#define TO	     .kind = NFT_MATCH_TO, .network
#define TO_SET4(set) .kind = NFT_MATCH_TO_SET, .family = AF_INET, .name = (set)
#define TO_SET6(set) .kind = NFT_MATCH_TO_SET, .family = AF_INET6, .name = (set)
#define FROM_SET4(set)                                                         \
	.kind = NFT_MATCH_FROM_SET, .family = AF_INET, .name = (set)
#define FROM_SET6(set)                                                         \
	.kind = NFT_MATCH_FROM_SET, .family = AF_INET6, .name = (set)

/* No rule below has more matches, with NFT_END behind them. */
#define MATCHES 4

/* A bare one has this chain instead of the next. */
static const struct nft_chain output = {
	.name = "output",
	.type = "filter",
	.hook = NF_INET_LOCAL_OUT,
	.priority = NF_IP_PRI_FILTER,
	.policy = NF_DROP,
};

/*
 * What this host sends is filtered where its device is known for good: whoever
 * marks or translates it in the output hook sends it by another device than the
 * one that all filters there are shown. In front of those who put marks of
 * their own there, for a queue of a link.
 */
static const struct nft_chain postrouting = {
	.name = "postrouting",
	.type = "filter",
	.hook = NF_INET_POST_ROUTING,
	.priority = NF_IP_PRI_MANGLE - 1,
	.policy = NF_DROP,
};

static const struct nft_chain forward = {
	.name = "forward",
	.type = "filter",
	.hook = NF_INET_FORWARD,
	.priority = NF_IP_PRI_FILTER,
	.policy = NF_DROP,
};

/* Which tables a rule is in: all, those that are not bare, those with lan. */
enum when { ALWAYS, NOT_BARE, WITH_LAN };

/* One that looks for a set is left out where there is no such set. */
struct rule {
	enum when when;
	struct nft_statement matches[MATCHES];
};

static const struct rule own_rules[] = {
	/* DHCP gets addresses, and neighbours find each other. */
	{ALWAYS, {{UDP, .sport = 68, .dport = 67}}},
	{ALWAYS, {{UDP, .sport = 546, .dport = 547}}},
	{ALWAYS, {{ICMPV6(ND_ROUTER_SOLICIT)}}},
	{ALWAYS, {{ICMPV6(ND_NEIGHBOR_SOLICIT)}}},
	{ALWAYS, {{ICMPV6(ND_NEIGHBOR_ADVERT)}}},
	{NOT_BARE, {{ICMPV6(ND_ROUTER_ADVERT)}}},
	/* Who listens to which group is reported to switches and routers. */
	{NOT_BARE, {{ICMPV6(MLD_LISTENER_QUERY)}, {SINGLE_HOP}}},
	{NOT_BARE, {{ICMPV6(MLD_LISTENER_REPORT)}, {SINGLE_HOP}}},
	{NOT_BARE, {{ICMPV6(MLD_LISTENER_REDUCTION)}, {SINGLE_HOP}}},
	{NOT_BARE, {{ICMPV6(MLD2_LISTENER_REPORT)}, {SINGLE_HOP}}},
	{NOT_BARE, {{IGMP}, {TO = {{AF_INET, {224}}, 4}}}},
	/* Those whom we forward for are told what size fits. */
	{NOT_BARE, {{FRAG_NEEDED}}},
	{NOT_BARE, {{ICMPV6(ICMP6_PACKET_TOO_BIG)}}},
	/* Guests get addresses, and answers to their questions for names. */
	{NOT_BARE,
	 {{TO = {{AF_INET, {255, 255, 255, 255}}, 32}},
	  {UDP, .sport = 67, .dport = 68}}},
	{NOT_BARE, {{TO_SET4("private4")}, {UDP, .sport = 67, .dport = 68}}},
	{NOT_BARE,
	 {{TO = {{AF_INET6, {0xfe, 0x80}}, 10}},
	  {UDP, .sport = 547, .dport = 546}}},
	{NOT_BARE, {{TO_SET4("private4")}, {UDP, .sport = 53}, {REPLIES}}},
	{NOT_BARE, {{TO_SET4("private4")}, {TCP, .sport = 53}, {REPLIES}}},
	{NOT_BARE, {{TO_SET6("private6")}, {UDP, .sport = 53}, {REPLIES}}},
	{NOT_BARE, {{TO_SET6("private6")}, {TCP, .sport = 53}, {REPLIES}}},
	/* The file lets out what it excludes, and the LAN. */
	{ALWAYS, {{TO_SET4("exclude4")}}},
	{ALWAYS, {{TO_SET6("exclude6")}}},
	{WITH_LAN, {{TO_SET4("lan4")}}},
	{WITH_LAN, {{TO_SET6("lan6")}}},
	/*
	 * Groups of the link (RFC 5771, section 4), mDNS among them, SSDP, and
	 * everybody: by a link with a private network, which the source shows.
	 */
	{WITH_LAN, {{FROM_SET4("lan4")}, {TO = {{AF_INET, {224}}, 24}}}},
	{WITH_LAN,
	 {{FROM_SET4("lan4")}, {TO = {{AF_INET, {239, 255, 255, 250}}, 32}}}},
	{WITH_LAN,
	 {{FROM_SET4("lan4")}, {TO = {{AF_INET, {255, 255, 255, 255}}, 32}}}},
	{WITH_LAN, {{TO = {{AF_INET6, {0xfe, 0x80}}, 10}}}},
	{WITH_LAN, {{TO = {{AF_INET6, {0xff, 0x02}}, 16}}}},
};

/*
 * Guests that are bridged to each other are seen here as well where the kernel
 * has br_netfilter, which Docker loads.
 */
static const struct rule forward_rules[] = {
	{ALWAYS, {{TO_SET4("exclude4")}}},
	{ALWAYS, {{FROM_SET4("exclude4")}, {ANSWERS}}},
	{ALWAYS, {{TO_SET6("exclude6")}}},
	{ALWAYS, {{FROM_SET6("exclude6")}, {ANSWERS}}},
	{WITH_LAN, {{FROM_SET4("lan4")}, {TO_SET4("lan4")}}},
	{WITH_LAN, {{FROM_SET6("lan6")}, {TO_SET6("lan6")}}},
	{WITH_LAN, {{TO = {{AF_INET6, {0xfe, 0x80}}, 10}}}},
	{WITH_LAN, {{TO = {{AF_INET6, {0xff, 0x02}}, 16}}}},
};

/*
 * Whose guests are (RFC 1918, 3927, 4193, 4291, 6598); sorted, as
 * inet_prefixes_merge() would have them.
 */
static const struct inet_prefix private_networks[] = {
	{{AF_INET, {10}}, 8},		{{AF_INET, {100, 64}}, 10},
	{{AF_INET, {169, 254}}, 16},	{{AF_INET, {172, 16}}, 12},
	{{AF_INET, {192, 168}}, 16},	{{AF_INET6, {0xfc}}, 7},
	{{AF_INET6, {0xfe, 0x80}}, 10},
};

/* The kernel wants its intervals sorted, and none a part of another. */
static bool networks_valid(const struct inet_prefix *networks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct inet_prefix network = inet_prefix_network(&networks[i]);
		size_t size = inet_size(network.address.family);

		if (!size || !network.length || network.length > 8 * size ||
		    !inet_prefix_equal(&network, &networks[i]))
			return false;
		if (i && (memcmp(&networks[i - 1].address, &network.address,
				 sizeof(network.address)) >= 0 ||
			  inet_prefix_covers(&networks[i - 1], &network)))
			return false;
	}
	return true;
}

int nft_killswitch_check(const struct nft_killswitch *killswitch)
{
	if (!nft_table_name_valid(killswitch->table,
				  sizeof(killswitch->table)) ||
	    !nft_device_name_valid(killswitch->device) ||
	    killswitch->count > NFT_KILLSWITCH_SERVERS ||
	    killswitch->exclude_count > NFT_KILLSWITCH_EXCLUDE ||
	    killswitch->network_count > NFT_KILLSWITCH_NETWORKS)
		return -EINVAL;
	/* What could not be printed would be lost in the journal. */
	if (killswitch->mark & ~killswitch->mask ||
	    (killswitch->names && !killswitch->mask) ||
	    (killswitch->network_count && !killswitch->lan) ||
	    !networks_valid(killswitch->exclude, killswitch->exclude_count) ||
	    !networks_valid(killswitch->networks, killswitch->network_count))
		return -EINVAL;
	for (unsigned i = 0; i < killswitch->count; i++)
		if (!inet_size(killswitch->servers[i].address.family) ||
		    (killswitch->last_ports[i] &&
		     killswitch->last_ports[i] <= killswitch->servers[i].port))
			return -EINVAL;
	return 0;
}

/* A list is sorted, so that those of a family stand together. */
static void add_set(struct nft_table *table, const char *name, uint16_t family,
		    const struct inet_prefix *networks, size_t count)
{
	struct nft_set set = {.name = name, .family = family};

	while (count && networks->address.family != family) {
		networks++;
		count--;
	}
	set.networks = networks;
	while (set.count < count &&
	       networks[set.count].address.family == family)
		set.count++;
	if (set.count)
		nft_table_add_set(table, &set);
}

static void add_sets(struct nft_table *table,
		     const struct nft_killswitch *killswitch)
{
	size_t privates = killswitch->bare ? 0 : COUNT(private_networks);

	add_set(table, "private4", AF_INET, private_networks, privates);
	add_set(table, "private6", AF_INET6, private_networks, privates);
	add_set(table, "exclude4", AF_INET, killswitch->exclude,
		killswitch->exclude_count);
	add_set(table, "exclude6", AF_INET6, killswitch->exclude,
		killswitch->exclude_count);
	add_set(table, "lan4", AF_INET, killswitch->networks,
		killswitch->network_count);
	add_set(table, "lan6", AF_INET6, killswitch->networks,
		killswitch->network_count);
}

static bool has_set(const struct nft_table *table, const char *name)
{
	for (size_t i = 0; i < table->set_count; i++) {
		if (strcmp(table->sets[i].name, name) == 0)
			return true;
	}
	return false;
}

static bool applies(const struct nft_table *table,
		    const struct nft_killswitch *killswitch,
		    const struct rule *rule)
{
	if ((rule->when == NOT_BARE && killswitch->bare) ||
	    (rule->when == WITH_LAN && !killswitch->lan))
		return false;
	for (unsigned i = 0; rule->matches[i].kind; i++) {
		const struct nft_statement *match = &rule->matches[i];

		if ((match->kind == NFT_MATCH_FROM_SET ||
		     match->kind == NFT_MATCH_TO_SET) &&
		    !has_set(table, match->name))
			return false;
	}
	return true;
}

/* matches ends with NFT_END. */
static void let_out(struct nft_table *table,
		    const struct nft_statement *matches)
{
	struct nft_statement rule[MATCHES + 1] = {0};
	unsigned count = 0;

	for (; matches[count].kind; count++)
		rule[count] = matches[count];
	rule[count].kind = NFT_ACTION_ACCEPT;
	nft_table_add_rule(table, rule);
}

static void let_out_all(struct nft_table *table,
			const struct nft_killswitch *killswitch,
			const struct rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (applies(table, killswitch, &rules[i]))
			let_out(table, rules[i].matches);
	}
}

/*
 * The last rule does what the policy would do in a moment: the kernel puts that
 * into effect only behind the rules, once the table that this one replaces is
 * gone (nft_chain_commit_drop_policy()).
 */
static void drop_the_rest(struct nft_table *table)
{
	nft_table_add_rule(table, NFT_RULE({.kind = NFT_ACTION_DROP}));
}

static void let_out_servers(struct nft_table *table,
			    const struct nft_killswitch *killswitch)
{
	for (unsigned i = 0; i < killswitch->count; i++) {
		const struct inet_endpoint *server = &killswitch->servers[i];
		struct nft_statement matches[MATCHES] = {
			{TO = inet_prefix_host(&server->address)},
			{UDP, .dport = server->port},
		};

		if (killswitch->last_ports[i])
			matches[1] = (struct nft_statement){
				.kind = NFT_MATCH_PORT_IN,
				.protocol = IPPROTO_UDP,
				.first = server->port,
				.last = killswitch->last_ports[i],
			};
		if (killswitch->mask)
			matches[2] = (struct nft_statement){
				.kind = NFT_MATCH_MARK,
				.mark = killswitch->mark,
				.mask = killswitch->mask,
			};
		let_out(table, matches);
	}
}

/* Which servers there are is known only once their names were asked for. */
static void let_out_names(struct nft_table *table,
			  const struct nft_killswitch *killswitch)
{
	if (killswitch->names)
		let_out(table, NFT_RULE({UDP, .dport = DNS_PORT},
					{.kind = NFT_MATCH_MARK,
					 .mark = killswitch->mark,
					 .mask = killswitch->mask}));
}

/* What this host sends itself. */
static void add_own(struct nft_table *table,
		    const struct nft_killswitch *killswitch)
{
	nft_table_add_chain(table, killswitch->bare ? &output : &postrouting);
	let_out(table, NFT_RULE({.kind = NFT_MATCH_OUT, .name = "lo"}));
	let_out(table,
		NFT_RULE({.kind = NFT_MATCH_OUT, .name = killswitch->device}));
	let_out_servers(table, killswitch);
	let_out_names(table, killswitch);
	/* These have passed the other chain. */
	if (!killswitch->bare)
		let_out(table, NFT_RULE({.kind = NFT_MATCH_FORWARDED}));
	let_out_all(table, killswitch, own_rules, COUNT(own_rules));
	drop_the_rest(table);
}

/* Answers to what those behind this host have sent by the tunnel come back. */
static void add_forward(struct nft_table *table,
			const struct nft_killswitch *killswitch)
{
	nft_table_add_chain(table, &forward);
	let_out(table,
		NFT_RULE({.kind = NFT_MATCH_OUT, .name = killswitch->device}));
	let_out(table,
		NFT_RULE({.kind = NFT_MATCH_IN, .name = killswitch->device},
			 {ANSWERS}));
	let_out_all(table, killswitch, forward_rules, COUNT(forward_rules));
	drop_the_rest(table);
}

/* The text has no owner: what nft(8) makes of it is to stay. */
static void describe(const struct nft_killswitch *killswitch,
		     struct nft_table *table)
{
	*table = (struct nft_table){
		.family = NFPROTO_INET,
		.name = killswitch->table,
		.flags = NFT_TABLE_F_OWNER | TABLE_F_PERSIST,
		.replaces = true,
	};
	add_sets(table, killswitch);
	add_own(table, killswitch);
	add_forward(table, killswitch);
}

int nft_killswitch_add(struct nft *nft, const struct nft_killswitch *killswitch)
{
	struct nft_table table;
	int err = nft_killswitch_check(killswitch);

	if (err)
		return err;
	describe(killswitch, &table);
	return nft_table_make(nft, &table);
}

int nft_killswitch_del(struct nft *nft, const struct nft_killswitch *killswitch)
{
	int err = nft_killswitch_check(killswitch);

	return err ? err : nft_table_del(nft, NFPROTO_INET, killswitch->table);
}

int nft_killswitch_has(struct nft *nft, const struct nft_killswitch *killswitch)
{
	return nft_table_has(nft, NFPROTO_INET, killswitch->table);
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

int nft_killswitch_print(const struct nft_killswitch *killswitch, char *text,
			 size_t size)
{
	struct nft_table table;
	int err = nft_killswitch_check(killswitch);

	if (err)
		return err;
	describe(killswitch, &table);
	return nft_table_print(&table, text, size);
}

/* Rules with an address and a port behind it: no others have these. */
static int parse_servers(const char *text, struct nft_killswitch *killswitch)
{
	static const char side[] = " daddr ";
	char address[INET_ADDRESS_TEXT];
	char word[INET_PORTS_TEXT];
	struct inet_endpoint server;
	struct inet_ports ports;

	_Static_assert(INET_PORTS_TEXT == 12, "%11s");
	_Static_assert(INET_ADDRESS_TEXT == 46, "%45s");
	while ((text = strstr(text, side))) {
		text += strlen(side);
		if (sscanf(text, "%45s udp dport %11s", address, word) != 2)
			continue;
		if (killswitch->count == NFT_KILLSWITCH_SERVERS ||
		    inet_parse_address(address, &server.address) ||
		    inet_parse_ports(word, &ports))
			return -EINVAL;
		server.port = ports.first;
		if (ports.last > ports.first)
			killswitch->last_ports[killswitch->count] = ports.last;
		killswitch->servers[killswitch->count++] = server;
	}
	return 0;
}

/* All servers have the same. */
static void parse_mark(const char *text, struct nft_killswitch *killswitch)
{
	static const char meta[] = "meta mark ";
	const char *mark = strstr(text, meta);

	if (!mark)
		return;
	mark += strlen(meta);
	if (sscanf(mark, "& %" SCNx32 " == %" SCNx32, &killswitch->mask,
		   &killswitch->mark) != 2 &&
	    sscanf(mark, "%" SCNx32, &killswitch->mark) == 1)
		killswitch->mask = UINT32_MAX;
}

/* Adds the networks of a set to a list of at most size; -EINVAL. */
static int parse_set(const char *text, const char *name,
		     struct inet_prefix *networks, unsigned *count, size_t size)
{
	char head[64], word[INET_PREFIX_TEXT];
	const char *from;
	int length;

	snprintf(head, sizeof(head), "set %s {", name);
	from = strstr(text, head);
	from = from ? strstr(from, "elements = { ") : NULL;
	if (!from)
		return 0;
	from += strlen("elements = { ");
	while (sscanf(from, "%49[0-9a-f:./]%n", word, &length) == 1) {
		if (*count == size ||
		    inet_parse_prefix(word, &networks[*count]))
			return -EINVAL;
		(*count)++;
		from += length;
		if (strncmp(from, ", ", 2) == 0)
			from += 2;
	}
	return 0;
}

static int parse_sets(const char *text, struct nft_killswitch *killswitch)
{
	static const char *const excludes[] = {"exclude4", "exclude6"};
	static const char *const lans[] = {"lan4", "lan6"};
	int err = 0;

	for (unsigned i = 0; !err && i < 2; i++)
		err = parse_set(text, excludes[i], killswitch->exclude,
				&killswitch->exclude_count,
				NFT_KILLSWITCH_EXCLUDE);
	for (unsigned i = 0; !err && i < 2; i++)
		err = parse_set(text, lans[i], killswitch->networks,
				&killswitch->network_count,
				NFT_KILLSWITCH_NETWORKS);
	/* What always comes with it. */
	killswitch->lan = strstr(text, "ip6 daddr ff02::/16 ") != NULL;
	killswitch->bare = strstr(text, "set private4 ") == NULL;
	return err;
}

/* That the rest is as it should be shows when it is printed again. */
int nft_killswitch_parse(const char *text, struct nft_killswitch *killswitch)
{
	struct nft_killswitch parsed = {0};
	char again[NFT_KILLSWITCH_TEXT];

	if (nft_text_between(text, "table inet ", " {", parsed.table,
			     sizeof(parsed.table)) ||
	    nft_text_between(text, "iifname \"", "\"", parsed.device,
			     sizeof(parsed.device)) ||
	    parse_servers(text, &parsed) || parse_sets(text, &parsed))
		return -EINVAL;
	parse_mark(text, &parsed);
	/* No address in front of it, as a server's has. */
	parsed.names = strstr(text, "; udp dport 53 meta mark ") != NULL;
	if (nft_killswitch_print(&parsed, again, sizeof(again)) ||
	    strcmp(text, again) != 0)
		return -EINVAL;
	*killswitch = parsed;
	return 0;
}
