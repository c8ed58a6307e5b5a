/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is in the table of a kill switch, one after the other, for the kernel
 * (nft_killswitch.c) and for people (nft_killswitch_print.c).
 */
#ifndef MINIVPN_HOST_NFT_KILLSWITCH_RULES_H
#define MINIVPN_HOST_NFT_KILLSWITCH_RULES_H

#include "host/nft/killswitch.h"
#include "host/nft/match.h"

/*
 * What this host sends is judged where its device is known for good: whoever
 * marks or translates it in the output hook sends it another way than the one
 * that all filters there are shown.
 */
enum nft_killswitch_chain {
	NFT_KILLSWITCH_OUTPUT,	    /* a bare one's, instead of the next */
	NFT_KILLSWITCH_POSTROUTING, /* of what this host sends itself */
	NFT_KILLSWITCH_FORWARD,
};

/* Named sets of networks, each of one family. */
enum nft_killswitch_which {
	NFT_KILLSWITCH_PRIVATE4,
	NFT_KILLSWITCH_PRIVATE6,
	NFT_KILLSWITCH_EXCLUDE4,
	NFT_KILLSWITCH_EXCLUDE6,
	NFT_KILLSWITCH_LAN4,
	NFT_KILLSWITCH_LAN6,
	NFT_KILLSWITCH_SETS
};

struct nft_killswitch_set {
	const char *name; /* "exclude4" */
	uint16_t family;
	const struct inet_prefix *networks; /* of the kill switch, or static */
	unsigned count;			    /* 0: there is no such set */
};

struct nft_killswitch_set
nft_killswitch_set(const struct nft_killswitch *killswitch,
		   enum nft_killswitch_which which);

/*
 * The rules of a chain in their order: each accepts what all of its matches
 * agree on, up to NFT_MATCH_NONE. What comes to their end is dropped.
 */
typedef void (*nft_killswitch_visit)(void *data,
				     const struct nft_match *matches);
void nft_killswitch_rules(const struct nft_killswitch *killswitch,
			  enum nft_killswitch_chain chain,
			  nft_killswitch_visit visit, void *data);

#endif
