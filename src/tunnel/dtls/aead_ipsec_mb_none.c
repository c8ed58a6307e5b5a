/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A build without libipsec-mb. */
#include "tunnel/dtls/aead_ipsec_mb.h"

#include <errno.h>
#include <stdlib.h>

void aead_ipsec_mb_prepare(void)
{
}

int aead_ipsec_mb_new(struct aead_gcm **gcm, gnutls_cipher_algorithm_t cipher,
		      const uint8_t *key)
{
	(void)gcm;
	(void)cipher;
	(void)key;
	return -ENOTSUP;
}

void aead_ipsec_mb_free(struct aead_gcm *gcm)
{
	(void)gcm;
}

/* There is none to be called with. */

void aead_ipsec_mb_seal(struct aead_gcm *gcm, const uint8_t *nonce,
			const struct aead_data *data, const uint8_t *plain,
			size_t length, uint8_t *out)
{
	(void)gcm;
	(void)nonce;
	(void)data;
	(void)plain;
	(void)length;
	(void)out;
	abort();
}

int aead_ipsec_mb_open(struct aead_gcm *gcm, const uint8_t *nonce,
		       const struct aead_data *data, uint8_t *text,
		       size_t length)
{
	(void)gcm;
	(void)nonce;
	(void)data;
	(void)text;
	(void)length;
	return -EBADMSG;
}
