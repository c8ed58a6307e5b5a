/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/aead_internal.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <intel-ipsec-mb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct aead_ipsec_mb {
	struct gcm_key_data key; /* aligned to 64 bytes */
	struct gcm_context_data context;
	aes_gcm_enc_dec_t seal, open;
};

static bool is_usable(const IMB_MGR *library, IMB_ARCH processor)
{
	/* Without AES-NI it uses tables, whose look-ups take telling times. */
	if (processor < IMB_ARCH_SSE)
		return false;
	return !(library->features & IMB_FEATURE_SELF_TEST) ||
	       library->features & IMB_FEATURE_SELF_TEST_PASS;
}

/*
 * The library gives a table of functions for this processor, one for the
 * process. It tests all of itself before, and so brings three megabytes of its
 * file into memory. NULL: it is of no use here.
 */
static const IMB_MGR *library(void)
{
	static IMB_MGR *library;
	static bool asked;
	IMB_ARCH processor = IMB_ARCH_NONE;

	if (asked)
		return library;
	library = alloc_mb_mgr(0);
	if (!library)
		return NULL; /* out of memory: the next call tries again */
	asked = true;
	init_mb_mgr_auto(library, &processor);
	if (is_usable(library, processor))
		return library;
	free_mb_mgr(library);
	library = NULL;
	return NULL;
}

static int set_key(struct aead_ipsec_mb *mb, const IMB_MGR *library,
		   gnutls_cipher_algorithm_t cipher, const uint8_t *key)
{
	switch (cipher) {
	case GNUTLS_CIPHER_AES_128_GCM:
		IMB_AES128_GCM_PRE(library, key, &mb->key);
		mb->seal = library->gcm128_enc;
		mb->open = library->gcm128_dec;
		return 0;
	case GNUTLS_CIPHER_AES_256_GCM:
		IMB_AES256_GCM_PRE(library, key, &mb->key);
		mb->seal = library->gcm256_enc;
		mb->open = library->gcm256_dec;
		return 0;
	default:
		return -ENOTSUP;
	}
}

void aead_ipsec_mb_prepare(void)
{
	library();
}

int aead_ipsec_mb_new(struct aead_ipsec_mb **mb,
		      gnutls_cipher_algorithm_t cipher, const uint8_t *key)
{
	struct aead_ipsec_mb *new;
	int err;

	if (!library())
		return -ENOTSUP;
	new = aligned_alloc(_Alignof(struct aead_ipsec_mb), sizeof(*new));
	if (!new)
		return -ENOMEM;
	memset(new, 0, sizeof(*new));
	err = set_key(new, library(), cipher, key);
	if (err)
		free(new);
	else
		*mb = new;
	return err;
}

void aead_ipsec_mb_free(struct aead_ipsec_mb *mb)
{
	if (!mb)
		return;
	explicit_bzero(mb, sizeof(*mb));
	free(mb);
}

void aead_ipsec_mb_seal(struct aead_ipsec_mb *mb, const uint8_t *nonce,
			const struct aead_data *data, const uint8_t *plain,
			size_t length, uint8_t *out)
{
	mb->seal(&mb->key, &mb->context, out, plain, length, nonce, data->bytes,
		 data->length, out + length, AEAD_TAG_SIZE);
}

int aead_ipsec_mb_open(struct aead_ipsec_mb *mb, const uint8_t *nonce,
		       const struct aead_data *data, uint8_t *text,
		       size_t length)
{
	uint8_t tag[AEAD_TAG_SIZE];

	mb->open(&mb->key, &mb->context, text, text, length, nonce, data->bytes,
		 data->length, tag, sizeof(tag));
	return gnutls_memcmp(tag, text + length, sizeof(tag)) ? -EBADMSG : 0;
}
