/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kill switch: a table of family inet, marked as ours, that lets nothing
 * leave this host but by lo, by the tun device, and as DTLS to the servers;
 * and what a link needs to work at all, DHCP (RFC 2131, RFC 8415) and neighbour
 * discovery (RFC 4861). It outlives the process that has made it.
 */
#ifndef MINIVPN_HOST_NFT_KILLSWITCH_H
#define MINIVPN_HOST_NFT_KILLSWITCH_H

#include "host/nft.h"

/* Every address of every Server line. */
#define NFT_KILLSWITCH_SERVERS 32

struct nft_killswitch {
	char table[NFT_TABLE_NAME_SIZE]; /* "minivpn-NAME" */
	char device[IFNAMSIZ];		 /* the tun */
	unsigned count;
	struct inet_endpoint servers[NFT_KILLSWITCH_SERVERS];
};

/*
 * Makes the table in one transaction: owned by nft's socket while that is open,
 * so that `nft flush ruleset` leaves it (NFT_TABLE_F_OWNER, and _PERSIST, since
 * Linux 6.9; a plain table before). Takes the place of one that an earlier run
 * has left, without a gap. -EEXIST where a table of that name belongs to
 * somebody else, -EINVAL for what can't be printed.
 */
int nft_killswitch_add(struct nft *nft,
		       const struct nft_killswitch *killswitch);

/* As nft_gateway_del(). */
int nft_killswitch_del(struct nft *nft,
		       const struct nft_killswitch *killswitch);

/* As nft_gateway_has(). */
int nft_killswitch_has(struct nft *nft,
		       const struct nft_killswitch *killswitch);

/* -EINVAL where a value can't be said in nft(8)'s language. */
int nft_killswitch_check(const struct nft_killswitch *killswitch);

/* One line that `nft` takes, and back; as nft_gateway_print(). */
int nft_killswitch_print(const struct nft_killswitch *killswitch, char *text,
			 size_t size);
int nft_killswitch_parse(const char *text, struct nft_killswitch *killswitch);

#endif
