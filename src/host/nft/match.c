/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/match.h"

#include <arpa/inet.h>
#include <linux/icmp.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stdio.h>

/* Source and destination port stand side by side (RFC 768, RFC 9293). */
#define PORT_SIZE 2

/* NF_CT_STATE_BIT() of nf_conntrack_common.h. */
#define ESTABLISHED (1u << (IP_CT_ESTABLISHED + 1))
#define RELATED	    (1u << (IP_CT_RELATED + 1))

/* RFC 3810, section 5.2. */
#define MLD2_LISTENER_REPORT 143

static const struct {
	uint8_t type;
	const char *name;
} icmpv6_names[] = {
	{ICMP6_PACKET_TOO_BIG, "packet-too-big"},
	{MLD_LISTENER_QUERY, "mld-listener-query"},
	{MLD_LISTENER_REPORT, "mld-listener-report"},
	{MLD_LISTENER_REDUCTION, "mld-listener-done"},
	{ND_ROUTER_SOLICIT, "nd-router-solicit"},
	{ND_ROUTER_ADVERT, "nd-router-advert"},
	{ND_NEIGHBOR_SOLICIT, "nd-neighbor-solicit"},
	{ND_NEIGHBOR_ADVERT, "nd-neighbor-advert"},
	{MLD2_LISTENER_REPORT, "mld2-listener-report"},
};

static const char *icmpv6_name(uint8_t type)
{
	for (size_t i = 0; i < sizeof(icmpv6_names) / sizeof(icmpv6_names[0]);
	     i++) {
		if (icmpv6_names[i].type == type)
			return icmpv6_names[i].name;
	}
	return "";
}

/* What this host sends has come by no device. */
static void put_forwarded(struct nlmsghdr *message)
{
	static const uint32_t none;

	nft_load_meta(message, NFT_META_IIF);
	nft_compare(message, NFT_CMP_NEQ, &none, sizeof(none));
}

static void put_byte(struct nlmsghdr *message, uint8_t value)
{
	nft_compare(message, NFT_CMP_EQ, &value, sizeof(value));
}

static void put_family(struct nlmsghdr *message, uint16_t wanted,
		       uint16_t *family)
{
	if (*family == wanted)
		return;
	nft_load_meta(message, NFT_META_NFPROTO);
	put_byte(message, wanted == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6);
	*family = wanted;
}

static void put_protocol(struct nlmsghdr *message, uint8_t protocol)
{
	nft_load_meta(message, NFT_META_L4PROTO);
	put_byte(message, protocol);
}

static void put_mark(struct nlmsghdr *message, const struct nft_match *match)
{
	nft_load_meta(message, NFT_META_MARK);
	if (match->mask != UINT32_MAX)
		nft_mask(message, &match->mask, sizeof(match->mask));
	nft_compare(message, NFT_CMP_EQ, &match->mark, sizeof(match->mark));
}

static void put_network(struct nlmsghdr *message, const struct nft_match *match,
			uint16_t *family)
{
	put_family(message, match->network.address.family, family);
	nft_match_network(message,
			  match->kind == NFT_MATCH_FROM ? NFT_SOURCE
							: NFT_DESTINATION,
			  &match->network);
}

static void put_set(struct nlmsghdr *message, const struct nft_match *match,
		    uint16_t *family)
{
	put_family(message, match->family, family);
	nft_load_address(message, match->family,
			 match->kind == NFT_MATCH_FROM_SET ? NFT_SOURCE
							   : NFT_DESTINATION);
	nft_lookup(message, match->name);
}

static void put_ports(struct nlmsghdr *message, const struct nft_match *match)
{
	const uint16_t ports[] = {htons(match->from), htons(match->to)};
	unsigned first = match->from ? 0 : 1, last = match->to ? 1 : 0;
	size_t size = (last - first + 1) * PORT_SIZE;

	put_protocol(message, match->protocol);
	nft_load_payload(message, NFT_PAYLOAD_TRANSPORT_HEADER,
			 first * PORT_SIZE, size);
	nft_compare(message, NFT_CMP_EQ, &ports[first], size);
}

