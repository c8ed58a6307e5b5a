/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/aead.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdlib.h>

#include "tunnel/dtls/aead_internal.h"

/* One of the two does the work; the other is NULL. */
struct aead {
	struct aead_ipsec_mb *mb;
	gnutls_aead_cipher_hd_t library;
};

void aead_prepare(void)
{
	aead_ipsec_mb_prepare();
}

int aead_new(struct aead **aead, gnutls_cipher_algorithm_t cipher,
	     const uint8_t *key)
{
	const gnutls_datum_t datum = {
		.data = (uint8_t *)key,
		.size = gnutls_cipher_get_key_size(cipher),
	};
	struct aead *new = calloc(1, sizeof(*new));
	int failed;

	if (!new)
		return -ENOMEM;
	failed = aead_ipsec_mb_new(&new->mb, cipher, key);
	if (failed)
		failed = gnutls_aead_cipher_init(&new->library, cipher, &datum);
	if (failed) {
		free(new);
		return -ENOMEM;
	}
	*aead = new;
	return 0;
}

void aead_free(struct aead *aead)
{
	if (!aead)
		return;
	aead_ipsec_mb_free(aead->mb);
	if (aead->library)
		gnutls_aead_cipher_deinit(aead->library);
	free(aead);
}

int aead_seal(struct aead *aead, const uint8_t nonce[AEAD_NONCE_SIZE],
	      const struct aead_data *data, const uint8_t *plain, size_t length,
	      uint8_t *out)
{
	size_t sealed = length + AEAD_TAG_SIZE;

	if (aead->mb) {
		aead_ipsec_mb_seal(aead->mb, nonce, data, plain, length, out);
		return 0;
	}
	return gnutls_aead_cipher_encrypt(aead->library, nonce, AEAD_NONCE_SIZE,
					  data->bytes, data->length,
					  AEAD_TAG_SIZE, plain, length, out,
					  &sealed) < 0
		       ? -EIO
		       : 0;
}

int aead_open(struct aead *aead, const uint8_t nonce[AEAD_NONCE_SIZE],
	      const struct aead_data *data, uint8_t *text, size_t length)
{
	size_t opened = length;

	if (aead->mb)
		return aead_ipsec_mb_open(aead->mb, nonce, data, text, length);
	return gnutls_aead_cipher_decrypt(
		       aead->library, nonce, AEAD_NONCE_SIZE, data->bytes,
		       data->length, AEAD_TAG_SIZE, text,
		       length + AEAD_TAG_SIZE, text, &opened) < 0
		       ? -EBADMSG
		       : 0;
}
