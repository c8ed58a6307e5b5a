/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft/expression.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

struct nft_expression nft_expression_begin(struct nlmsghdr *message,
					   const char *name)
{
	struct nft_expression expression;

	expression.element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
	mnl_attr_put_strz(message, NFTA_EXPR_NAME, name);
	expression.data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
	return expression;
}

void nft_expression_end(struct nlmsghdr *message,
			struct nft_expression expression)
{
	mnl_attr_nest_end(message, expression.data);
	mnl_attr_nest_end(message, expression.element);
}

/* Numbers go in network order, all of them. */
void nft_put_number(struct nlmsghdr *message, uint16_t type, uint32_t number)
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

void nft_load_payload(struct nlmsghdr *message, enum nft_payload_bases base,
		      size_t offset, size_t size)
{
	struct nft_expression payload =
		nft_expression_begin(message, "payload");

	nft_put_number(message, NFTA_PAYLOAD_DREG, NFT_REGISTER);
	nft_put_number(message, NFTA_PAYLOAD_BASE, base);
	nft_put_number(message, NFTA_PAYLOAD_OFFSET, offset);
	nft_put_number(message, NFTA_PAYLOAD_LEN, size);
	nft_expression_end(message, payload);
}

void nft_load_meta(struct nlmsghdr *message, enum nft_meta_keys key)
{
	struct nft_expression meta = nft_expression_begin(message, "meta");

	nft_put_number(message, NFTA_META_DREG, NFT_REGISTER);
	nft_put_number(message, NFTA_META_KEY, key);
	nft_expression_end(message, meta);
}

void nft_load_value_to(struct nlmsghdr *message, enum nft_registers where,
		       const void *value, size_t size)
{
	struct nft_expression immediate =
		nft_expression_begin(message, "immediate");

	nft_put_number(message, NFTA_IMMEDIATE_DREG, where);
	put_value(message, NFTA_IMMEDIATE_DATA, value, size);
	nft_expression_end(message, immediate);
}

void nft_set_meta(struct nlmsghdr *message, enum nft_meta_keys key)
{
	struct nft_expression meta = nft_expression_begin(message, "meta");

	nft_put_number(message, NFTA_META_KEY, key);
	nft_put_number(message, NFTA_META_SREG, NFT_REGISTER);
	nft_expression_end(message, meta);
}

void nft_mask(struct nlmsghdr *message, const void *mask, size_t size)
{
	static const uint8_t zero[16];
	struct nft_expression bitwise =
		nft_expression_begin(message, "bitwise");

	nft_put_number(message, NFTA_BITWISE_SREG, NFT_REGISTER);
	nft_put_number(message, NFTA_BITWISE_DREG, NFT_REGISTER);
	nft_put_number(message, NFTA_BITWISE_LEN, size);
	put_value(message, NFTA_BITWISE_MASK, mask, size);
	put_value(message, NFTA_BITWISE_XOR, zero, size);
	nft_expression_end(message, bitwise);
}

void nft_compare(struct nlmsghdr *message, enum nft_cmp_ops operation,
		 const void *value, size_t size)
{
	struct nft_expression cmp = nft_expression_begin(message, "cmp");

	nft_put_number(message, NFTA_CMP_SREG, NFT_REGISTER);
	nft_put_number(message, NFTA_CMP_OP, operation);
	put_value(message, NFTA_CMP_DATA, value, size);
	nft_expression_end(message, cmp);
}

void nft_outside_range(struct nlmsghdr *message, const void *first,
		       const void *last, size_t size)
{
	struct nft_expression range = nft_expression_begin(message, "range");

	nft_put_number(message, NFTA_RANGE_SREG, NFT_REGISTER);
	nft_put_number(message, NFTA_RANGE_OP, NFT_RANGE_NEQ);
	put_value(message, NFTA_RANGE_FROM_DATA, first, size);
	put_value(message, NFTA_RANGE_TO_DATA, last, size);
	nft_expression_end(message, range);
}

void nft_match_device(struct nlmsghdr *message, enum nft_meta_keys key,
		      enum nft_cmp_ops operation, const char *device)
{
	/*
	 * All bytes after the name are compared: a shorter value is a wildcard.
	 */
	char name[IFNAMSIZ] = "";

	strncpy(name, device, sizeof(name) - 1);
	nft_load_meta(message, key);
	nft_compare(message, operation, name, sizeof(name));
}

