/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who on this host drops what a tunnel's server forwards, or what clients send
 * to its port: chains of others (Docker, ufw, firewalld) that are hooked there.
 * A table of ours can't lift that: a packet has to pass all of them. Reads
 * only.
 *
 * It follows the rules as a packet would, as far as they can be told: by
 * device, by the tunnel's addresses, by the state of the connection. What
 * matches by anything else is taken not to match; a set of devices or
 * addresses is taken to hold the tunnel's where that lets packets pass. Of
 * packets to a port, what can't be told is taken to let them pass.
 */
#ifndef MINIVPN_HOST_NFT_FORWARD_CHECK_H
#define MINIVPN_HOST_NFT_FORWARD_CHECK_H

#include <stddef.h>

#include "host/nft/foreign_rules.h"

/* A chain that drops packets from the tunnel, or answers that go into it. */
struct nft_obstacle {
	uint8_t family;
	char table[NFT_NAME_MAXLEN], chain[NFT_NAME_MAXLEN];
	/* The chain of that table in which a rule to allow belongs. */
	char allow[NFT_NAME_MAXLEN];
	bool policy; /* by its policy; else by a rule */
	bool ufw;    /* it is one of ufw's */
	bool from, to;
	uint16_t port; /* not 0: packets to it, and not those of the tunnel */
};

typedef void (*nft_forward_found)(void *data,
				  const struct nft_obstacle *obstacle);

/*
 * What the view asks for. -EPROTONOSUPPORT: there is no nf_tables; -E2BIG: more
 * than are followed.
 */
int nft_forward_find(const struct nft_view *view, nft_forward_found found,
		     void *data);

/* For people: who drops; and the exact words that let the packets pass. */
void nft_obstacle_describe(const struct nft_obstacle *obstacle, char *text,
			   size_t size);
void nft_obstacle_remedy(const struct nft_obstacle *obstacle,
			 const char *device, char *text, size_t size);
/* Both in one line. */
void nft_obstacle_format(const struct nft_obstacle *obstacle,
			 const char *device, char *text, size_t size);

/*
 * The same of the iptables of old, which can't be asked by netlink: that its
 * table is there does not mean that it drops. false: it is not there.
 */
bool nft_obstacle_legacy(const char *device, char *text, size_t size);

#endif
