/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By the library's macros alone: version 3.0 has no functions behind them. */
#include "tunnel/dtls/aead_internal.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <intel-ipsec-mb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CHACHA20_KEY 32

struct aead_ipsec_mb {
	struct gcm_key_data key; /* aligned to 64 bytes */
	union {
		struct gcm_context_data gcm;
		struct chacha20_poly1305_context_data chacha20;
	} context;
	uint8_t chacha20_key[CHACHA20_KEY];
	IMB_MGR *library;
	gnutls_cipher_algorithm_t cipher;
};

/* What is the same for all of the process. */
struct library {
	IMB_MGR *manager; /* NULL: it is of no use here */
	IMB_ARCH processor;
	bool asked;
};

static bool is_usable(const IMB_MGR *manager, IMB_ARCH processor)
{
	/* Without AES-NI it uses tables, whose look-ups take telling times. */
	if (processor < IMB_ARCH_SSE)
		return false;
	return !(manager->features & IMB_FEATURE_SELF_TEST) ||
	       manager->features & IMB_FEATURE_SELF_TEST_PASS;
}

/*
 * The library gives a table of functions for this processor, one for the
 * process. It tests all of itself before, and so brings three megabytes of its
 * file into memory.
 */
static const struct library *library(void)
{
	static struct library library;
	IMB_MGR *manager;

	if (library.asked)
		return &library;
	manager = alloc_mb_mgr(0);
	if (!manager)
		return &library; /* out of memory: the next call tries again */
	library.asked = true;
	init_mb_mgr_auto(manager, &library.processor);
	if (is_usable(manager, library.processor))
		library.manager = manager;
	else
		free_mb_mgr(manager);
	return &library;
}

static int set_key(struct aead_ipsec_mb *mb, const uint8_t *key)
{
	switch (mb->cipher) {
	case GNUTLS_CIPHER_AES_128_GCM:
		IMB_AES128_GCM_PRE(mb->library, key, &mb->key);
		return 0;
	case GNUTLS_CIPHER_AES_256_GCM:
		IMB_AES256_GCM_PRE(mb->library, key, &mb->key);
		return 0;
	case GNUTLS_CIPHER_CHACHA20_POLY1305:
		memcpy(mb->chacha20_key, key, CHACHA20_KEY);
		return 0;
	default:
		return -ENOTSUP;
	}
}

const char *aead_ipsec_mb_name(void)
{
	IMB_ARCH processor = library()->processor;

	if (processor >= IMB_ARCH_AVX512)
		return "libipsec-mb, AVX512";
	return processor >= IMB_ARCH_AVX2 ? "libipsec-mb, AVX2"
					  : "libipsec-mb, SSE";
}

int aead_ipsec_mb_new(struct aead_ipsec_mb **mb,
		      gnutls_cipher_algorithm_t cipher, const uint8_t *key)
{
	struct aead_ipsec_mb *new;
	int err;

	if (!library()->manager)
		return -ENOTSUP;
	new = aligned_alloc(_Alignof(struct aead_ipsec_mb), sizeof(*new));
	if (!new)
		return -ENOMEM;
	memset(new, 0, sizeof(*new));
	new->library = library()->manager;
	new->cipher = cipher;
	err = set_key(new, key);
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

static void begin_chacha20(struct aead_ipsec_mb *mb, const uint8_t *nonce,
			   const struct aead_data *data)
{
	IMB_CHACHA20_POLY1305_INIT(mb->library, mb->chacha20_key,
				   &mb->context.chacha20, nonce, data->bytes,
				   data->length);
}

void aead_ipsec_mb_seal(struct aead_ipsec_mb *mb, const uint8_t *nonce,
			const struct aead_data *data, const uint8_t *plain,
			size_t length, uint8_t *out)
{
	uint8_t *tag = out + length;

	if (mb->cipher == GNUTLS_CIPHER_AES_128_GCM) {
		IMB_AES128_GCM_ENC(mb->library, &mb->key, &mb->context.gcm, out,
				   plain, length, nonce, data->bytes,
				   data->length, tag, AEAD_TAG_SIZE);
	} else if (mb->cipher == GNUTLS_CIPHER_AES_256_GCM) {
		IMB_AES256_GCM_ENC(mb->library, &mb->key, &mb->context.gcm, out,
				   plain, length, nonce, data->bytes,
				   data->length, tag, AEAD_TAG_SIZE);
	} else {
		begin_chacha20(mb, nonce, data);
		IMB_CHACHA20_POLY1305_ENC_UPDATE(mb->library, mb->chacha20_key,
						 &mb->context.chacha20, out,
						 plain, length);
		IMB_CHACHA20_POLY1305_ENC_FINALIZE(
			mb->library, &mb->context.chacha20, tag, AEAD_TAG_SIZE);
	}
}

int aead_ipsec_mb_open(struct aead_ipsec_mb *mb, const uint8_t *nonce,
		       const struct aead_data *data, uint8_t *text,
		       size_t length)
{
	uint8_t tag[AEAD_TAG_SIZE];

	if (mb->cipher == GNUTLS_CIPHER_AES_128_GCM) {
		IMB_AES128_GCM_DEC(mb->library, &mb->key, &mb->context.gcm,
				   text, text, length, nonce, data->bytes,
				   data->length, tag, sizeof(tag));
	} else if (mb->cipher == GNUTLS_CIPHER_AES_256_GCM) {
		IMB_AES256_GCM_DEC(mb->library, &mb->key, &mb->context.gcm,
				   text, text, length, nonce, data->bytes,
				   data->length, tag, sizeof(tag));
	} else {
		begin_chacha20(mb, nonce, data);
		IMB_CHACHA20_POLY1305_DEC_UPDATE(mb->library, mb->chacha20_key,
						 &mb->context.chacha20, text,
						 text, length);
		IMB_CHACHA20_POLY1305_DEC_FINALIZE(
			mb->library, &mb->context.chacha20, tag, sizeof(tag));
	}
	return gnutls_memcmp(tag, text + length, sizeof(tag)) ? -EBADMSG : 0;
}
