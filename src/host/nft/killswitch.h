/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kill switch: a table of family inet, marked as ours, that lets nothing
 * leave this host but by lo, by the tun device, and as DTLS to the servers;
 * and what a link needs to work at all:
 *   DHCP (RFC 2131, RFC 8415), neighbour and router discovery (RFC 4861);
 *   reports of who listens to which group, without which a switch that snoops
 *     cuts off even neighbour discovery (MLD: RFC 4890, 4.4.1; IGMP). They and
 *     queries have a hop limit of 1, so that no router passes them on;
 *   the size that fits, for whom this host forwards for (RFC 1191, 8201);
 *   DHCP for the guests of this host, and answers to what they ask its name
 *     server: to private addresses, and only where these have begun.
 * What else leaves stands in the file. What comes in is not filtered. The
 * table outlives the process that has made it.
 */
#ifndef MINIVPN_HOST_NFT_KILLSWITCH_H
#define MINIVPN_HOST_NFT_KILLSWITCH_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/inet.h"
#include "host/nft/nft.h"

/* Every address of every Server line. */
#define NFT_KILLSWITCH_SERVERS 32
/* `check` lets as many pass, once they are merged (inet_prefixes_merge()). */
#define NFT_KILLSWITCH_EXCLUDE	64
#define NFT_KILLSWITCH_NETWORKS 32

/* Enough for any text of one. */
#define NFT_KILLSWITCH_TEXT 11840

struct nft_killswitch {
	char table[NFT_TABLE_NAME_SIZE]; /* "minivpn-NAME" */
	char device[IFNAMSIZ];		 /* the tun */
	/* What is sent to the servers bears mark in mask's bits; mask 0: any.
	 */
	uint32_t mark, mask;
	/* So may bear it what asks name servers where they are: DNS by UDP. */
	bool names;
	unsigned count;
	struct inet_endpoint servers[NFT_KILLSWITCH_SERVERS];
	/* The last port of each, of which the first is there; 0: it alone. */
	uint16_t last_ports[NFT_KILLSWITCH_SERVERS];
	/* What leaves all the same, and its answers to whom we forward for. */
	unsigned exclude_count;
	struct inet_prefix exclude[NFT_KILLSWITCH_EXCLUDE];
	/*
	 * Among these networks anything goes, for this host and those whom it
	 * forwards for; and what never leaves a link, where it has one of them.
	 */
	bool lan;
	unsigned network_count;
	struct inet_prefix networks[NFT_KILLSWITCH_NETWORKS];
	/*
	 * It is as older programs have made it, and left in a journal: it lets
	 * out DHCP and neighbour discovery beside the servers, and nothing of
	 * the above.
	 */
	bool bare;
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

/*
 * -EINVAL where a value has no form in nft(8)'s language, or a list of
 * networks is not as inet_prefixes_merge() leaves it.
 */
int nft_killswitch_check(const struct nft_killswitch *killswitch);

/*
 * Does what is sent to that address get out, be it by another device than the
 * tun, and not from the tunnel itself?
 */
bool nft_killswitch_lets_out(const struct nft_killswitch *killswitch,
			     const struct inet_address *to);

/* One line that `nft` takes, and back; as nft_gateway_print(). */
int nft_killswitch_print(const struct nft_killswitch *killswitch, char *text,
			 size_t size);
int nft_killswitch_parse(const char *text, struct nft_killswitch *killswitch);

#endif
