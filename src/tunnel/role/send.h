/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Single datagrams to the outer network: of handshakes, control messages and
 * what belongs to no session. With Secret none leaves as it is. Packets go by
 * tunnel/data/path.h.
 */
#ifndef MINIVPN_TUNNEL_ROLE_SEND_H
#define MINIVPN_TUNNEL_ROLE_SEND_H

#include "tunnel/role/role.h"

struct role_destination {
	unsigned socket;		  /* of tunnel->udp */
	const struct inet_endpoint *peer; /* NULL: as it is connected */
	const struct inet_address *local; /* NULL: as the kernel chooses */
	/* With Secret: of the session, or NULL, and else by which secret. */
	struct noise_link *link;
	unsigned secret;
	/* Bytes of padding are left out beyond this, unless it is 0. */
	size_t most;
};

/* -errno. */
int role_send(struct tunnel *tunnel, const struct role_destination *to,
	      const uint8_t *datagram, size_t length);

#endif
