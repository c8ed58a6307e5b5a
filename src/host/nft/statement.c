/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/statement.h"

#include <arpa/inet.h>
#include <linux/icmp.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>

#include "host/nft/expression.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Source and destination port stand side by side (RFC 768, RFC 9293). */
#define PORT_SIZE	 2
#define DESTINATION_PORT 2
/*
 * The TCP header has SYN and other flags in this byte (RFC 9293, section 3.1).
 */
#define TCP_FLAGS_OFFSET 13
/* The MSS option is a kind, a length and the value (RFC 9293, section 3.2). */
#define MSS_VALUE_OFFSET 2
#define MSS_VALUE_SIZE	 2
/*
 * In an ARP packet it is behind the header, the kind and two addresses (RFC
 * 826, Ethernet).
 */
#define ARP_TARGET_OFFSET 24

/* These are NF_CT_STATE_BIT() of nf_conntrack_common.h. */
#define ESTABLISHED (1u << (IP_CT_ESTABLISHED + 1))
#define RELATED	    (1u << (IP_CT_RELATED + 1))

/* RFC 3810, section 5.2, has this number. */
#define MLD2_LISTENER_REPORT 143

static void put_byte(struct nft_encoder *encoder, uint8_t value)
{
	nft_compare(encoder->message, NFT_CMP_EQ, &value, sizeof(value));
}

static void put_is_not_zero(struct nft_encoder *encoder)
{
	static const uint32_t zero;

	nft_compare(encoder->message, NFT_CMP_NEQ, &zero, sizeof(zero));
}

/* A rule of a table for both families is bound to one at most once. */
static void put_family(struct nft_encoder *encoder, uint16_t family)
{
	uint8_t wanted = family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;

	if (encoder->family == wanted)
		return;
	nft_load_meta(encoder->message, NFT_META_NFPROTO);
	put_byte(encoder, wanted);
	encoder->family = wanted;
}

static void put_l4proto(struct nft_encoder *encoder, uint8_t protocol)
{
	nft_load_meta(encoder->message, NFT_META_L4PROTO);
	put_byte(encoder, protocol);
}

static void put_device(struct nft_encoder *encoder,
		       const struct nft_statement *match)
{
	bool out = match->kind == NFT_MATCH_OUT ||
		   match->kind == NFT_MATCH_NOT_OUT;
	bool not = match->kind == NFT_MATCH_NOT_IN ||
		   match->kind == NFT_MATCH_NOT_OUT;

	nft_match_device(encoder->message,
			 out ? NFT_META_OIFNAME : NFT_META_IIFNAME,
			 not ? NFT_CMP_NEQ : NFT_CMP_EQ, match->name);
}

static void print_device(const struct nft_statement *match, struct text *text)
{
	bool out = match->kind == NFT_MATCH_OUT ||
		   match->kind == NFT_MATCH_NOT_OUT;
	bool not = match->kind == NFT_MATCH_NOT_IN ||
		   match->kind == NFT_MATCH_NOT_OUT;

	text_append(text, "%s %s\"%s\"", out ? "oifname" : "iifname",
		    not ? "!= " : "", match->name);
}

/* What this host sends has come by no device. */
static void put_forwarded(struct nft_encoder *encoder,
			  const struct nft_statement *match)
{
	(void)match;
	nft_load_meta(encoder->message, NFT_META_IIF);
	put_is_not_zero(encoder);
}

static void put_mark(struct nft_encoder *encoder,
		     const struct nft_statement *match)
{
	nft_load_meta(encoder->message, NFT_META_MARK);
	if (match->mask != UINT32_MAX)
		nft_mask(encoder->message, &match->mask, sizeof(match->mask));
	nft_compare(encoder->message, NFT_CMP_EQ, &match->mark,
		    sizeof(match->mark));
}

static void print_mark(const struct nft_statement *match, struct text *text)
{
	if (match->mask == UINT32_MAX)
		text_append(text, "meta mark 0x%08x", match->mark);
	else
		text_append(text, "meta mark & 0x%08x == 0x%08x", match->mask,
			    match->mark);
}

