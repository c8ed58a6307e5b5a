/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft_rule.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>

/* The only register that is needed: 16 bytes, reloaded by each expression. */
#define REGISTER NFT_REG_1

/* The TCP header's byte with SYN and RST in it (RFC 9293, section 3.1). */
#define TCP_FLAGS_OFFSET 13
/* In the MSS option: kind, length, value (RFC 9293, section 3.2). */
#define MSS_VALUE_OFFSET 2
#define MSS_VALUE_SIZE	 2

struct expression {
	struct nlattr *element, *data;
};

static struct expression begin(struct nlmsghdr *message, const char *name)
{
	struct expression expression;

	expression.element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
	mnl_attr_put_strz(message, NFTA_EXPR_NAME, name);
	expression.data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
	return expression;
}

static void end(struct nlmsghdr *message, struct expression expression)
{
	mnl_attr_nest_end(message, expression.data);
	mnl_attr_nest_end(message, expression.element);
}

/* Numbers go in network order, all of them. */
static void put_number(struct nlmsghdr *message, uint16_t type, uint32_t number)
{
	mnl_attr_put_u32(message, type, htonl(number));
}

static void put_value(struct nlmsghdr *message, uint16_t type,
		      const void *value, size_t size)
{
	struct nlattr *nest = mnl_attr_nest_start(message, type);

	mnl_attr_put(message, NFTA_DATA_VALUE, size, value);
	mnl_attr_nest_end(message, nest);
}

static void load_payload(struct nlmsghdr *message, enum nft_payload_bases base,
			 size_t offset, size_t size)
{
	struct expression payload = begin(message, "payload");

	put_number(message, NFTA_PAYLOAD_DREG, REGISTER);
	put_number(message, NFTA_PAYLOAD_BASE, base);
	put_number(message, NFTA_PAYLOAD_OFFSET, offset);
	put_number(message, NFTA_PAYLOAD_LEN, size);
	end(message, payload);
}

static void load_meta(struct nlmsghdr *message, enum nft_meta_keys key)
{
	struct expression meta = begin(message, "meta");

	put_number(message, NFTA_META_DREG, REGISTER);
	put_number(message, NFTA_META_KEY, key);
	end(message, meta);
}

static void mask_register(struct nlmsghdr *message, const void *mask,
			  size_t size)
{
	static const uint8_t zero[16];
	struct expression bitwise = begin(message, "bitwise");

	put_number(message, NFTA_BITWISE_SREG, REGISTER);
	put_number(message, NFTA_BITWISE_DREG, REGISTER);
	put_number(message, NFTA_BITWISE_LEN, size);
	put_value(message, NFTA_BITWISE_MASK, mask, size);
	put_value(message, NFTA_BITWISE_XOR, zero, size);
	end(message, bitwise);
}

static void compare(struct nlmsghdr *message, enum nft_cmp_ops operation,
		    const void *value, size_t size)
{
	struct expression cmp = begin(message, "cmp");

	put_number(message, NFTA_CMP_SREG, REGISTER);
	put_number(message, NFTA_CMP_OP, operation);
	put_value(message, NFTA_CMP_DATA, value, size);
	end(message, cmp);
}

static void match_device(struct nlmsghdr *message, enum nft_meta_keys key,
			 enum nft_cmp_ops operation, const char *device)
{
	/* With all bytes after the name: a shorter one is a wildcard. */
	char name[IFNAMSIZ] = "";

	strncpy(name, device, sizeof(name) - 1);
	load_meta(message, key);
	compare(message, operation, name, sizeof(name));
}

static void match_source(struct nlmsghdr *message,
			 const struct inet_prefix *prefix)
{
	bool v4 = prefix->address.family == AF_INET;
	size_t offset = v4 ? offsetof(struct iphdr, saddr)
			   : offsetof(struct ip6_hdr, ip6_src);
	size_t size = inet_size(prefix->address.family);
	size_t whole = prefix->length / 8, bits = prefix->length % 8;
	uint8_t mask[16] = {0};

	/* nft(8) says it so, and takes only this form for a prefix. */
	if (bits == 0) {
		load_payload(message, NFT_PAYLOAD_NETWORK_HEADER, offset,
			     whole);
		compare(message, NFT_CMP_EQ, prefix->address.bytes, whole);
		return;
	}
	memset(mask, 0xff, whole);
	mask[whole] = 0xff << (8 - bits);
	load_payload(message, NFT_PAYLOAD_NETWORK_HEADER, offset, size);
	mask_register(message, mask, size);
	compare(message, NFT_CMP_EQ, prefix->address.bytes, size);
}

void nft_rule_masquerade(struct nlmsghdr *message,
			 const struct nft_gateway *gateway)
{
	struct nlattr *list =
		mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);

	match_source(message, &gateway->inner);
	if (gateway->uplink[0])
		match_device(message, NFT_META_OIFNAME, NFT_CMP_EQ,
			     gateway->uplink);
	else
		match_device(message, NFT_META_OIFNAME, NFT_CMP_NEQ,
			     gateway->device);
	end(message, begin(message, "masq"));
	mnl_attr_nest_end(message, list);
}

static void match_syn(struct nlmsghdr *message)
{
	static const uint8_t tcp = IPPROTO_TCP, mask = TH_SYN | TH_RST,
			     syn = TH_SYN;

	load_meta(message, NFT_META_L4PROTO);
	compare(message, NFT_CMP_EQ, &tcp, sizeof(tcp));
	load_payload(message, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS_OFFSET,
		     sizeof(mask));
	mask_register(message, &mask, sizeof(mask));
	compare(message, NFT_CMP_EQ, &syn, sizeof(syn));
}

/* The kernel writes the option only where that makes it smaller. */
static void set_mss(struct nlmsghdr *message)
{
	struct expression expression = begin(message, "rt");

	put_number(message, NFTA_RT_DREG, REGISTER);
	put_number(message, NFTA_RT_KEY, NFT_RT_TCPMSS);
	end(message, expression);

	expression = begin(message, "byteorder");
	put_number(message, NFTA_BYTEORDER_SREG, REGISTER);
	put_number(message, NFTA_BYTEORDER_DREG, REGISTER);
	put_number(message, NFTA_BYTEORDER_OP, NFT_BYTEORDER_HTON);
	put_number(message, NFTA_BYTEORDER_LEN, MSS_VALUE_SIZE);
	put_number(message, NFTA_BYTEORDER_SIZE, MSS_VALUE_SIZE);
	end(message, expression);

	expression = begin(message, "exthdr");
	put_number(message, NFTA_EXTHDR_SREG, REGISTER);
	mnl_attr_put_u8(message, NFTA_EXTHDR_TYPE, TCPOPT_MAXSEG);
	put_number(message, NFTA_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
	put_number(message, NFTA_EXTHDR_OFFSET, MSS_VALUE_OFFSET);
	put_number(message, NFTA_EXTHDR_LEN, MSS_VALUE_SIZE);
	end(message, expression);
}

static void clamp(struct nlmsghdr *message, enum nft_meta_keys direction,
		  const struct nft_gateway *gateway)
{
	struct nlattr *list =
		mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);

	match_device(message, direction, NFT_CMP_EQ, gateway->device);
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
