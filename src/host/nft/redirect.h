/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server's further ports: a table of family ip or ip6, marked as ours, by
 * which what is sent to them arrives at a port that the server listens on, and
 * its answers leave from the port that was asked. The address stays as it is.
 *
 * A port to which another program of this host is bound stays that program's;
 * what somebody else translates has been translated before; and what comes by
 * the tun, for services that clients use, is left alone.
 */
#ifndef MINIVPN_HOST_NFT_REDIRECT_H
#define MINIVPN_HOST_NFT_REDIRECT_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/inet.h"
#include "host/nft/nft.h"

#define NFT_REDIRECT_RANGES 8

struct nft_redirect {
	char table[NFT_TABLE_NAME_SIZE]; /* "minivpn.ports-NAME" */
	char device[IFNAMSIZ];		 /* the tun */
	bool ipv6;			 /* the table's family, else IPv4 */
	unsigned count;			 /* at least one */
	struct inet_ports ports[NFT_REDIRECT_RANGES];
	/*
	 * Where these arrive: the address that they were sent to, of the
	 * table's family (none: any of this host), and another port.
	 */
	struct inet_endpoint to[NFT_REDIRECT_RANGES];
};

/* As nft_gateway_add(); Linux 4.18 has all of it. */
int nft_redirect_add(struct nft *nft, const struct nft_redirect *redirect);

/* As nft_gateway_del(), nft_gateway_has(). */
int nft_redirect_del(struct nft *nft, const struct nft_redirect *redirect);
int nft_redirect_has(struct nft *nft, const struct nft_redirect *redirect);

/* -EINVAL where a value has no form in nft(8)'s language. */
int nft_redirect_check(const struct nft_redirect *redirect);

/* One line that `nft` takes, and back; as nft_gateway_print(). */
int nft_redirect_print(const struct nft_redirect *redirect, char *text,
		       size_t size);
int nft_redirect_parse(const char *text, struct nft_redirect *redirect);

#endif