static void put_network(struct nft_encoder *encoder,
			const struct nft_statement *match)
{
	put_family(encoder, match->network.address.family);
	nft_match_network(encoder->message,
			  match->kind == NFT_MATCH_FROM ? NFT_SOURCE
							: NFT_DESTINATION,
			  &match->network);
}

static void print_network(const struct nft_statement *match, struct text *text)
{
	const struct inet_prefix *network = &match->network;
	bool v4 = network->address.family == AF_INET;
	bool host = network->length == 8 * inet_size(network->address.family);
	char name[INET_PREFIX_TEXT];

	if (!network->length) {
		text_append(text, "meta nfproto %s", v4 ? "ipv4" : "ipv6");
		return;
	}
	if (host && !match->length)
		inet_format_address(&network->address, name, sizeof(name));
	else
		inet_format_prefix(network, name, sizeof(name));
	text_append(text, "%s %s %s", v4 ? "ip" : "ip6",
		    match->kind == NFT_MATCH_FROM ? "saddr" : "daddr", name);
}

static void put_set(struct nft_encoder *encoder,
		    const struct nft_statement *match)
{
	put_family(encoder, match->family);
	nft_load_address(encoder->message, match->family,
			 match->kind == NFT_MATCH_FROM_SET ? NFT_SOURCE
							   : NFT_DESTINATION);
	nft_lookup(encoder->message, match->name);
}

static void print_set(const struct nft_statement *match, struct text *text)
{
	text_append(text, "%s %s @%s", match->family == AF_INET ? "ip" : "ip6",
		    match->kind == NFT_MATCH_FROM_SET ? "saddr" : "daddr",
		    match->name);
}

static void put_arp_target(struct nft_encoder *encoder,
			   const struct nft_statement *match)
{
	const struct inet_address *target = &match->network.address;
	size_t size = inet_size(target->family);

	nft_load_payload(encoder->message, NFT_PAYLOAD_NETWORK_HEADER,
			 ARP_TARGET_OFFSET, size);
	nft_compare(encoder->message, NFT_CMP_EQ, target->bytes, size);
}

static void print_arp_target(const struct nft_statement *match,
			     struct text *text)
{
	char name[INET_ADDRESS_TEXT];

	text_append(text, "arp daddr ip %s",
		    inet_format_address(&match->network.address, name,
					sizeof(name)));
}

static const char *protocol_name(const struct nft_statement *statement)
{
	return statement->protocol == IPPROTO_TCP ? "tcp" : "udp";
}

static void put_protocol(struct nft_encoder *encoder,
			 const struct nft_statement *match)
{
	put_l4proto(encoder, match->protocol);
}

static void print_protocol(const struct nft_statement *match, struct text *text)
{
	text_append(text, "meta l4proto %s", protocol_name(match));
}

static void put_ports(struct nft_encoder *encoder,
		      const struct nft_statement *match)
{
	const uint16_t ports[] = {htons(match->sport), htons(match->dport)};
	unsigned first = match->sport ? 0 : 1, last = match->dport ? 1 : 0;
	size_t size = (last - first + 1) * PORT_SIZE;

	put_l4proto(encoder, match->protocol);
	nft_load_payload(encoder->message, NFT_PAYLOAD_TRANSPORT_HEADER,
			 first * PORT_SIZE, size);
	nft_compare(encoder->message, NFT_CMP_EQ, &ports[first], size);
}

static void print_ports(const struct nft_statement *match, struct text *text)
{
	const char *name = protocol_name(match);

	if (match->sport)
		text_append(text, "%s sport %u%s", name, match->sport,
			    match->dport ? " " : "");
	if (match->dport)
		text_append(text, "%s dport %u", name, match->dport);
}

