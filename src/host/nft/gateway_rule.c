/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/gateway_rule.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_nat.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>

#include "host/nft/expression.h"
#include "host/nft/nft_internal.h"

/* The TCP header's byte with SYN and RST in it (RFC 9293, section 3.1). */
#define TCP_FLAGS_OFFSET 13
/* In the MSS option: kind, length, value (RFC 9293, section 3.2). */
#define MSS_VALUE_OFFSET 2
#define MSS_VALUE_SIZE	 2

static void match_uplink(struct nlmsghdr *message,
			 const struct nft_gateway *gateway)
{
	if (gateway->uplink[0])
		nft_match_device(message, NFT_META_OIFNAME, NFT_CMP_EQ,
				 gateway->uplink);
	else
		nft_match_device(message, NFT_META_OIFNAME, NFT_CMP_NEQ,
				 gateway->device);
}

void nft_rule_from_inner(struct nlmsghdr *message,
			 const struct nft_gateway *gateway)
{
	struct nlattr *list =
		mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);

	nft_match_network(message, NFT_SOURCE, &gateway->inner);
	match_uplink(message, gateway);
	nft_jump(message, NFT_TRANSLATE);
	mnl_attr_nest_end(message, list);
}

void nft_rule_from_device(struct nlmsghdr *message,
			  const struct nft_gateway *gateway)
{
	struct nlattr *list =
		mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);

	nft_match_device(message, NFT_META_IIFNAME, NFT_CMP_EQ,
			 gateway->device);
	match_uplink(message, gateway);
	nft_jump(message, NFT_TRANSLATE);
	mnl_attr_nest_end(message, list);
}

static void match_protocol(struct nlmsghdr *message, uint8_t protocol)
{
	nft_load_meta(message, NFT_META_L4PROTO);
	nft_compare(message, NFT_CMP_EQ, &protocol, sizeof(protocol));
}

static void masquerade_ports(struct nlmsghdr *message, uint8_t protocol,
			     const struct nft_gateway *gateway)
{
	const uint16_t first = htons(gateway->ports[0]),
		       last = htons(gateway->ports[1]);
	struct nlattr *list =
		mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);
	struct nft_expression masq;

	match_protocol(message, protocol);
	nft_load_value_to(message, NFT_REG_1, &first, sizeof(first));
	nft_load_value_to(message, NFT_REG_2, &last, sizeof(last));
	masq = nft_expression_begin(message, "masq");
	nft_put_number(message, NFTA_MASQ_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
	nft_put_number(message, NFTA_MASQ_REG_PROTO_MIN, NFT_REG_1);
	nft_put_number(message, NFTA_MASQ_REG_PROTO_MAX, NFT_REG_2);
	nft_expression_end(message, masq);
	mnl_attr_nest_end(message, list);
}

void nft_rule_masquerade_tcp(struct nlmsghdr *message,
			     const struct nft_gateway *gateway)
{
	masquerade_ports(message, IPPROTO_TCP, gateway);
}

void nft_rule_masquerade_udp(struct nlmsghdr *message,
			     const struct nft_gateway *gateway)
{
	masquerade_ports(message, IPPROTO_UDP, gateway);
}

void nft_rule_masquerade(struct nlmsghdr *message,
			 const struct nft_gateway *gateway)
{
	struct nlattr *list =
		mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);

	(void)gateway;
	nft_expression_end(message, nft_expression_begin(message, "masq"));
	mnl_attr_nest_end(message, list);
}

static void match_syn(struct nlmsghdr *message)
{
	static const uint8_t mask = TH_SYN | TH_RST, syn = TH_SYN;

	match_protocol(message, IPPROTO_TCP);
	nft_load_payload(message, NFT_PAYLOAD_TRANSPORT_HEADER,
			 TCP_FLAGS_OFFSET, sizeof(mask));
	nft_mask(message, &mask, sizeof(mask));
	nft_compare(message, NFT_CMP_EQ, &syn, sizeof(syn));
}

/* The kernel writes the option only where that makes it smaller. */
static void set_mss(struct nlmsghdr *message)
{
	struct nft_expression expression = nft_expression_begin(message, "rt");

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

static void clamp(struct nlmsghdr *message, enum nft_meta_keys direction,
		  const struct nft_gateway *gateway)
{
	struct nlattr *list =
		mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);

	nft_match_device(message, direction, NFT_CMP_EQ, gateway->device);
	match_syn(message);
	set_mss(message);
	mnl_attr_nest_end(message, list);
}

void nft_rule_clamp_out(struct nlmsghdr *message,
			const struct nft_gateway *gateway)
{
	clamp(message, NFT_META_OIFNAME, gateway);
}

void nft_rule_clamp_in(struct nlmsghdr *message,
		       const struct nft_gateway *gateway)
{
	clamp(message, NFT_META_IIFNAME, gateway);
}