static void put_icmpv6(struct nlmsghdr *message, uint8_t type, uint16_t *family)
{
	put_family(message, AF_INET6, family);
	put_protocol(message, IPPROTO_ICMPV6);
	nft_load_payload(message, NFT_PAYLOAD_TRANSPORT_HEADER,
			 offsetof(struct icmp6_hdr, icmp6_type), sizeof(type));
	put_byte(message, type);
}

static void put_one_hop6(struct nlmsghdr *message, uint16_t *family)
{
	put_family(message, AF_INET6, family);
	nft_load_payload(message, NFT_PAYLOAD_NETWORK_HEADER,
			 offsetof(struct ip6_hdr, ip6_hlim), 1);
	put_byte(message, 1);
}

/* TTL and protocol stand side by side (RFC 791, section 3.1). */
static void put_igmp(struct nlmsghdr *message, uint16_t *family)
{
	static const uint8_t ttl_protocol[] = {1, IPPROTO_IGMP};

	put_family(message, AF_INET, family);
	nft_load_payload(message, NFT_PAYLOAD_NETWORK_HEADER,
			 offsetof(struct iphdr, ttl), sizeof(ttl_protocol));
	nft_compare(message, NFT_CMP_EQ, ttl_protocol, sizeof(ttl_protocol));
}

/* Type and code stand side by side (RFC 792). */
static void put_frag_needed(struct nlmsghdr *message, uint16_t *family)
{
	static const uint8_t type_code[] = {ICMP_DEST_UNREACH,
					    ICMP_FRAG_NEEDED};

	put_family(message, AF_INET, family);
	put_protocol(message, IPPROTO_ICMP);
	nft_load_payload(message, NFT_PAYLOAD_TRANSPORT_HEADER, 0,
			 sizeof(type_code));
	nft_compare(message, NFT_CMP_EQ, type_code, sizeof(type_code));
}

static void put_states(struct nlmsghdr *message, uint32_t states)
{
	static const uint32_t zero;

	nft_load_ct(message, NFT_CT_STATE);
	nft_mask(message, &states, sizeof(states));
	nft_compare(message, NFT_CMP_NEQ, &zero, sizeof(zero));
}

/* Whoever has begun it has another source address or port by now. */
static void put_translated(struct nlmsghdr *message)
{
	static const uint32_t snat = IPS_SRC_NAT, zero;

	nft_load_ct(message, NFT_CT_DIRECTION);
	put_byte(message, IP_CT_DIR_ORIGINAL);
	nft_load_ct(message, NFT_CT_STATUS);
	nft_mask(message, &snat, sizeof(snat));
	nft_compare(message, NFT_CMP_NEQ, &zero, sizeof(zero));
}

static void put_device(struct nlmsghdr *message, const struct nft_match *match)
{
	bool out = match->kind == NFT_MATCH_OUT ||
		   match->kind == NFT_MATCH_NOT_OUT;
	bool not = match->kind == NFT_MATCH_NOT_IN ||
		   match->kind == NFT_MATCH_NOT_OUT;

	nft_match_device(message, out ? NFT_META_OIFNAME : NFT_META_IIFNAME,
			 not ? NFT_CMP_NEQ : NFT_CMP_EQ, match->name);
}

void nft_match_put(struct nlmsghdr *message, const struct nft_match *match,
		   uint16_t *family)
{
	switch (match->kind) {
	case NFT_MATCH_NONE:
		break;
	case NFT_MATCH_OUT:
	case NFT_MATCH_IN:
	case NFT_MATCH_NOT_OUT:
	case NFT_MATCH_NOT_IN:
		put_device(message, match);
		break;
	case NFT_MATCH_FORWARDED:
		put_forwarded(message);
		break;
	case NFT_MATCH_MARK:
		put_mark(message, match);
		break;
	case NFT_MATCH_FROM:
	case NFT_MATCH_TO:
		put_network(message, match, family);
		break;
	case NFT_MATCH_FROM_SET:
	case NFT_MATCH_TO_SET:
		put_set(message, match, family);
		break;
	case NFT_MATCH_PORTS:
		put_ports(message, match);
		break;
	case NFT_MATCH_ICMPV6:
		put_icmpv6(message, match->type, family);
		break;
	case NFT_MATCH_ONE_HOP6:
		put_one_hop6(message, family);
		break;
	case NFT_MATCH_IGMP:
		put_igmp(message, family);
		break;
	case NFT_MATCH_FRAG_NEEDED:
		put_frag_needed(message, family);
		break;
	case NFT_MATCH_ANSWERS:
		put_states(message, ESTABLISHED | RELATED);
		break;
	case NFT_MATCH_REPLIES:
		put_states(message, ESTABLISHED);
		nft_load_ct(message, NFT_CT_DIRECTION);
		put_byte(message, IP_CT_DIR_REPLY);
		break;
	case NFT_MATCH_TRANSLATED:
		put_translated(message);
		break;
	}
}