static void load_port(struct nft_encoder *encoder,
		      const struct nft_statement *match)
{
	bool source = match->kind == NFT_MATCH_SPORT_IN;

	put_l4proto(encoder, match->protocol);
	nft_load_payload(encoder->message, NFT_PAYLOAD_TRANSPORT_HEADER,
			 source ? 0 : DESTINATION_PORT, PORT_SIZE);
}

/* nft(8) compiles this one without a range, and a single port without two. */
static void put_port_in(struct nft_encoder *encoder,
			const struct nft_statement *match)
{
	uint16_t first = htons(match->first), last = htons(match->last);

	load_port(encoder, match);
	if (first == last) {
		nft_compare(encoder->message, NFT_CMP_EQ, &first,
			    sizeof(first));
		return;
	}
	nft_compare(encoder->message, NFT_CMP_GTE, &first, sizeof(first));
	nft_compare(encoder->message, NFT_CMP_LTE, &last, sizeof(last));
}

static void put_port_not_in(struct nft_encoder *encoder,
			    const struct nft_statement *match)
{
	uint16_t first = htons(match->first), last = htons(match->last);

	load_port(encoder, match);
	nft_outside_range(encoder->message, &first, &last, sizeof(first));
}

static void print_port_range(const struct nft_statement *match,
			     struct text *text)
{
	const struct inet_ports ports = {match->first, match->last};
	char name[INET_PORTS_TEXT];

	text_append(text, "%s %s %s%s", protocol_name(match),
		    match->kind == NFT_MATCH_SPORT_IN ? "sport" : "dport",
		    match->kind == NFT_MATCH_PORT_NOT_IN ? "!= " : "",
		    inet_format_ports(&ports, name, sizeof(name)));
}

static void put_syn(struct nft_encoder *encoder,
		    const struct nft_statement *match)
{
	put_l4proto(encoder, IPPROTO_TCP);
	nft_load_payload(encoder->message, NFT_PAYLOAD_TRANSPORT_HEADER,
			 TCP_FLAGS_OFFSET, sizeof(match->flags));
	nft_mask(encoder->message, &match->flags, sizeof(match->flags));
	put_byte(encoder, TH_SYN);
}

static void print_syn(const struct nft_statement *match, struct text *text)
{
	static const struct {
		uint8_t flag;
		const char *name;
	} flags[] = {
		{TH_FIN, "fin"},
		{TH_SYN, "syn"},
		{TH_RST, "rst"},
		{TH_ACK, "ack"},
	};
	const char *between = "";

	text_append(text, "tcp flags & (");
	for (size_t i = 0; i < COUNT(flags); i++) {
		if (!(match->flags & flags[i].flag))
			continue;
		text_append(text, "%s%s", between, flags[i].name);
		between = "|";
	}
	text_append(text, ") == syn");
}

static void put_icmpv6(struct nft_encoder *encoder,
		       const struct nft_statement *match)
{
	put_family(encoder, AF_INET6);
	put_l4proto(encoder, IPPROTO_ICMPV6);
	nft_load_payload(encoder->message, NFT_PAYLOAD_TRANSPORT_HEADER,
			 offsetof(struct icmp6_hdr, icmp6_type),
			 sizeof(match->type));
	put_byte(encoder, match->type);
}

static void print_icmpv6(const struct nft_statement *match, struct text *text)
{
	static const struct {
		uint8_t type;
		const char *name;
	} names[] = {
		{ICMP6_PACKET_TOO_BIG, "packet-too-big"},
		{ICMP6_ECHO_REQUEST, "echo-request"},
		{MLD_LISTENER_QUERY, "mld-listener-query"},
		{MLD_LISTENER_REPORT, "mld-listener-report"},
		{MLD_LISTENER_REDUCTION, "mld-listener-done"},
		{ND_ROUTER_SOLICIT, "nd-router-solicit"},
		{ND_ROUTER_ADVERT, "nd-router-advert"},
		{ND_NEIGHBOR_SOLICIT, "nd-neighbor-solicit"},
		{ND_NEIGHBOR_ADVERT, "nd-neighbor-advert"},
		{MLD2_LISTENER_REPORT, "mld2-listener-report"},
	};

	for (size_t i = 0; i < COUNT(names); i++) {
		if (names[i].type == match->type)
			text_append(text, "icmpv6 type %s", names[i].name);
	}
}