static size_t address_offset(uint16_t family, enum nft_side side)
{
	if (family == AF_INET)
		return side == NFT_SOURCE ? offsetof(struct iphdr, saddr)
					  : offsetof(struct iphdr, daddr);
	return side == NFT_SOURCE ? offsetof(struct ip6_hdr, ip6_src)
				  : offsetof(struct ip6_hdr, ip6_dst);
}

void nft_load_address(struct nlmsghdr *message, uint16_t family,
		      enum nft_side side)
{
	nft_load_payload(message, NFT_PAYLOAD_NETWORK_HEADER,
			 address_offset(family, side), inet_size(family));
}

void nft_match_network(struct nlmsghdr *message, enum nft_side side,
		       const struct inet_prefix *network)
{
	uint16_t family = network->address.family;
	size_t whole = network->length / 8, bits = network->length % 8;
	uint8_t mask[16] = {0};

	/* All of a family: there is nothing to compare. */
	if (network->length == 0)
		return;
	/* nft(8) has this form, and reads no other as a prefix. */
	if (bits == 0) {
		nft_load_payload(message, NFT_PAYLOAD_NETWORK_HEADER,
				 address_offset(family, side), whole);
		nft_compare(message, NFT_CMP_EQ, network->address.bytes, whole);
		return;
	}
	memset(mask, 0xff, whole);
	mask[whole] = 0xff << (8 - bits);
	nft_load_address(message, family, side);
	nft_mask(message, mask, inet_size(family));
	nft_compare(message, NFT_CMP_EQ, network->address.bytes,
		    inet_size(family));
}

void nft_lookup(struct nlmsghdr *message, const char *set)
{
	struct nft_expression lookup = nft_expression_begin(message, "lookup");

	mnl_attr_put_strz(message, NFTA_LOOKUP_SET, set);
	nft_put_number(message, NFTA_LOOKUP_SREG, NFT_REGISTER);
	nft_expression_end(message, lookup);
}

void nft_load_ct(struct nlmsghdr *message, enum nft_ct_keys key)
{
	struct nft_expression ct = nft_expression_begin(message, "ct");

	nft_put_number(message, NFTA_CT_DREG, NFT_REGISTER);
	nft_put_number(message, NFTA_CT_KEY, key);
	nft_expression_end(message, ct);
}

void nft_set_ct(struct nlmsghdr *message, enum nft_ct_keys key)
{
	struct nft_expression ct = nft_expression_begin(message, "ct");

	nft_put_number(message, NFTA_CT_KEY, key);
	nft_put_number(message, NFTA_CT_SREG, NFT_REGISTER);
	nft_expression_end(message, ct);
}

void nft_load_fib(struct nlmsghdr *message, uint32_t flags,
		  enum nft_fib_result result)
{
	struct nft_expression fib = nft_expression_begin(message, "fib");

	nft_put_number(message, NFTA_FIB_DREG, NFT_REGISTER);
	nft_put_number(message, NFTA_FIB_RESULT, result);
	nft_put_number(message, NFTA_FIB_FLAGS, flags);
	nft_expression_end(message, fib);
}

void nft_load_socket(struct nlmsghdr *message, enum nft_socket_keys key)
{
	struct nft_expression socket = nft_expression_begin(message, "socket");

	nft_put_number(message, NFTA_SOCKET_KEY, key);
	nft_put_number(message, NFTA_SOCKET_DREG, NFT_REGISTER);
	nft_expression_end(message, socket);
}

/* chain is NULL for a verdict without one. */
static void put_verdict(struct nlmsghdr *message, uint32_t code,
			const char *chain)
{
	struct nft_expression immediate =
		nft_expression_begin(message, "immediate");
	struct nlattr *data = mnl_attr_nest_start(message, NFTA_IMMEDIATE_DATA);
	struct nlattr *verdict =
		mnl_attr_nest_start(message, NFTA_DATA_VERDICT);

	mnl_attr_put_u32(message, NFTA_VERDICT_CODE, htonl(code));
	if (chain)
		mnl_attr_put_strz(message, NFTA_VERDICT_CHAIN, chain);
	mnl_attr_nest_end(message, verdict);
	mnl_attr_nest_end(message, data);
	/* After its data, as nft(8) has it. */
	nft_put_number(message, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	nft_expression_end(message, immediate);
}

void nft_verdict(struct nlmsghdr *message, uint32_t verdict_code)
{
	put_verdict(message, verdict_code, NULL);
}

void nft_jump(struct nlmsghdr *message, const char *chain)
{
	put_verdict(message, (uint32_t)NFT_JUMP, chain);
}