static int print_network(const struct nft_match *match, char *text, size_t size)
{
	const struct inet_prefix *network = &match->network;
	bool host = network->length == 8 * inet_size(network->address.family);
	char name[INET_PREFIX_TEXT];

	if (!network->length)
		return snprintf(text, size, "meta nfproto %s ",
				network->address.family == AF_INET ? "ipv4"
								   : "ipv6");
	if (host)
		inet_format_address(&network->address, name, sizeof(name));
	else
		inet_format_prefix(network, name, sizeof(name));
	return snprintf(text, size, "%s %s %s ",
			network->address.family == AF_INET ? "ip" : "ip6",
			match->kind == NFT_MATCH_FROM ? "saddr" : "daddr",
			name);
}

static int print_ports(const struct nft_match *match, char *text, size_t size)
{
	const char *protocol = match->protocol == IPPROTO_TCP ? "tcp" : "udp";

	if (!match->from)
		return snprintf(text, size, "%s dport %u ", protocol,
				match->to);
	if (!match->to)
		return snprintf(text, size, "%s sport %u ", protocol,
				match->from);
	return snprintf(text, size, "%s sport %u %s dport %u ", protocol,
			match->from, protocol, match->to);
}

static int print_mark(const struct nft_match *match, char *text, size_t size)
{
	if (match->mask == UINT32_MAX)
		return snprintf(text, size, "meta mark 0x%08x ", match->mark);
	return snprintf(text, size, "meta mark & 0x%08x == 0x%08x ",
			match->mask, match->mark);
}

int nft_match_print(const struct nft_match *match, char *text, size_t size)
{
	switch (match->kind) {
	case NFT_MATCH_NONE:
		break;
	case NFT_MATCH_OUT:
		return snprintf(text, size, "oifname \"%s\" ", match->name);
	case NFT_MATCH_IN:
		return snprintf(text, size, "iifname \"%s\" ", match->name);
	case NFT_MATCH_NOT_OUT:
		return snprintf(text, size, "oifname != \"%s\" ", match->name);
	case NFT_MATCH_NOT_IN:
		return snprintf(text, size, "iifname != \"%s\" ", match->name);
	case NFT_MATCH_FORWARDED:
		return snprintf(text, size, "iif != 0 ");
	case NFT_MATCH_MARK:
		return print_mark(match, text, size);
	case NFT_MATCH_FROM:
	case NFT_MATCH_TO:
		return print_network(match, text, size);
	case NFT_MATCH_FROM_SET:
	case NFT_MATCH_TO_SET:
		return snprintf(text, size, "%s %s @%s ",
				match->family == AF_INET ? "ip" : "ip6",
				match->kind == NFT_MATCH_FROM_SET ? "saddr"
								  : "daddr",
				match->name);
	case NFT_MATCH_PORTS:
		return print_ports(match, text, size);
	case NFT_MATCH_ICMPV6:
		return snprintf(text, size, "icmpv6 type %s ",
				icmpv6_name(match->type));
	case NFT_MATCH_ONE_HOP6:
		return snprintf(text, size, "ip6 hoplimit 1 ");
	case NFT_MATCH_IGMP:
		return snprintf(text, size, "ip ttl 1 ip protocol igmp ");
	case NFT_MATCH_FRAG_NEEDED:
		return snprintf(text, size,
				"icmp type destination-unreachable "
				"icmp code frag-needed ");
	case NFT_MATCH_ANSWERS:
		return snprintf(text, size, "ct state established,related ");
	case NFT_MATCH_REPLIES:
		return snprintf(text, size,
				"ct state established ct direction reply ");
	case NFT_MATCH_TRANSLATED:
		return snprintf(text, size,
				"ct direction original ct status snat ");
	}
	return 0;
}
