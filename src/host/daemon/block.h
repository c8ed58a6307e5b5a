/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The second line behind a client's routes, there for as long as they are: see
 * host/nft/block.h. What it lets pass is what the routes let pass.
 */
#ifndef MINIVPN_HOST_DAEMON_BLOCK_H
#define MINIVPN_HOST_DAEMON_BLOCK_H

#include "host/nft/block.h"

struct host;

struct host_block {
	struct nft_block block;
	bool applied;
};

/*
 * Client: from now on what the tunnel's routes in the journal take leaves by no
 * other device. Does nothing where it is so, or under a kill switch. -errno.
 */
int host_block_set(struct host *host);

/* The name of its table; NULL: it is not applied. */
const char *host_block_table(const struct host *host);

#endif
