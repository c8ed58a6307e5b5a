/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Chains and rules of other people's tables as the kernel reports them
 * (linux/netfilter/nf_tables.h), as far as it takes to see what becomes of
 * packets from and to a tunnel, or to a UDP port of this host. Pure functions
 * over hostile bytes; what is made of it is in forward_check.c.
 */
#ifndef MINIVPN_HOST_NFT_FOREIGN_RULES_H
#define MINIVPN_HOST_NFT_FOREIGN_RULES_H

#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/inet.h"
#include "host/kernel/netlink.h"

struct nft_chain_reading {
	uint8_t family; /* NFPROTO_IPV4, NFPROTO_INET ... */
	char table[NFT_NAME_MAXLEN], name[NFT_NAME_MAXLEN];
	bool forward; /* hooked where packets are forwarded */
	bool input;   /* or where they come in for this host */
	bool drops;   /* its policy */
};

/* The tunnel that a rule may speak of. */
struct nft_view {
	char device[IFNAMSIZ];
	unsigned index;
	struct inet_prefix inner4, inner6; /* family none: none */
	/*
	 * Not 0: the question is about packets to this UDP port that come by
	 * another device. inner4 and inner6 tell only which families it is of.
	 */
	uint16_t port;
};

enum nft_rule_verdict {
	NFT_RULE_NONE, /* counts, logs, or can't be told */
	NFT_RULE_ACCEPT,
	NFT_RULE_DROP, /* or rejects */
	NFT_RULE_JUMP,
	NFT_RULE_GOTO,
	NFT_RULE_RETURN,
};

enum nft_rule_match {
	NFT_RULE_FROM = 1,	 /* what comes from the tunnel */
	NFT_RULE_TO = 2,	 /* what goes into it */
	NFT_RULE_FROM_OTHER = 4, /* what comes from elsewhere */
	NFT_RULE_TO_OTHER = 8,
	NFT_RULE_NEW = 16,	   /* first packets of connections */
	NFT_RULE_ESTABLISHED = 32, /* later ones */
	NFT_RULE_OTHER_STATE = 64,
	NFT_RULE_OTHER = 128, /* anything else: it may match or not */
	NFT_RULE_NEVER = 256, /* no packet to the view's port */
};

struct nft_rule_reading {
	char chain[NFT_NAME_MAXLEN], target[NFT_NAME_MAXLEN];
	enum nft_rule_verdict verdict;
	unsigned match; /* enum nft_rule_match; 0: all packets */
};

/* An NFT_MSG_NEWCHAIN. -EPROTO: not one, or malformed. */
int nft_read_chain(const struct nlmsghdr *message,
		   struct nft_chain_reading *chain);

/* An NFT_MSG_NEWRULE, as it concerns view. -EPROTO. */
int nft_read_rule(const struct nlmsghdr *message, const struct nft_view *view,
		  struct nft_rule_reading *rule);

#endif
