/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server's table of family ip or ip6: masquerade for its clients, and the MSS
 * of what it forwards for them.
 */
#ifndef MINIVPN_HOST_NFT_GATEWAY_H
#define MINIVPN_HOST_NFT_GATEWAY_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/inet.h"
#include "host/nft/nft.h"

/*
 * A table of one family (ip or ip6), marked as ours by the comment "minivpn",
 * with
 *   chain postrouting, nat, srcnat (only where masquerade): what comes from
 *     inner, or out of the tun (the networks behind clients; seen since Linux
 *     5.7), and leaves by uplink ("": by any device but the tun), goes to
 *   chain translate: it is masqueraded, from ports of which the server listens
 *     on none, so that no connection of a client's takes what is sent to one
 *     (CVE-2021-3773);
 *   chain forward, filter, mangle priority (-150): the MSS of TCP SYNs into and
 *     out of the tun is clamped to the route's MTU (rt mtu).
 */
struct nft_gateway {
	char table[NFT_TABLE_NAME_SIZE]; /* "minivpn-NAME" */
	/* Host bits cleared, not all addresses. Their family is the table's. */
	struct inet_prefix inner;
	char device[IFNAMSIZ]; /* the tun */
	char uplink[IFNAMSIZ]; /* "" where not masquerade */
	bool masquerade;
	/*
	 * First and last; 0 where not masquerade, and of a table that an older
	 * program has made and left in a journal: any port, and inner alone.
	 */
	uint16_t ports[2];
};

/*
 * -EEXIST where a table of that name is there already, whoever owns it; it is
 * left as it is. -EINVAL for names that can't be printed. Falls back to a table
 * without an owner where the kernel refuses the flag (before Linux 5.12).
 */
int nft_gateway_add(struct nft *nft, const struct nft_gateway *gateway);

/*
 * -ENOENT where there is none, or none with our comment: a table of that name
 * that somebody else has made stays. -EPERM where another process owns it. The
 * content of a table that bears our comment is not read. Kernels before
 * 5.10 keep no comments: there a table without an owner goes by its name alone.
 */
int nft_gateway_del(struct nft *nft, const struct nft_gateway *gateway);

/* 1: a table of that name is there, whoever's it is; 0: none; -errno. */
int nft_gateway_has(struct nft *nft, const struct nft_gateway *gateway);

/*
 * The table as one line that `nft -f` reads, without a newline (nft drops the
 * table when it ends, because of "flags owner", but for `nft -i`); and the
 * value back from such a line, inner being 0.0.0.0/0 or ::/0 where there is no
 * masquerade. -ENOSPC, -EINVAL.
 */
int nft_gateway_print(const struct nft_gateway *gateway, char *text,
		      size_t size);
int nft_gateway_parse(const char *text, struct nft_gateway *gateway);

#endif
