/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client's table of family inet that remembers by connection tracking which
 * packets bear the tunnel's mark, by which they pass its routes by:
 *
 * - those of the tunnel itself, so that the answers have the mark as well when
 *   the kernel checks by which device they should have come (rp_filter with
 *   src_valid_mark; "fib saddr . mark . iif oif missing drop" of firewalld),
 *   and it is theirs again where somebody has overwritten it (CONNMARK
 *   --restore-mark without a mask);
 * - where inbound, those of connections that somebody outside has begun and
 *   whose answers would go elsewhere than where the question came from.
 *
 * A connection has been begun outside when it comes in by another device than
 * the tun, to an address of just that device: by what comes to the tunnel's
 * address from beside it nobody learns what is in the tunnel (CVE-2019-14899).
 * One that was there before the table has not been seen to begin. There the
 * local port tells: from ports[0] to ports[1] (ip_local_port_range) are those
 * that the kernel gives to clients, whose packets belong into the tunnel by
 * now, unless a TCP SYN comes in, or a UDP socket has no address, as those of
 * servers. Marks of others on connections are left alone.
 */
#ifndef MINIVPN_HOST_NFT_MARKS_H
#define MINIVPN_HOST_NFT_MARKS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/inet.h"
#include "host/nft/nft.h"

struct nft_marks {
	char table[NFT_TABLE_NAME_SIZE]; /* "minivpn.marks-NAME" */
	uint32_t mark;			 /* not 0 */
	bool inbound;
	/* These are "" and 0 where it is not inbound. */
	char device[IFNAMSIZ]; /* the tun */
	uint16_t ports[2];     /* first and last */
};

/*
 * As nft_gateway_add(). -EOPNOTSUPP, -ENOENT and others where the kernel lacks
 * a part (Linux 5.10 has them all: nf_conntrack, nft_ct, nft_fib, nft_socket).
 */
int nft_marks_add(struct nft *nft, const struct nft_marks *marks);

/* As nft_gateway_del(). */
int nft_marks_del(struct nft *nft, const struct nft_marks *marks);

/* As nft_gateway_has(). */
int nft_marks_has(struct nft *nft, const struct nft_marks *marks);

/* -EINVAL where a value has no form in nft(8)'s language. */
int nft_marks_check(const struct nft_marks *marks);

/* One line that `nft` takes, and back; as nft_gateway_print(). */
int nft_marks_print(const struct nft_marks *marks, char *text, size_t size);
int nft_marks_parse(const char *text, struct nft_marks *marks);

#endif
