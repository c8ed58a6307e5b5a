/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table of family inet that drops what a tunnel's routes take, where it is
 * about to leave this host by another device: because somebody has removed
 * them, or a rule, or sends it elsewhere. What the routes let pass it lets pass
 * as well. It is owned by nft's socket, so that nobody else can remove it, and
 * goes with the process: unlike the kill switch it is never left behind, and in
 * no journal.
 */
#ifndef MINIVPN_HOST_NFT_BLOCK_H
#define MINIVPN_HOST_NFT_BLOCK_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/inet.h"
#include "host/nft/nft.h"

/* There are rules for so many, beside those that are always there. */
#define NFT_BLOCK_PREFIXES 104
#define NFT_BLOCK_DEVICES  8
#define NFT_BLOCK_MARKS	   3

/* Enough for any text of one, beside what each of its networks takes. */
#define NFT_BLOCK_TEXT	       8192
#define NFT_BLOCK_NETWORK_TEXT (INET_PREFIX_TEXT + 2)

struct nft_block_prefix {
	struct inet_prefix prefix; /* host bits cleared */
	bool drop;		   /* else it may leave */
};

struct nft_block {
	char table[NFT_TABLE_NAME_SIZE];
	/* Anything may leave by these: the tun, and those of other tunnels. */
	char devices[NFT_BLOCK_DEVICES][IFNAMSIZ];
	unsigned device_count;
	/*
	 * Packets with one of these may leave. The first is the tunnel's; the
	 * others are of VPNs below it, whose connections get them as well.
	 */
	struct {
		uint32_t mark, mask;
	} marks[NFT_BLOCK_MARKS];
	unsigned mark_count;
	/* The first that holds a destination decides; none: it may leave. */
	struct nft_block_prefix prefixes[NFT_BLOCK_PREFIXES];
	unsigned count;
	/*
	 * Behind all of these, for which there was no room: may not leave. IPv4
	 * first, sorted, none within another; malloc'd, or NULL.
	 */
	struct inet_prefix *networks;
	size_t network_count;
};

/* Both have the same rules. */
bool nft_block_equal(const struct nft_block *a, const struct nft_block *b);

/*
 * Makes the table, or puts this one in the place of an earlier one without a
 * gap. -EOPNOTSUPP, -EINVAL where the kernel can't own tables (before Linux
 * 5.12); -EEXIST where one of that name is somebody else's.
 */
int nft_block_set(struct nft *nft, const struct nft_block *block);

/* -ENOENT where there is none. */
int nft_block_del(struct nft *nft, const struct nft_block *block);

/* One line that `nft` takes. -EINVAL, -ENOSPC. */
int nft_block_print(const struct nft_block *block, char *text, size_t size);

#endif
