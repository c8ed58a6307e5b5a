/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a server says to a client outside of any session: that it is busy, or
 * that it has lost the session. Nobody has sealed it, so that it is a hint: its
 * receiver bounds what comes of it. A notice is one record of a type that DTLS
 * has no use for, which any other implementation drops (RFC 6347, section
 * 4.1.2.7):
 *
 *   63 | version 0xfefd | epoch 0 | sequence 0 | length
 *   kind u8 | 0 | wait u16, milliseconds | random: 32 bytes
 *
 * all in network order. What follows is for later versions, and skipped. These
 * are pure functions over memory.
 */
#ifndef MINIVPN_TUNNEL_CONTROL_NOTICE_H
#define MINIVPN_TUNNEL_CONTROL_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tunnel/dtls/dtls.h"

/* Bytes of a notice: no more than of any hello that it answers. */
#define NOTICE_SIZE (DTLS_HEADER + 4 + DTLS_RANDOM_SIZE)

enum notice_kind {
	/*
	 * A hello has shown its address, but its turn comes later: random is
	 * the hello's, which nobody knows who is not on the way, and the
	 * hello is to be repeated after wait.
	 */
	NOTICE_BUSY = 1,
	/* The sessions of before are gone: wait and random are zero. */
	NOTICE_ANEW = 2,
};

struct notice {
	enum notice_kind kind;
	uint16_t wait; /* milliseconds */
	uint8_t random[DTLS_RANDOM_SIZE];
};

void notice_encode(const struct notice *notice, uint8_t datagram[NOTICE_SIZE]);

/* False: it is none, or of a kind that is not known. */
bool notice_decode(const uint8_t *datagram, size_t length,
		   struct notice *notice);

#endif
