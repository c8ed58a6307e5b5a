/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This is linked where libipsec-mb was missing at build time. */
#include "tunnel/dtls/aead_internal.h"

#include <errno.h>
#include <stdlib.h>

const char *aead_ipsec_mb_name(void)
{
	return "";
}

int aead_ipsec_mb_new(struct aead_ipsec_mb **mb,
		      gnutls_cipher_algorithm_t cipher, const uint8_t *key)
{
	(void)mb;
	(void)cipher;
	(void)key;
	return -ENOTSUP;
}

void aead_ipsec_mb_free(struct aead_ipsec_mb *mb)
{
	(void)mb;
}

/* Nothing can be sealed or opened here, as nothing was made. */

void aead_ipsec_mb_seal(struct aead_ipsec_mb *mb, const uint8_t *nonce,
			const struct aead_data *data, const uint8_t *plain,
			size_t length, uint8_t *out)
{
	(void)mb;
	(void)nonce;
	(void)data;
	(void)plain;
	(void)length;
	(void)out;
	abort();
}

int aead_ipsec_mb_open(struct aead_ipsec_mb *mb, const uint8_t *nonce,
		       const struct aead_data *data, uint8_t *text,
		       size_t length)
{
	(void)mb;
	(void)nonce;
	(void)data;
	(void)text;
	(void)length;
	return -EBADMSG;
}
