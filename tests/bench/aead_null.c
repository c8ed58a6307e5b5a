/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tunnel/dtls/aead.h WITHOUT ANY PROTECTION: what is sealed goes in the clear,
 * and every tag is a right one. It makes minivpn-null, which the bench runs
 * beside minivpn to see what the data path could do if the AEAD cost nothing.
 * That program speaks to itself only, and is never installed.
 */
#include "tunnel/dtls/aead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct aead {
	char nothing;
};

void aead_prepare(void)
{
}

bool aead_prefers_chacha20(void)
{
	return false;
}

const char *aead_name(const struct aead *aead)
{
	(void)aead;
	return "nobody: in the clear";
}

int aead_new(struct aead **aead, gnutls_cipher_algorithm_t cipher,
	     const uint8_t *key)
{
	(void)cipher;
	(void)key;
	*aead = malloc(sizeof(**aead));
	return *aead ? 0 : -ENOMEM;
}

void aead_free(struct aead *aead)
{
	free(aead);
}

int aead_seal(struct aead *aead, const uint8_t nonce[AEAD_NONCE_SIZE],
	      const struct aead_data *data, const uint8_t *plain, size_t length,
	      uint8_t *out)
{
	(void)aead;
	(void)nonce;
	(void)data;
	if (plain != out)
		memcpy(out, plain, length);
	memset(out + length, 0, AEAD_TAG_SIZE);
	return 0;
}

int aead_open(struct aead *aead, const uint8_t nonce[AEAD_NONCE_SIZE],
	      const struct aead_data *data, uint8_t *text, size_t length)
{
	(void)aead;
	(void)nonce;
	(void)data;
	(void)text;
	(void)length;
	return 0;
}
