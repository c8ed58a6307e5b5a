/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is said of a firewall that drops what a tunnel's server forwards: who it
 * is, and the exact words that let the tunnel's packets pass.
 */
#ifndef MINIVPN_HOST_NFT_FORWARD_OBSTACLE_H
#define MINIVPN_HOST_NFT_FORWARD_OBSTACLE_H

#include <stddef.h>

#include "host/nft/forward_check.h"

/* One line; false where it does not fit. */
bool nft_obstacle_log(const struct nft_obstacle *obstacle, const char *device,
		      char *text, size_t size);

/*
 * The iptables of old can't be asked by netlink; that its table is there says
 * little. False: it is not, or the line does not fit.
 */
bool nft_obstacle_legacy(const char *device, char *text, size_t size);

#endif
