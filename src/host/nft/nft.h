/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nf_tables by nfnetlink (linux/netfilter/nf_tables.h): the socket through
 * which tables of ours are made and removed. What is in the tables is described
 * in gateway.h, killswitch.h, marks.h, block.h and filter.h. Rules of others
 * are never touched.
 */
#ifndef MINIVPN_HOST_NFT_NFT_H
#define MINIVPN_HOST_NFT_NFT_H

#define NFT_TABLE_NAME_SIZE 48

/*
 * One NETLINK_NETFILTER socket. Tables made through it are owned by it
 * (NFT_TABLE_F_OWNER) where the kernel can: they go when it is closed.
 */
struct nft;

/* -EPROTONOSUPPORT and others where the kernel has no nf_tables. */
int nft_open(struct nft **nft);
void nft_close(struct nft *nft);

/* Which message of the last batch that failed, in words ("add chain ..."). */
const char *nft_reason(const struct nft *nft);

#endif
