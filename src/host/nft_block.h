/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table of family inet that drops what the tunnel's routes would take, where
 * it is about to leave this host by another device: for as long as those
 * routes are not there, or somebody removes them again and again. It is owned
 * by nft's socket, so that nobody else can remove it, and it goes with the
 * process: unlike the kill switch it is never left behind, and in no journal.
 */
#ifndef MINIVPN_HOST_NFT_BLOCK_H
#define MINIVPN_HOST_NFT_BLOCK_H

#include "host/nft.h"

/* As many as a batch holds rules for, in two chains. */
#define NFT_BLOCK_PREFIXES 56

struct nft_block_prefix {
	struct inet_prefix prefix; /* host bits cleared */
	bool drop;		   /* else it may leave */
};

struct nft_block {
	char table[NFT_TABLE_NAME_SIZE];
	char device[IFNAMSIZ]; /* the tun */
	uint32_t mark;	       /* of packets that may leave; 0: none */
	/* The first that holds a destination decides; none: it may leave. */
	struct nft_block_prefix prefixes[NFT_BLOCK_PREFIXES];
	unsigned count;
};

/*
 * Makes the table, or puts this one in the place of an earlier one without a
 * gap. -EOPNOTSUPP, -EINVAL where the kernel can't own tables (before Linux
 * 5.12); -EEXIST where one of that name is somebody else's.
 */
int nft_block_set(struct nft *nft, const struct nft_block *block);

/* -ENOENT where there is none. */
int nft_block_del(struct nft *nft, const struct nft_block *block);

#endif
