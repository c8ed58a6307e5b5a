/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AES-GCM and ChaCha20-Poly1305 by libipsec-mb, which has the instructions of
 * the newer processors (AVX2, VAES, VPCLMULQDQ) that GnuTLS 3.7 does not use.
 * aead_ipsec_mb_none.c is for builds without that library.
 */
#ifndef MINIVPN_TUNNEL_DTLS_AEAD_INTERNAL_H
#define MINIVPN_TUNNEL_DTLS_AEAD_INTERNAL_H

#include "tunnel/dtls/aead.h"

struct aead_ipsec_mb;

/* Its name for people, with the instructions of the processor that it uses. */
const char *aead_ipsec_mb_name(void);

/* Copies key. -ENOTSUP: not this cipher or this processor; -ENOMEM. */
int aead_ipsec_mb_new(struct aead_ipsec_mb **mb,
		      gnutls_cipher_algorithm_t cipher, const uint8_t *key);
/* Wipes it. */
void aead_ipsec_mb_free(struct aead_ipsec_mb *mb);

/* These are as aead_seal() and aead_open(). */
void aead_ipsec_mb_seal(struct aead_ipsec_mb *mb, const uint8_t *nonce,
			const struct aead_data *data, const uint8_t *plain,
			size_t length, uint8_t *out);
int aead_ipsec_mb_open(struct aead_ipsec_mb *mb, const uint8_t *nonce,
		       const struct aead_data *data, uint8_t *text,
		       size_t length);

#endif
