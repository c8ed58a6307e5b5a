/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What nft.c (the kernel's form) and nft_print.c (the text) share. */
#ifndef MINIVPN_HOST_NFT_INTERNAL_H
#define MINIVPN_HOST_NFT_INTERNAL_H

#include "host/nft.h"

/* The comment that every table of ours bears: what lacks it is not ours. */
#define NFT_COMMENT "minivpn"

/* -EINVAL where a name or the network can't be said in nft(8)'s language. */
int nft_gateway_check(const struct nft_gateway *gateway);

#endif
