/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules of struct nft_gateway as expressions of nf_tables, the same that
 * nft(8) compiles from the text in nft_print.c (see `nft --debug=netlink`).
 * Sends nothing.
 */
#ifndef MINIVPN_HOST_NFT_GATEWAY_RULE_H
#define MINIVPN_HOST_NFT_GATEWAY_RULE_H

#include <libmnl/libmnl.h>

#include "host/nft/gateway.h"

/* Each adds NFTA_RULE_EXPRESSIONS to an NFT_MSG_NEWRULE message. */
void nft_rule_from_inner(struct nlmsghdr *message,
			 const struct nft_gateway *gateway);
void nft_rule_from_device(struct nlmsghdr *message,
			  const struct nft_gateway *gateway);
void nft_rule_masquerade_tcp(struct nlmsghdr *message,
			     const struct nft_gateway *gateway);
void nft_rule_masquerade_udp(struct nlmsghdr *message,
			     const struct nft_gateway *gateway);
void nft_rule_masquerade(struct nlmsghdr *message,
			 const struct nft_gateway *gateway);
void nft_rule_clamp_out(struct nlmsghdr *message,
			const struct nft_gateway *gateway);
void nft_rule_clamp_in(struct nlmsghdr *message,
		       const struct nft_gateway *gateway);

#endif
