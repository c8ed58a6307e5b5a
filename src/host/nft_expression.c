/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nft_expression.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
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

void nft_match_device(struct nlmsghdr *message, enum nft_meta_keys key,
		      enum nft_cmp_ops operation, const char *device)
{
	/* With all bytes after the name: a shorter one is a wildcard. */
	char name[IFNAMSIZ] = "";

	strncpy(name, device, sizeof(name) - 1);
	nft_load_meta(message, key);
	nft_compare(message, operation, name, sizeof(name));
}

void nft_verdict(struct nlmsghdr *message, uint32_t verdict_code)
{
	struct nft_expression immediate =
		nft_expression_begin(message, "immediate");
	struct nlattr *data = mnl_attr_nest_start(message, NFTA_IMMEDIATE_DATA);
	struct nlattr *verdict =
		mnl_attr_nest_start(message, NFTA_DATA_VERDICT);

	mnl_attr_put_u32(message, NFTA_VERDICT_CODE, htonl(verdict_code));
	mnl_attr_nest_end(message, verdict);
	mnl_attr_nest_end(message, data);
	/* After its data, as nft(8) has it. */
	nft_put_number(message, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	nft_expression_end(message, immediate);
}
