/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One condition of a rule as a value: in the kernel's form and in the words of
 * nft(8), from one place, so that what is printed is what is in force. Only for
 * nft*.c.
 */
#ifndef MINIVPN_HOST_NFT_MATCH_H
#define MINIVPN_HOST_NFT_MATCH_H

#include "common/inet.h"
#include "host/nft/expression.h"

enum nft_match_kind {
	NFT_MATCH_NONE,	       /* behind the last one */
	NFT_MATCH_OUT,	       /* oifname "tun0": name */
	NFT_MATCH_IN,	       /* iifname "tun0": name */
	NFT_MATCH_NOT_OUT,     /* oifname != "tun0": name */
	NFT_MATCH_NOT_IN,      /* iifname != "tun0": name */
	NFT_MATCH_FORWARDED,   /* iif != 0, in postrouting (Linux 5.7) */
	NFT_MATCH_MARK,	       /* meta mark & 0xff == 0x4d */
	NFT_MATCH_FROM,	       /* ip saddr 10.0.0.0/8: network */
	NFT_MATCH_TO,	       /* ip daddr 10.0.0.0/8: network */
	NFT_MATCH_FROM_SET,    /* ip saddr @lan4: name, family */
	NFT_MATCH_TO_SET,      /* ip daddr @lan4: name, family */
	NFT_MATCH_PORTS,       /* udp sport 68 udp dport 67 */
	NFT_MATCH_ICMPV6,      /* icmpv6 type nd-router-solicit */
	NFT_MATCH_ONE_HOP6,    /* ip6 hoplimit 1 */
	NFT_MATCH_IGMP,	       /* ip ttl 1 ip protocol igmp */
	NFT_MATCH_FRAG_NEEDED, /* icmp type ... icmp code frag-needed */
	NFT_MATCH_ANSWERS,     /* ct state established,related */
	NFT_MATCH_REPLIES,     /* ct state established ct direction reply */
	NFT_MATCH_TRANSLATED,  /* ct direction original ct status snat */
};

struct nft_match {
	enum nft_match_kind kind;
	uint16_t family; /* of a set */
	const char *name;
	struct inet_prefix network; /* host bits cleared */
	uint32_t mark, mask;
	uint8_t protocol;  /* IPPROTO_UDP, IPPROTO_TCP */
	uint16_t from, to; /* ports in host order; 0: any, of one of them */
	uint8_t type;	   /* of ICMPv6, one that has a name here */
};

/* The most conditions of one rule, with NFT_MATCH_NONE behind them. */
#define NFT_MATCHES 4

/*
 * Adds expressions to a rule's list. *family: to which the rule is bound so
 * far, at first that of its table, 0 for inet.
 */
void nft_match_put(struct nlmsghdr *message, const struct nft_match *match,
		   uint16_t *family);

/* With a space behind it. Returns what snprintf() would. */
int nft_match_print(const struct nft_match *match, char *text, size_t size);

#endif
