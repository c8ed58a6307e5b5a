/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A queue of datagrams that can wait, first in, first out, in a buffer of
 * fixed size: what does not fit is not taken, so that it never costs more
 * memory than at the start, whoever sends.
 */
#ifndef MINIVPN_TUNNEL_SERVER_BACKLOG_H
#define MINIVPN_TUNNEL_SERVER_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/siphash.h"
#include "tunnel/data/udp_io.h"

struct backlog;

/*
 * size: bytes in all, some 80 of them a datagram's own; key: random, and
 * secret. -ENOMEM.
 */
int backlog_new(struct backlog **backlog, size_t size,
		const struct siphash_key *key);
/* NULL is allowed. */
void backlog_free(struct backlog *backlog);

/*
 * Copies a datagram that has come on a socket. False: no room, or the network
 * (NULL: whichever) that it comes from has half of the size already. Its work
 * does not grow with what waits.
 */
bool backlog_put(struct backlog *backlog, unsigned socket,
		 const struct udp_datagram *datagram,
		 const struct inet_prefix *network);

/* The oldest; its data is valid until the next backlog_put(). False: empty. */
bool backlog_take(struct backlog *backlog, unsigned *socket,
		  struct udp_datagram *datagram);

bool backlog_empty(const struct backlog *backlog);

#endif
