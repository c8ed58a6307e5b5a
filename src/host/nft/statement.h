/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One statement of a rule as a value: a match, or what is done with a packet
 * on which all matches before it agree. From here it is put into the kernel's
 * form and into the words of nft(8), so that the two can't differ.
 */
#ifndef MINIVPN_HOST_NFT_STATEMENT_H
#define MINIVPN_HOST_NFT_STATEMENT_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/inet.h"
#include "common/text.h"

/* Behind each kind: the words of nft(8), and the members that it has. */
enum nft_statement_kind {
	NFT_END,		/* the end of a rule */
	NFT_MATCH_OUT,		/* oifname "tun0": name */
	NFT_MATCH_IN,		/* iifname "tun0": name */
	NFT_MATCH_NOT_OUT,	/* oifname != "tun0": name */
	NFT_MATCH_NOT_IN,	/* iifname != "tun0": name */
	NFT_MATCH_FORWARDED,	/* iif != 0, in postrouting (Linux 5.7) */
	NFT_MATCH_MARK,		/* meta mark & 0xff == 0x4d: mark, mask */
	NFT_MATCH_FROM,		/* ip saddr 10.0.0.0/8: network, length */
	NFT_MATCH_TO,		/* ip daddr 10.0.0.0/8: network, length */
	NFT_MATCH_FROM_SET,	/* ip saddr @lan4: name, family */
	NFT_MATCH_TO_SET,	/* ip daddr @lan4: name, family */
	NFT_MATCH_ARP_TARGET,	/* arp daddr ip 10.8.0.1: network */
	NFT_MATCH_PROTOCOL,	/* meta l4proto tcp: protocol */
	NFT_MATCH_PORTS,	/* udp sport 68 udp dport 67: protocol, ports */
	NFT_MATCH_PORT_IN,	/* udp dport 1-2: protocol, first, last */
	NFT_MATCH_SPORT_IN,	/* udp sport 1-2: protocol, first, last */
	NFT_MATCH_PORT_NOT_IN,	/* udp dport != 1-2: protocol, first, last */
	NFT_MATCH_SYN,		/* tcp flags & (syn|rst) == syn: flags */
	NFT_MATCH_ICMPV6,	/* icmpv6 type nd-router-solicit: type */
	NFT_MATCH_ONE_HOP6,	/* ip6 hoplimit 1 */
	NFT_MATCH_IGMP,		/* ip ttl 1 ip protocol igmp */
	NFT_MATCH_ECHO4,	/* icmp type echo-request */
	NFT_MATCH_FRAG_NEEDED,	/* icmp type ... icmp code frag-needed */
	NFT_MATCH_ANSWERS,	/* ct state established,related */
	NFT_MATCH_REPLIES,	/* ct state established ct direction reply */
	NFT_MATCH_TRANSLATED,	/* ct direction original ct status snat */
	NFT_MATCH_CT_MARK,	/* ct mark 0x4d: mark */
	NFT_MATCH_WILDCARD,	/* socket wildcard 1: bound to no address */
	NFT_MATCH_BOUND,	/* socket transparent 0: somebody's port */
	NFT_MATCH_TO_US,	/* fib daddr type local */
	NFT_MATCH_LOCAL,	/* fib daddr . iif type local */
	NFT_MATCH_NO_WAY_BACK,	/* fib saddr . iif oif missing */
	NFT_ACTION_ACCEPT,	/* accept */
	NFT_ACTION_DROP,	/* drop */
	NFT_ACTION_JUMP,	/* jump links: name */
	NFT_ACTION_MASQUERADE,	/* masquerade to :1-2: first, last, or 0 */
	NFT_ACTION_TO_PORT,	/* dnat to :1: first */
	NFT_ACTION_CLAMP_MSS,	/* tcp option maxseg size set rt mtu */
	NFT_ACTION_SET_CT_MARK, /* ct mark set 0x4d: mark */
	NFT_ACTION_SAVE_MARK,	/* ct mark set meta mark */
	NFT_ACTION_RESTORE_MARK /* meta mark set ct mark */
};

struct nft_statement {
	enum nft_statement_kind kind;
	uint16_t family;	    /* of a set */
	const char *name;	    /* outlives the statement */
	struct inet_prefix network; /* host bits cleared */
	bool length;		    /* is printed for a single host too */
	uint32_t mark, mask;
	uint8_t protocol;      /* IPPROTO_UDP, IPPROTO_TCP */
	uint8_t type;	       /* of ICMPv6, one that has a name here */
	uint8_t flags;	       /* of TCP, those that are compared */
	uint16_t sport, dport; /* host order; 0: any, of one of them */
	uint16_t first, last;  /* ports, host order */
};

/* The message of a rule, to whose open list of expressions is added. */
struct nft_encoder {
	struct nlmsghdr *message;
	/* That of the table; once a match has bound the rule to one, that. */
	uint8_t family; /* NFPROTO_... */
};

void nft_statement_put(struct nft_encoder *encoder,
		       const struct nft_statement *statement);

void nft_statement_print(const struct nft_statement *statement,
			 struct text *text);

#endif
