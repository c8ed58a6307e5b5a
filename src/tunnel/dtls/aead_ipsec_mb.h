/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AES-GCM by libipsec-mb, for aead.c: with the instructions of the newer
 * processors (VAES, VPCLMULQDQ), which GnuTLS 3.7 does not use. A build without
 * that library has a double that is never there (aead_ipsec_mb_none.c).
 */
#ifndef MINIVPN_TUNNEL_DTLS_AEAD_IPSEC_MB_H
#define MINIVPN_TUNNEL_DTLS_AEAD_IPSEC_MB_H

#include "tunnel/dtls/aead.h"

struct aead_gcm;

/* As aead_prepare(). */
void aead_ipsec_mb_prepare(void);

/* Copies key. -ENOTSUP: not this cipher, or not with this processor; -ENOMEM.
 */
int aead_ipsec_mb_new(struct aead_gcm **gcm, gnutls_cipher_algorithm_t cipher,
		      const uint8_t *key);
/* Wipes it. */
void aead_ipsec_mb_free(struct aead_gcm *gcm);

/* As aead_seal() and aead_open(). */
void aead_ipsec_mb_seal(struct aead_gcm *gcm, const uint8_t *nonce,
			const struct aead_data *data, const uint8_t *plain,
			size_t length, uint8_t *out);
int aead_ipsec_mb_open(struct aead_gcm *gcm, const uint8_t *nonce,
		       const struct aead_data *data, uint8_t *text,
		       size_t length);

#endif