static void put_one_hop6(struct nft_encoder *encoder,
			 const struct nft_statement *match)
{
	(void)match;
	put_family(encoder, AF_INET6);
	nft_load_payload(encoder->message, NFT_PAYLOAD_NETWORK_HEADER,
			 offsetof(struct ip6_hdr, ip6_hlim), 1);
	put_byte(encoder, 1);
}

/* TTL and protocol stand side by side (RFC 791, section 3.1). */
static void put_igmp(struct nft_encoder *encoder,
		     const struct nft_statement *match)
{
	static const uint8_t ttl_protocol[] = {1, IPPROTO_IGMP};

	(void)match;
	put_family(encoder, AF_INET);
	nft_load_payload(encoder->message, NFT_PAYLOAD_NETWORK_HEADER,
			 offsetof(struct iphdr, ttl), sizeof(ttl_protocol));
	nft_compare(encoder->message, NFT_CMP_EQ, ttl_protocol,
		    sizeof(ttl_protocol));
}

static void put_echo4(struct nft_encoder *encoder,
		      const struct nft_statement *match)
{
	(void)match;
	put_family(encoder, AF_INET);
	put_l4proto(encoder, IPPROTO_ICMP);
	nft_load_payload(encoder->message, NFT_PAYLOAD_TRANSPORT_HEADER,
			 offsetof(struct icmphdr, type), 1);
	put_byte(encoder, ICMP_ECHO);
}

/* Type and code stand side by side (RFC 792). */
static void put_frag_needed(struct nft_encoder *encoder,
			    const struct nft_statement *match)
{
	static const uint8_t type_code[] = {ICMP_DEST_UNREACH,
					    ICMP_FRAG_NEEDED};

	(void)match;
	put_family(encoder, AF_INET);
	put_l4proto(encoder, IPPROTO_ICMP);
	nft_load_payload(encoder->message, NFT_PAYLOAD_TRANSPORT_HEADER, 0,
			 sizeof(type_code));
	nft_compare(encoder->message, NFT_CMP_EQ, type_code, sizeof(type_code));
}

static void put_states(struct nft_encoder *encoder, uint32_t states)
{
	nft_load_ct(encoder->message, NFT_CT_STATE);
	nft_mask(encoder->message, &states, sizeof(states));
	put_is_not_zero(encoder);
}

static void put_answers(struct nft_encoder *encoder,
			const struct nft_statement *match)
{
	(void)match;
	put_states(encoder, ESTABLISHED | RELATED);
}

static void put_replies(struct nft_encoder *encoder,
			const struct nft_statement *match)
{
	(void)match;
	put_states(encoder, ESTABLISHED);
	nft_load_ct(encoder->message, NFT_CT_DIRECTION);
	put_byte(encoder, IP_CT_DIR_REPLY);
}

/* Whoever has begun it has another source address or port by now. */
static void put_translated(struct nft_encoder *encoder,
			   const struct nft_statement *match)
{
	static const uint32_t snat = IPS_SRC_NAT;

	(void)match;
	nft_load_ct(encoder->message, NFT_CT_DIRECTION);
	put_byte(encoder, IP_CT_DIR_ORIGINAL);
	nft_load_ct(encoder->message, NFT_CT_STATUS);
	nft_mask(encoder->message, &snat, sizeof(snat));
	put_is_not_zero(encoder);
}

static void put_ct_mark(struct nft_encoder *encoder,
			const struct nft_statement *match)
{
	nft_load_ct(encoder->message, NFT_CT_MARK);
	nft_compare(encoder->message, NFT_CMP_EQ, &match->mark,
		    sizeof(match->mark));
}

