/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expressions of nf_tables, of which the kernel's rules consist: each loads a
 * register, compares it, or decides what is done. They are those that nft(8)
 * compiles from the same words (see `nft --debug=netlink`). Sends nothing.
 */
#ifndef MINIVPN_HOST_NFT_EXPRESSION_H
#define MINIVPN_HOST_NFT_EXPRESSION_H

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <stddef.h>
#include <stdint.h>

#include "common/inet.h"

/* 16 bytes, reloaded by each expression; another is seldom needed. */
#define NFT_REGISTER NFT_REG_1

struct nft_expression {
	struct nlattr *element, *data;
};

struct nft_expression nft_expression_begin(struct nlmsghdr *message,
					   const char *name);
void nft_expression_end(struct nlmsghdr *message,
			struct nft_expression expression);

/* An attribute in network order. */
void nft_put_number(struct nlmsghdr *message, uint16_t type, uint32_t number);

/* Those that load put it into NFT_REGISTER. */
void nft_load_payload(struct nlmsghdr *message, enum nft_payload_bases base,
		      size_t offset, size_t size);
void nft_load_meta(struct nlmsghdr *message, enum nft_meta_keys key);
void nft_load_ct(struct nlmsghdr *message, enum nft_ct_keys key);
/* flags: NFTA_FIB_F_... */
void nft_load_fib(struct nlmsghdr *message, uint32_t flags,
		  enum nft_fib_result result);
/* It loads a property of the local socket that gets the packet. */
void nft_load_socket(struct nlmsghdr *message, enum nft_socket_keys key);
void nft_load_value_to(struct nlmsghdr *message, enum nft_registers where,
		       const void *value, size_t size);

/* The packet, or its connection, gets what is in NFT_REGISTER. */
void nft_set_meta(struct nlmsghdr *message, enum nft_meta_keys key);
void nft_set_ct(struct nlmsghdr *message, enum nft_ct_keys key);

void nft_mask(struct nlmsghdr *message, const void *mask, size_t size);
void nft_compare(struct nlmsghdr *message, enum nft_cmp_ops operation,
		 const void *value, size_t size);
/* True below first and above last. */
void nft_outside_range(struct nlmsghdr *message, const void *first,
		       const void *last, size_t size);

/* key: NFT_META_IIFNAME, NFT_META_OIFNAME. */
void nft_match_device(struct nlmsghdr *message, enum nft_meta_keys key,
		      enum nft_cmp_ops operation, const char *device);

enum nft_side { NFT_SOURCE, NFT_DESTINATION };

/* The address in an IP packet of this family, whole. */
void nft_load_address(struct nlmsghdr *message, uint16_t family,
		      enum nft_side side);

/* Host bits cleared, not all addresses; the packet is of that family. */
void nft_match_network(struct nlmsghdr *message, enum nft_side side,
		       const struct inet_prefix *network);

/* What is loaded is in a set of the same table, or the batch makes it so. */
void nft_lookup(struct nlmsghdr *message, const char *set);

/* NF_ACCEPT or NF_DROP. */
void nft_verdict(struct nlmsghdr *message, uint32_t verdict_code);
/* chain: one of the same table, added before. */
void nft_jump(struct nlmsghdr *message, const char *chain);

#endif
