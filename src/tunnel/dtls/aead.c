/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/dtls/aead.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <math.h>
#include <stdlib.h>

#include "common/clock.h"
#include "tunnel/dtls/aead_internal.h"

/* A measurement takes the best of so many turns of so many records of a length.
 */
#define TURNS	8
#define RECORDS 8
#define LENGTH	1400
/* Seconds of the processor after which it is over, however slow that is. */
#define LONGEST 2e-3
/* Rather AES where ChaCha20 is not faster than by so much. */
#define MUCH 1.3

enum { AES_128, AES_256, CHACHA20, CIPHERS };

static const gnutls_cipher_algorithm_t ciphers[CIPHERS] = {
	[AES_128] = GNUTLS_CIPHER_AES_128_GCM,
	[AES_256] = GNUTLS_CIPHER_AES_256_GCM,
	[CHACHA20] = GNUTLS_CIPHER_CHACHA20_POLY1305,
};

/* One of the two does the work; the other is NULL. */
struct aead {
	struct aead_ipsec_mb *mb;
	gnutls_aead_cipher_hd_t library;
};

struct choice {
	bool made;
	bool by_library[CIPHERS]; /* GnuTLS */
	bool chacha20;
};

static int make(struct aead **aead, bool by_library,
		gnutls_cipher_algorithm_t cipher, const uint8_t *key)
{
	const gnutls_datum_t datum = {
		.data = (uint8_t *)key,
		.size = gnutls_cipher_get_key_size(cipher),
	};
	struct aead *new = calloc(1, sizeof(*new));
	int failed;

	if (!new)
		return -ENOMEM;
	failed = by_library ? gnutls_aead_cipher_init(&new->library, cipher,
						      &datum)
			    : aead_ipsec_mb_new(&new->mb, cipher, key);
	if (failed) {
		free(new);
		return -ENOMEM;
	}
	*aead = new;
	return 0;
}

/* Returns the seconds that some records take, or more than any takes. */
static double measure(bool by_library, gnutls_cipher_algorithm_t cipher)
{
	static const uint8_t key[32], nonce[AEAD_NONCE_SIZE], header[13];
	const struct aead_data data = {header, sizeof(header)};
	uint8_t record[LENGTH + AEAD_TAG_SIZE] = {0};
	double best = HUGE_VAL, begun, now;
	struct aead *aead;

	/* The first time a library tests itself, which is not its speed. */
	if (make(&aead, by_library, cipher, key))
		return best;
	begun = now = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
	for (unsigned i = 0; i < TURNS && now < begun + LONGEST; i++) {
		double before = now;

		for (unsigned k = 0; k < RECORDS; k++)
			aead_seal(aead, nonce, &data, record, LENGTH, record);
		now = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
		if (now - before < best)
			best = now - before;
	}
	aead_free(aead);
	return best;
}

static const struct choice *choice(void)
{
	static struct choice choice;
	double best[CIPHERS];

	if (choice.made)
		return &choice;
	for (unsigned i = 0; i < CIPHERS; i++) {
		double mb = measure(false, ciphers[i]);
		double library = measure(true, ciphers[i]);

		choice.by_library[i] = library < mb;
		best[i] = library < mb ? library : mb;
	}
	choice.chacha20 = best[CHACHA20] * MUCH < best[AES_128];
	choice.made = true;
	return &choice;
}

void aead_prepare(void)
{
	choice();
}

bool aead_prefers_chacha20(void)
{
	return choice()->chacha20;
}

const char *aead_name(const struct aead *aead)
{
	return aead->mb ? aead_ipsec_mb_name() : "GnuTLS";
}

int aead_new(struct aead **aead, gnutls_cipher_algorithm_t cipher,
	     const uint8_t *key)
{
	for (unsigned i = 0; i < CIPHERS; i++) {
		if (ciphers[i] == cipher)
			return make(aead, choice()->by_library[i], cipher, key);
	}
	return -ENOMEM;
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
