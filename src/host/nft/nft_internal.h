/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What nft.c (the kernel's form) and nft_print.c (the text) share. */
#ifndef MINIVPN_HOST_NFT_NFT_INTERNAL_H
#define MINIVPN_HOST_NFT_NFT_INTERNAL_H

#include "host/nft/gateway.h"

/* The comment that every table of ours bears: what lacks it is not ours. */
#define NFT_COMMENT "minivpn"

/* The chain of a gateway in which addresses are translated. */
#define NFT_TRANSLATE "translate"

/* -EINVAL where a name or the network can't be said in nft(8)'s language. */
int nft_gateway_check(const struct nft_gateway *gateway);

/* Can nft(8) read them, and the kernel take them? */
bool nft_table_name_valid(const char *name, size_t size);
bool nft_device_name_valid(const char name[IFNAMSIZ]);

/*
 * What stands in text between the first start and the end after it; -EINVAL
 * where there is none, or it does not fit.
 */
int nft_text_between(const char *text, const char *start, const char *end,
		     char *word, size_t size);

#endif
