/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile other end: shakes hands as GnuTLS does, with a key that is known
 * here, and then seals whatever it is told to as any type of record, under any
 * sequence number. It reads nothing of what comes back.
 */
#ifndef MINIVPN_TESTS_FAR_END_H
#define MINIVPN_TESTS_FAR_END_H

#include <gnutls/crypto.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tunnel/dtls/credentials.h"

/* Header, explicit nonce and tag of AES-GCM (RFC 5288). */
#define FAR_END_OVERHEAD (13 + 8 + 16)

typedef void (*far_end_transmit)(void *owner, const uint8_t *datagram,
				 size_t length);

struct far_end {
	gnutls_session_t tls;
	far_end_transmit transmit;
	void *owner;
	const uint8_t *offered;
	size_t offered_length;
	bool open;
	gnutls_aead_cipher_hd_t sealer;
	uint8_t iv[4];
	uint64_t position; /* epoch and sequence of the next record */
};

/* credentials say which role, and that it is AES-GCM. */
void far_end_begin(struct far_end *end, bool server,
		   const struct credentials *credentials,
		   far_end_transmit transmit, void *owner);
void far_end_clear(struct far_end *end);

/* One datagram of the handshake; NULL: begins it. */
void far_end_input(struct far_end *end, const uint8_t *datagram, size_t length);

/* One record into out, which has room for it; its length. */
size_t far_end_seal(struct far_end *end, uint8_t type, const uint8_t *plain,
		    size_t length, uint8_t *out);

#endif
