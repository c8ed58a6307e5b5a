/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A key that both ends have besides, so that who records a session now and
 * breaks its key exchange later, by a quantum computer, can't read the data.
 * Data is sealed under
 *
 *   PRK    = HKDF-Extract(salt = PresharedKey, exporter of the handshake)
 *   keys   = HKDF-Expand(PRK, "minivpn client"), the same with "server"
 *   proof  = HKDF-Expand(PRK, "minivpn proof")
 *
 * (RFC 5869 with SHA-256; RFC 5705), and so are alerts once the client has
 * shown that it has the key; the handshake keeps the keys that GnuTLS has. It
 * authenticates nobody: the handshake does.
 */
#ifndef MINIVPN_TUNNEL_DTLS_PRESHARED_H
#define MINIVPN_TUNNEL_DTLS_PRESHARED_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/key.h"
#include "tunnel/dtls/record.h"

#define PRESHARED_EXPORT_SIZE 32

/*
 * By this a client shows that it has the key, as the first record of data under
 * the keys of the handshake: a byte that neither packets nor messages of
 * tunnel/control begin with, and the proof.
 */
#define PRESHARED_PROOF_SIZE 17

/*
 * Sets the keys of both directions in *keys, whose cipher the caller has set,
 * and proof. -EIO where GnuTLS fails.
 */
int preshared_derive(const uint8_t key[KEY_SIZE],
		     const uint8_t exported[PRESHARED_EXPORT_SIZE], bool server,
		     struct record_keys *keys,
		     uint8_t proof[PRESHARED_PROOF_SIZE]);

/* Tells whether it is meant as a proof, right or wrong. */
bool preshared_is_proof(const uint8_t *text, size_t length);

/*
 * A record for a session whose handshake is complete. As record_new(), and -EIO
 * where GnuTLS fails.
 */
int preshared_record(struct record **record, gnutls_session_t session,
		     const uint8_t key[KEY_SIZE], bool server,
		     uint8_t proof[PRESHARED_PROOF_SIZE]);

#endif
