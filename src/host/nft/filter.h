/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What comes in beside the tunnel: a table of family ip or ip6, marked as ours,
 * that drops
 *
 * - what is for the tun's own address and comes by another device, so that
 *   nobody beside the tunnel speaks to whoever listens or is connected there
 *   (CVE-2019-14899). It does so before connection tracking, whose translation
 *   of answers would hide for whom a packet was;
 *
 * and at a server
 *
 * - what comes by another device with an address of the tunnel's network;
 * - what goes to the cloud's services for the machine itself, which would tell
 *   a client the machine's secrets, but for those that the file names;
 * - what would open a connection to a client from outside;
 * - what links of this host would send to each other only because it forwards
 *   for the tunnel, as far as they are there already: one that somebody makes
 *   later for guests (a bridge) has its own rules;
 * - what would leave from a port that the server listens on and is not its own:
 *   the answer would be taken for that connection's (CVE-2021-3773).
 *
 * With arp it is a table of family arp, by which nobody beside the tunnel is
 * told that this host has the tun's address.
 */
#ifndef MINIVPN_HOST_NFT_FILTER_H
#define MINIVPN_HOST_NFT_FILTER_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/inet.h"
#include "host/nft/nft.h"

#define NFT_FILTER_PORTS   8
#define NFT_FILTER_RANGES  8
#define NFT_FILTER_ALLOWED 8
#define NFT_FILTER_LINKS   48

struct nft_filter_link {
	char name[IFNAMSIZ];
	bool forwards; /* what comes in by it has always been passed on */
};

struct nft_filter {
	char table[NFT_TABLE_NAME_SIZE]; /* "minivpn.filter-NAME" */
	char device[IFNAMSIZ];		 /* the tun */
	/*
	 * The tun's own address, with the family of the table; its length is
	 * that of the tunnel's network at a server, else all bits.
	 */
	struct inet_prefix inner;
	bool arp;
	/* What is below is empty but for a server's that is not arp. */
	bool server;
	unsigned port_count, range_count, allowed_count, link_count;
	uint16_t ports[NFT_FILTER_PORTS]; /* UDP, host order */
	/* Further ones that lead to these. */
	struct inet_ports ranges[NFT_FILTER_RANGES];
	/* Services of the cloud that clients may reach. */
	struct inet_prefix allowed[NFT_FILTER_ALLOWED];
	/* No link but the tun forwards, be there more than fit. */
	bool closed;
	struct nft_filter_link links[NFT_FILTER_LINKS];
};

/*
 * As nft_gateway_add(), but it takes the place of one that is ours already,
 * without a gap.
 */
int nft_filter_add(struct nft *nft, const struct nft_filter *filter);

/* As nft_gateway_del(), nft_gateway_has(). */
int nft_filter_del(struct nft *nft, const struct nft_filter *filter);
int nft_filter_has(struct nft *nft, const struct nft_filter *filter);

/* Is network a part of the cloud's services? */
bool nft_filter_is_cloud(const struct inet_prefix *network);

/* -EINVAL where a value has no form in nft(8)'s language. */
int nft_filter_check(const struct nft_filter *filter);

/* One line that `nft` takes, and back; as nft_gateway_print(). */
int nft_filter_print(const struct nft_filter *filter, char *text, size_t size);
int nft_filter_parse(const char *text, struct nft_filter *filter);

#endif
