/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whichever library it is by: the same as by GnuTLS, for texts of any length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tunnel/dtls/aead.h"
#include "tunnel/dtls/aead_internal.h"

#define LONGEST 1600
#define SEALED	(LONGEST + AEAD_TAG_SIZE)

static const gnutls_cipher_algorithm_t ciphers[] = {
	GNUTLS_CIPHER_AES_128_GCM,
	GNUTLS_CIPHER_AES_256_GCM,
	GNUTLS_CIPHER_CHACHA20_POLY1305,
};

#define CIPHERS (sizeof(ciphers) / sizeof(ciphers[0]))

static const uint8_t header[13] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static const struct aead_data data = {header, sizeof(header)};

/* Ours, and the library itself, under one key. */
struct pair {
	struct aead *ours;
	gnutls_aead_cipher_hd_t theirs;
	uint8_t plain[LONGEST], nonce[AEAD_NONCE_SIZE];
};

static void begin(struct pair *pair, gnutls_cipher_algorithm_t cipher)
{
	uint8_t key[32];
	gnutls_datum_t datum = {key, gnutls_cipher_get_key_size(cipher)};

	assert_int_equal(gnutls_rnd(GNUTLS_RND_NONCE, key, sizeof(key)), 0);
	assert_int_equal(aead_new(&pair->ours, cipher, key), 0);
	assert_int_equal(gnutls_aead_cipher_init(&pair->theirs, cipher, &datum),
			 0);
}

static void end(struct pair *pair)
{
	aead_free(pair->ours);
	gnutls_aead_cipher_deinit(pair->theirs);
}

static void fill(struct pair *pair)
{
	assert_int_equal(gnutls_rnd(GNUTLS_RND_NONCE, pair->plain, LONGEST), 0);
	assert_int_equal(
		gnutls_rnd(GNUTLS_RND_NONCE, pair->nonce, AEAD_NONCE_SIZE), 0);
}

static void seal_theirs(struct pair *pair, size_t length, uint8_t *out)
{
	size_t size = length + AEAD_TAG_SIZE;

	assert_int_equal(gnutls_aead_cipher_encrypt(
				 pair->theirs, pair->nonce, AEAD_NONCE_SIZE,
				 header, sizeof(header), AEAD_TAG_SIZE,
				 pair->plain, length, out, &size),
			 0);
}

/* Memory of just that size: a byte too many is found by the sanitizer. */
static void check_length(struct pair *pair, size_t length)
{
	uint8_t expected[SEALED], *text = malloc(length + AEAD_TAG_SIZE);

	assert_non_null(text);
	fill(pair);
	seal_theirs(pair, length, expected);
	assert_int_equal(aead_seal(pair->ours, pair->nonce, &data, pair->plain,
				   length, text),
			 0);
	assert_memory_equal(text, expected, length + AEAD_TAG_SIZE);
	assert_int_equal(
		aead_open(pair->ours, pair->nonce, &data, text, length), 0);
	assert_memory_equal(text, pair->plain, length);
	assert_int_equal(
		aead_seal(pair->ours, pair->nonce, &data, text, length, text),
		0);
	assert_memory_equal(text, expected, length + AEAD_TAG_SIZE);
	free(text);
}

static void test_same_as_gnutls(void **state)
{
	(void)state;
	for (size_t i = 0; i < CIPHERS; i++) {
		struct pair pair;

		begin(&pair, ciphers[i]);
		for (size_t length = 0; length <= LONGEST; length++)
			check_length(&pair, length);
		end(&pair);
	}
}

static void refuse(struct pair *pair, const uint8_t *sealed, size_t length,
		   const uint8_t *nonce, const struct aead_data *beside)
{
	uint8_t text[SEALED];

	memcpy(text, sealed, length + AEAD_TAG_SIZE);
	assert_int_equal(aead_open(pair->ours, nonce, beside, text, length),
			 -EBADMSG);
}

