/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/killswitch_rules.h"

#include <netinet/icmp6.h>
#include <string.h>

#define DNS_PORT 53

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* RFC 3810, section 5.2. */
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

/* In all tables; not in bare ones; where lan is set. */
enum when { ALWAYS, NOT_BARE, WITH_LAN };

/* One that looks for a set is left out where there is no such set. */
struct rule {
	enum when when;
	struct nft_match matches[NFT_MATCHES];
};

static const struct rule own_rules[] = {
	/* DHCP, and neighbours that look for each other. */
	{ALWAYS, {{UDP, .from = 68, .to = 67}}},
	{ALWAYS, {{UDP, .from = 546, .to = 547}}},
	{ALWAYS, {{ICMPV6(ND_ROUTER_SOLICIT)}}},
	{ALWAYS, {{ICMPV6(ND_NEIGHBOR_SOLICIT)}}},
	{ALWAYS, {{ICMPV6(ND_NEIGHBOR_ADVERT)}}},
	{NOT_BARE, {{ICMPV6(ND_ROUTER_ADVERT)}}},
	/* Groups. */
	{NOT_BARE, {{ICMPV6(MLD_LISTENER_QUERY)}, {SINGLE_HOP}}},
	{NOT_BARE, {{ICMPV6(MLD_LISTENER_REPORT)}, {SINGLE_HOP}}},
	{NOT_BARE, {{ICMPV6(MLD_LISTENER_REDUCTION)}, {SINGLE_HOP}}},
	{NOT_BARE, {{ICMPV6(MLD2_LISTENER_REPORT)}, {SINGLE_HOP}}},
	{NOT_BARE, {{IGMP}, {TO = {{AF_INET, {224}}, 4}}}},
	/* To whom we forward for, who sends what does not fit. */
	{NOT_BARE, {{FRAG_NEEDED}}},
	{NOT_BARE, {{ICMPV6(ICMP6_PACKET_TOO_BIG)}}},
	/* Guests. */
	{NOT_BARE,
	 {{TO = {{AF_INET, {255, 255, 255, 255}}, 32}},
	  {UDP, .from = 67, .to = 68}}},
	{NOT_BARE, {{TO_SET4("private4")}, {UDP, .from = 67, .to = 68}}},
	{NOT_BARE,
	 {{TO = {{AF_INET6, {0xfe, 0x80}}, 10}},
	  {UDP, .from = 547, .to = 546}}},
	{NOT_BARE, {{TO_SET4("private4")}, {UDP, .from = 53}, {REPLIES}}},
	{NOT_BARE, {{TO_SET4("private4")}, {TCP, .from = 53}, {REPLIES}}},
	{NOT_BARE, {{TO_SET6("private6")}, {UDP, .from = 53}, {REPLIES}}},
	{NOT_BARE, {{TO_SET6("private6")}, {TCP, .from = 53}, {REPLIES}}},
	/* What the file lets out. */
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

static const struct {
	const char *name;
	uint16_t family;
} set_names[NFT_KILLSWITCH_SETS] = {
	[NFT_KILLSWITCH_PRIVATE4] = {"private4", AF_INET},
	[NFT_KILLSWITCH_PRIVATE6] = {"private6", AF_INET6},
	[NFT_KILLSWITCH_EXCLUDE4] = {"exclude4", AF_INET},
	[NFT_KILLSWITCH_EXCLUDE6] = {"exclude6", AF_INET6},
	[NFT_KILLSWITCH_LAN4] = {"lan4", AF_INET},
	[NFT_KILLSWITCH_LAN6] = {"lan6", AF_INET6},
};

/* A list is sorted, so that those of a family stand together. */
static void fill(struct nft_killswitch_set *set,
		 const struct inet_prefix *networks, size_t count)
{
	while (count && networks->address.family != set->family) {
		networks++;
		count--;
	}
	set->networks = networks;
	while (set->count < count &&
	       networks[set->count].address.family == set->family)
		set->count++;
}

struct nft_killswitch_set
nft_killswitch_set(const struct nft_killswitch *killswitch,
		   enum nft_killswitch_which which)
{
	struct nft_killswitch_set set = {
		.name = set_names[which].name,
		.family = set_names[which].family,
	};

	switch (which) {
	case NFT_KILLSWITCH_PRIVATE4:
	case NFT_KILLSWITCH_PRIVATE6:
		if (!killswitch->bare)
			fill(&set, private_networks, COUNT(private_networks));
		break;
	case NFT_KILLSWITCH_EXCLUDE4:
	case NFT_KILLSWITCH_EXCLUDE6:
		fill(&set, killswitch->exclude, killswitch->exclude_count);
		break;
	case NFT_KILLSWITCH_LAN4:
	case NFT_KILLSWITCH_LAN6:
		fill(&set, killswitch->networks, killswitch->network_count);
		break;
	case NFT_KILLSWITCH_SETS:
		break;
	}
	return set;
}

static bool set_exists(const struct nft_killswitch *killswitch,
		       const char *name)
{
	for (unsigned i = 0; i < NFT_KILLSWITCH_SETS; i++) {
		if (strcmp(set_names[i].name, name) == 0)
			return nft_killswitch_set(killswitch, i).count > 0;
	}
	return false;
}

static bool applies(const struct nft_killswitch *killswitch,
		    const struct rule *rule)
{
	if ((rule->when == NOT_BARE && killswitch->bare) ||
	    (rule->when == WITH_LAN && !killswitch->lan))
		return false;
	for (unsigned i = 0; rule->matches[i].kind; i++) {
		const struct nft_match *match = &rule->matches[i];

		if ((match->kind == NFT_MATCH_FROM_SET ||
		     match->kind == NFT_MATCH_TO_SET) &&
		    !set_exists(killswitch, match->name))
			return false;
	}
	return true;
}

static void visit_rules(const struct nft_killswitch *killswitch,
			const struct rule *rules, size_t count,
			nft_killswitch_visit visit, void *data)
{
	for (size_t i = 0; i < count; i++) {
		if (applies(killswitch, &rules[i]))
			visit(data, rules[i].matches);
	}
}

static void visit_servers(const struct nft_killswitch *killswitch,
			  nft_killswitch_visit visit, void *data)
{
	for (unsigned i = 0; i < killswitch->count; i++) {
		const struct inet_endpoint *server = &killswitch->servers[i];
		struct nft_match matches[NFT_MATCHES] = {
			{TO = inet_prefix_host(&server->address)},
			{UDP, .to = server->port},
		};

		if (killswitch->mask)
			matches[2] = (struct nft_match){
				.kind = NFT_MATCH_MARK,
				.mark = killswitch->mark,
				.mask = killswitch->mask,
			};
		visit(data, matches);
	}
}

/* Which servers there are is known only once their names were asked for. */
static void visit_names(const struct nft_killswitch *killswitch,
			nft_killswitch_visit visit, void *data)
{
	const struct nft_match matches[NFT_MATCHES] = {
		{UDP, .to = DNS_PORT},
		{.kind = NFT_MATCH_MARK,
		 .mark = killswitch->mark,
		 .mask = killswitch->mask},
	};

	if (killswitch->names)
		visit(data, matches);
}

static void visit_own(const struct nft_killswitch *killswitch,
		      nft_killswitch_visit visit, void *data)
{
	const struct nft_match lo[NFT_MATCHES] = {
		{.kind = NFT_MATCH_OUT, .name = "lo"}};
	const struct nft_match tun[NFT_MATCHES] = {
		{.kind = NFT_MATCH_OUT, .name = killswitch->device}};
	const struct nft_match forwarded[NFT_MATCHES] = {
		{.kind = NFT_MATCH_FORWARDED}};

	visit(data, lo);
	visit(data, tun);
	visit_servers(killswitch, visit, data);
	visit_names(killswitch, visit, data);
	/* These have passed the other chain. */
	if (!killswitch->bare)
		visit(data, forwarded);
	visit_rules(killswitch, own_rules, COUNT(own_rules), visit, data);
}

/* Answers to what those behind this host have sent by the tunnel come back. */
static void visit_forward(const struct nft_killswitch *killswitch,
			  nft_killswitch_visit visit, void *data)
{
	const struct nft_match out[NFT_MATCHES] = {
		{.kind = NFT_MATCH_OUT, .name = killswitch->device}};
	const struct nft_match in[NFT_MATCHES] = {
		{.kind = NFT_MATCH_IN, .name = killswitch->device}, {ANSWERS}};

	visit(data, out);
	visit(data, in);
	visit_rules(killswitch, forward_rules, COUNT(forward_rules), visit,
		    data);
}

void nft_killswitch_rules(const struct nft_killswitch *killswitch,
			  enum nft_killswitch_chain chain,
			  nft_killswitch_visit visit, void *data)
{
	switch (chain) {
	case NFT_KILLSWITCH_OUTPUT:
	case NFT_KILLSWITCH_POSTROUTING:
		visit_own(killswitch, visit, data);
		break;
	case NFT_KILLSWITCH_FORWARD:
		visit_forward(killswitch, visit, data);
		break;
	}
}