static void print_ct_mark(const struct nft_statement *match, struct text *text)
{
	if (match->mark)
		text_append(text, "ct mark 0x%08x", match->mark);
	else
		text_append(text, "ct mark 0");
}

/*
 * The wildcard socket is a server's, which chooses itself from which address it
 * answers. A client's has an address from when it was connected.
 */
static void put_wildcard(struct nft_encoder *encoder,
			 const struct nft_statement *match)
{
	(void)match;
	nft_load_socket(encoder->message, NFT_SOCKET_WILDCARD);
	put_byte(encoder, 1);
}

/* Its port is one that a socket of this host is bound to, or connected from. */
static void put_bound(struct nft_encoder *encoder,
		      const struct nft_statement *match)
{
	(void)match;
	nft_load_socket(encoder->message, NFT_SOCKET_TRANSPARENT);
	put_byte(encoder, 0);
}

static void put_type_local(struct nft_encoder *encoder, uint32_t flags)
{
	static const uint32_t local = RTN_LOCAL;

	nft_load_fib(encoder->message, flags, NFT_FIB_RESULT_ADDRTYPE);
	nft_compare(encoder->message, NFT_CMP_EQ, &local, sizeof(local));
}

static void put_to_us(struct nft_encoder *encoder,
		      const struct nft_statement *match)
{
	(void)match;
	put_type_local(encoder, NFTA_FIB_F_DADDR);
}

static void put_local(struct nft_encoder *encoder,
		      const struct nft_statement *match)
{
	(void)match;
	put_type_local(encoder, NFTA_FIB_F_DADDR | NFTA_FIB_F_IIF);
}

static void put_no_way_back(struct nft_encoder *encoder,
			    const struct nft_statement *match)
{
	static const uint32_t missing;

	(void)match;
	nft_load_fib(encoder->message,
		     NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF | NFTA_FIB_F_PRESENT,
		     NFT_FIB_RESULT_OIF);
	nft_compare(encoder->message, NFT_CMP_EQ, &missing, sizeof(missing));
}

static void put_accept(struct nft_encoder *encoder,
		       const struct nft_statement *action)
{
	(void)action;
	nft_verdict(encoder->message, NF_ACCEPT);
}

static void put_drop(struct nft_encoder *encoder,
		     const struct nft_statement *action)
{
	(void)action;
	nft_verdict(encoder->message, NF_DROP);
}

static void put_jump(struct nft_encoder *encoder,
		     const struct nft_statement *action)
{
	nft_jump(encoder->message, action->name);
}

static void print_jump(const struct nft_statement *action, struct text *text)
{
	text_append(text, "jump %s", action->name);
}

static void put_masquerade(struct nft_encoder *encoder,
			   const struct nft_statement *action)
{
	uint16_t first = htons(action->first), last = htons(action->last);
	struct nlmsghdr *message = encoder->message;
	struct nft_expression masq;

	if (action->first) {
		nft_load_value_to(message, NFT_REG_1, &first, sizeof(first));
		nft_load_value_to(message, NFT_REG_2, &last, sizeof(last));
	}
	masq = nft_expression_begin(message, "masq");
	if (action->first) {
		nft_put_number(message, NFTA_MASQ_FLAGS,
			       NF_NAT_RANGE_PROTO_SPECIFIED);
		nft_put_number(message, NFTA_MASQ_REG_PROTO_MIN, NFT_REG_1);
		nft_put_number(message, NFTA_MASQ_REG_PROTO_MAX, NFT_REG_2);
	}
	nft_expression_end(message, masq);
}

static void print_masquerade(const struct nft_statement *action,
			     struct text *text)
{
	text_append(text, "masquerade");
	if (action->first)
		text_append(text, " to :%u-%u", action->first, action->last);
}