/* Each bit of the text and its tag, of the nonce, of what is beside. */
static void check_forged(struct pair *pair, size_t length)
{
	uint8_t sealed[SEALED], nonce[AEAD_NONCE_SIZE];
	uint8_t other[sizeof(header)];
	const struct aead_data beside = {other, sizeof(other)};

	fill(pair);
	seal_theirs(pair, length, sealed);
	for (size_t i = 0; i < 8 * (length + AEAD_TAG_SIZE); i++) {
		sealed[i / 8] ^= 1 << i % 8;
		refuse(pair, sealed, length, pair->nonce, &data);
		sealed[i / 8] ^= 1 << i % 8;
	}
	for (size_t i = 0; i < 8 * sizeof(nonce); i++) {
		memcpy(nonce, pair->nonce, sizeof(nonce));
		nonce[i / 8] ^= 1 << i % 8;
		refuse(pair, sealed, length, nonce, &data);
	}
	for (size_t i = 0; i < 8 * sizeof(other); i++) {
		memcpy(other, header, sizeof(other));
		other[i / 8] ^= 1 << i % 8;
		refuse(pair, sealed, length, pair->nonce, &beside);
	}
}

static void test_forged(void **state)
{
	static const size_t lengths[] = {0, 1, 15, 16, 17, 255, 300};

	(void)state;
	for (size_t i = 0; i < CIPHERS; i++) {
		struct pair pair;

		begin(&pair, ciphers[i]);
		for (size_t j = 0; j < sizeof(lengths) / sizeof(*lengths); j++)
			check_forged(&pair, lengths[j]);
		end(&pair);
	}
}

/* The choice is made by measuring, which must not keep anybody waiting. */
static void test_choice(void **state)
{
	double begun = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
	struct pair pair;

	(void)state;
	aead_prepare();
	assert_true(clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - begun < 1.);
	for (size_t i = 0; i < CIPHERS; i++) {
		const char *name;

		begin(&pair, ciphers[i]);
		name = aead_name(pair.ours);
		assert_true(!strcmp(name, "GnuTLS") ||
			    !strncmp(name, "libipsec-mb, ", 13));
		end(&pair);
	}
#ifdef __x86_64__
	if (__builtin_cpu_supports("aes"))
		assert_false(aead_prefers_chacha20());
#endif
}

/* Returns the seconds of one of two ways to seal, the best of many turns. */
static double best_time(struct aead *aead, struct aead_ipsec_mb *mb)
{
	static const uint8_t nonce[AEAD_NONCE_SIZE];
	uint8_t text[SEALED] = {0};
	double best = 1.;

	for (unsigned turn = 0; turn < 200; turn++) {
		double begun = clock_seconds(CLOCK_THREAD_CPUTIME_ID), spent;

		for (unsigned i = 0; i < 8; i++) {
			if (mb)
				aead_ipsec_mb_seal(mb, nonce, &data, text,
						   LONGEST, text);
			else
				assert_int_equal(aead_seal(aead, nonce, &data,
							   text, LONGEST, text),
						 0);
		}
		spent = clock_seconds(CLOCK_THREAD_CPUTIME_ID) - begun;
		if (spent < best)
			best = spent;
	}
	return best;
}

/* A library that is much faster than the chosen one was measured wrongly. */
static void test_choice_is_fast(void **state)
{
	static const uint8_t key[32];

	(void)state;
	for (size_t i = 0; i < CIPHERS; i++) {
		struct aead_ipsec_mb *mb;
		struct aead *aead;

		if (aead_ipsec_mb_new(&mb, ciphers[i], key))
			continue; /* there is none to be compared with */
		assert_int_equal(aead_new(&aead, ciphers[i], key), 0);
		assert_true(best_time(aead, NULL) < 2. * best_time(NULL, mb));
		aead_free(aead);
		aead_ipsec_mb_free(mb);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First, as the choice is made once. */
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_choice_is_fast),
		cmocka_unit_test(test_same_as_gnutls),
		cmocka_unit_test(test_forged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
