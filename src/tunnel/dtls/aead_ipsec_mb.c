/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/aead_ipsec_mb.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <intel-ipsec-mb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct aead_gcm {
	struct gcm_key_data key; /* aligned to 64 bytes, and so is this */
	struct gcm_context_data context;
	aes_gcm_enc_dec_t seal, open;
};

static bool is_usable(const IMB_MGR *library, IMB_ARCH processor)
{
	/* Without AES-NI it has tables, whose look-ups take telling times. */
	if (processor < IMB_ARCH_SSE)
		return false;
	return !(library->features & IMB_FEATURE_SELF_TEST) ||
	       library->features & IMB_FEATURE_SELF_TEST_PASS;
}

/*
 * The library is a table of functions for this processor, one for the process.
 * It tests all of itself before it gives one, and so brings three megabytes of
 * its file into memory. NULL: it is of no use here.
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
		return NULL; /* out of memory: next time, perhaps */
	asked = true;
	init_mb_mgr_auto(library, &processor);
	if (is_usable(library, processor))
		return library;
	free_mb_mgr(library);
	library = NULL;
	return NULL;
}

static int set_key(struct aead_gcm *gcm, const IMB_MGR *library,
		   gnutls_cipher_algorithm_t cipher, const uint8_t *key)
{
	switch (cipher) {
	case GNUTLS_CIPHER_AES_128_GCM:
		IMB_AES128_GCM_PRE(library, key, &gcm->key);
		gcm->seal = library->gcm128_enc;
		gcm->open = library->gcm128_dec;
		return 0;
	case GNUTLS_CIPHER_AES_256_GCM:
		IMB_AES256_GCM_PRE(library, key, &gcm->key);
		gcm->seal = library->gcm256_enc;
		gcm->open = library->gcm256_dec;
		return 0;
	default:
		return -ENOTSUP;
	}
}

void aead_ipsec_mb_prepare(void)
{
	library();
}

int aead_ipsec_mb_new(struct aead_gcm **gcm, gnutls_cipher_algorithm_t cipher,
		      const uint8_t *key)
{
	struct aead_gcm *new;
	int err;

	if (!library())
		return -ENOTSUP;
	new = aligned_alloc(_Alignof(struct aead_gcm), sizeof(*new));
	if (!new)
		return -ENOMEM;
	memset(new, 0, sizeof(*new));
	err = set_key(new, library(), cipher, key);
	if (err)
		free(new);
	else
		*gcm = new;
	return err;
}

void aead_ipsec_mb_free(struct aead_gcm *gcm)
{
	if (!gcm)
		return;
	explicit_bzero(gcm, sizeof(*gcm));
	free(gcm);
}

void aead_ipsec_mb_seal(struct aead_gcm *gcm, const uint8_t *nonce,
			const struct aead_data *data, const uint8_t *plain,
			size_t length, uint8_t *out)
{
	gcm->seal(&gcm->key, &gcm->context, out, plain, length, nonce,
		  data->bytes, data->length, out + length, AEAD_TAG_SIZE);
}

int aead_ipsec_mb_open(struct aead_gcm *gcm, const uint8_t *nonce,
		       const struct aead_data *data, uint8_t *text,
		       size_t length)
{
	uint8_t tag[AEAD_TAG_SIZE];

	gcm->open(&gcm->key, &gcm->context, text, text, length, nonce,
		  data->bytes, data->length, tag, sizeof(tag));
	return gnutls_memcmp(tag, text + length, sizeof(tag)) ? -EBADMSG : 0;
}
