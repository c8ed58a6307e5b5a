/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Authenticated encryption (RFC 5116) by a library, under one key: AES-GCM or
 * ChaCha20-Poly1305, with nonces of 12 and tags of 16 bytes. It knows nothing
 * of records; the caller makes sure that no nonce is used twice.
 */
#ifndef MINIVPN_TUNNEL_DTLS_AEAD_H
#define MINIVPN_TUNNEL_DTLS_AEAD_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AEAD_NONCE_SIZE 12
#define AEAD_TAG_SIZE	16

/* What is authenticated in front of the text, and is not encrypted. */
struct aead_data {
	const uint8_t *bytes;
	size_t length;
};

struct aead;

/*
 * Picks what suits this processor, once, by measuring it, for less than 20
 * milliseconds: processes that are forked afterwards have it, and none of the
 * memory that it takes to find out.
 */
void aead_prepare(void);

/* Tells whether ChaCha20-Poly1305 was found to be much faster here than
 * AES-GCM. */
bool aead_prefers_chacha20(void);

/* Names who does it, for people: "GnuTLS", "libipsec-mb, AVX2". */
const char *aead_name(const struct aead *aead);

/*
 * Copies key, which has the cipher's size. It is done by the faster one of
 * GnuTLS and, where the build and the processor have it, libipsec-mb. -ENOMEM.
 */
int aead_new(struct aead **aead, gnutls_cipher_algorithm_t cipher,
	     const uint8_t *key);
/* Wipes the key; NULL is allowed. */
void aead_free(struct aead *aead);

/*
 * Encrypts length bytes of plain to out, with the tag behind them. plain may be
 * out itself, else they do not overlap. -EIO.
 */
int aead_seal(struct aead *aead, const uint8_t nonce[AEAD_NONCE_SIZE],
	      const struct aead_data *data, const uint8_t *plain, size_t length,
	      uint8_t *out);

/*
 * Decrypts length bytes in place, which the tag is behind. -EBADMSG where they
 * are not authentic: what they hold then must not be used.
 */
int aead_open(struct aead *aead, const uint8_t nonce[AEAD_NONCE_SIZE],
	      const struct aead_data *data, uint8_t *text, size_t length);

#endif