static void put_to_port(struct nft_encoder *encoder,
			const struct nft_statement *action)
{
	uint16_t port = htons(action->first);
	struct nlmsghdr *message = encoder->message;
	struct nft_expression nat;

	nft_load_value_to(message, NFT_REG_1, &port, sizeof(port));
	nat = nft_expression_begin(message, "nat");
	nft_put_number(message, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	nft_put_number(message, NFTA_NAT_FAMILY, encoder->family);
	nft_put_number(message, NFTA_NAT_REG_PROTO_MIN, NFT_REG_1);
	nft_put_number(message, NFTA_NAT_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
	nft_expression_end(message, nat);
}

static void print_to_port(const struct nft_statement *action, struct text *text)
{
	text_append(text, "dnat to :%u", action->first);
}

/* The kernel writes the option only where that makes it smaller. */
static void put_clamp_mss(struct nft_encoder *encoder,
			  const struct nft_statement *action)
{
	struct nlmsghdr *message = encoder->message;
	struct nft_expression expression = nft_expression_begin(message, "rt");

	(void)action;
	nft_put_number(message, NFTA_RT_DREG, NFT_REGISTER);
	nft_put_number(message, NFTA_RT_KEY, NFT_RT_TCPMSS);
	nft_expression_end(message, expression);

	expression = nft_expression_begin(message, "byteorder");
	nft_put_number(message, NFTA_BYTEORDER_SREG, NFT_REGISTER);
	nft_put_number(message, NFTA_BYTEORDER_DREG, NFT_REGISTER);
	nft_put_number(message, NFTA_BYTEORDER_OP, NFT_BYTEORDER_HTON);
	nft_put_number(message, NFTA_BYTEORDER_LEN, MSS_VALUE_SIZE);
	nft_put_number(message, NFTA_BYTEORDER_SIZE, MSS_VALUE_SIZE);
	nft_expression_end(message, expression);

	expression = nft_expression_begin(message, "exthdr");
	nft_put_number(message, NFTA_EXTHDR_SREG, NFT_REGISTER);
	mnl_attr_put_u8(message, NFTA_EXTHDR_TYPE, TCPOPT_MAXSEG);
	nft_put_number(message, NFTA_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
	nft_put_number(message, NFTA_EXTHDR_OFFSET, MSS_VALUE_OFFSET);
	nft_put_number(message, NFTA_EXTHDR_LEN, MSS_VALUE_SIZE);
	nft_expression_end(message, expression);
}

static void put_set_ct_mark(struct nft_encoder *encoder,
			    const struct nft_statement *action)
{
	nft_load_value_to(encoder->message, NFT_REGISTER, &action->mark,
			  sizeof(action->mark));
	nft_set_ct(encoder->message, NFT_CT_MARK);
}

static void print_set_ct_mark(const struct nft_statement *action,
			      struct text *text)
{
	text_append(text, "ct mark set 0x%08x", action->mark);
}

static void put_save_mark(struct nft_encoder *encoder,
			  const struct nft_statement *action)
{
	(void)action;
	nft_load_meta(encoder->message, NFT_META_MARK);
	nft_set_ct(encoder->message, NFT_CT_MARK);
}

static void put_restore_mark(struct nft_encoder *encoder,
			     const struct nft_statement *action)
{
	(void)action;
	nft_load_ct(encoder->message, NFT_CT_MARK);
	nft_set_meta(encoder->message, NFT_META_MARK);
}

static const struct {
	void (*put)(struct nft_encoder *encoder,
		    const struct nft_statement *statement);
	const char *words; /* of a kind that has no members */
	void (*print)(const struct nft_statement *statement, struct text *text);
} kinds[] = {
	[NFT_MATCH_OUT] = {put_device, .print = print_device},
	[NFT_MATCH_IN] = {put_device, .print = print_device},
	[NFT_MATCH_NOT_OUT] = {put_device, .print = print_device},
	[NFT_MATCH_NOT_IN] = {put_device, .print = print_device},
	[NFT_MATCH_FORWARDED] = {put_forwarded, .words = "iif != 0"},
	[NFT_MATCH_MARK] = {put_mark, .print = print_mark},
	[NFT_MATCH_FROM] = {put_network, .print = print_network},
	[NFT_MATCH_TO] = {put_network, .print = print_network},
	[NFT_MATCH_FROM_SET] = {put_set, .print = print_set},
	[NFT_MATCH_TO_SET] = {put_set, .print = print_set},
	[NFT_MATCH_ARP_TARGET] = {put_arp_target, .print = print_arp_target},
	[NFT_MATCH_PROTOCOL] = {put_protocol, .print = print_protocol},
	[NFT_MATCH_PORTS] = {put_ports, .print = print_ports},
	[NFT_MATCH_PORT_IN] = {put_port_in, .print = print_port_range},
	[NFT_MATCH_SPORT_IN] = {put_port_in, .print = print_port_range},
	[NFT_MATCH_PORT_NOT_IN] = {put_port_not_in, .print = print_port_range},
	[NFT_MATCH_SYN] = {put_syn, .print = print_syn},
	[NFT_MATCH_ICMPV6] = {put_icmpv6, .print = print_icmpv6},
	[NFT_MATCH_ONE_HOP6] = {put_one_hop6, .words = "ip6 hoplimit 1"},
	[NFT_MATCH_IGMP] = {put_igmp, .words = "ip ttl 1 ip protocol igmp"},
	[NFT_MATCH_ECHO4] = {put_echo4, .words = "icmp type echo-request"},
	[NFT_MATCH_FRAG_NEEDED] = {put_frag_needed,
				   .words = "icmp type destination-unreachable "
					    "icmp code frag-needed"},
	[NFT_MATCH_ANSWERS] = {put_answers,
			       .words = "ct state established,related"},
	[NFT_MATCH_REPLIES] =
		{put_replies,
		 .words = "ct state established ct direction reply"},
	[NFT_MATCH_TRANSLATED] =
		{put_translated,
		 .words = "ct direction original ct status snat"},
	[NFT_MATCH_CT_MARK] = {put_ct_mark, .print = print_ct_mark},
	[NFT_MATCH_WILDCARD] = {put_wildcard, .words = "socket wildcard 1"},
	[NFT_MATCH_BOUND] = {put_bound, .words = "socket transparent 0"},
	[NFT_MATCH_TO_US] = {put_to_us, .words = "fib daddr type local"},
	[NFT_MATCH_LOCAL] = {put_local, .words = "fib daddr . iif type local"},
	[NFT_MATCH_NO_WAY_BACK] = {put_no_way_back,
				   .words = "fib saddr . iif oif missing"},
	[NFT_ACTION_ACCEPT] = {put_accept, .words = "accept"},
	[NFT_ACTION_DROP] = {put_drop, .words = "drop"},
	[NFT_ACTION_JUMP] = {put_jump, .print = print_jump},
	[NFT_ACTION_MASQUERADE] = {put_masquerade, .print = print_masquerade},
	[NFT_ACTION_TO_PORT] = {put_to_port, .print = print_to_port},
	[NFT_ACTION_CLAMP_MSS] = {put_clamp_mss,
				  .words = "tcp option maxseg size set rt mtu"},
	[NFT_ACTION_SET_CT_MARK] = {put_set_ct_mark,
				    .print = print_set_ct_mark},
	[NFT_ACTION_SAVE_MARK] = {put_save_mark,
				  .words = "ct mark set meta mark"},
	[NFT_ACTION_RESTORE_MARK] = {put_restore_mark,
				     .words = "meta mark set ct mark"},
};

void nft_statement_put(struct nft_encoder *encoder,
		       const struct nft_statement *statement)
{
	kinds[statement->kind].put(encoder, statement);
}

void nft_statement_print(const struct nft_statement *statement,
			 struct text *text)
{
	if (kinds[statement->kind].words)
		text_append(text, "%s", kinds[statement->kind].words);
	else
		kinds[statement->kind].print(statement, text);
}
