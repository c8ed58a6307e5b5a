/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records by themselves: vectors, forgery, replay, limits. That others
 * understand them is for test_record_peers.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/dtls/dtls.h"
#include "tunnel/dtls/record.h"

#define LARGEST	 20000
#define SEQUENCE 0x0102030405

static const char text[] = "minivpn test record";

/*
 * Made with the Python package cryptography, from RFC 5288, RFC 7905 and RFC
 * 6347 and not with this code: key 00 01 02 ..., IV a0 a1 a2 ..., epoch 1; a
 * record of the text above at SEQUENCE, and an empty one at 0.
 */
static const struct vector {
	gnutls_cipher_algorithm_t cipher;
	size_t headroom, overhead;
	const char *full, *empty;
} vectors[] = {
	{GNUTLS_CIPHER_AES_128_GCM, 21, 37,
	 "17fefd0001000102030405002b0001000102030405"
	 "a641e87ebe72a74194f052338e1e1c96e0a1a740a0749355129d507f45085b5c05f8f0",
	 "17fefd00010000000000000018000100000000000"
	 "0cf56bb3843ba8ce1e99537eb0dc32615"},
	{GNUTLS_CIPHER_AES_256_GCM, 21, 37,
	 "17fefd0001000102030405002b0001000102030405"
	 "eab695b253c06493f88794ad9ed22734ee74e1bdc1d652a8d6392ab786bceae9b62b57",
	 "17fefd00010000000000000018000100000000000"
	 "01df997c2c79afa7c232e895b5b081148"},
	{GNUTLS_CIPHER_CHACHA20_POLY1305, 13, 29,
	 "17fefd00010001020304050023"
	 "987222473117da8ce8ebc5c3135453f9a30281875beb1556b6ef9d769bb221b154be93",
	 "17fefd00010000000000000010814ea094440d30a35b9584bc72e2d8c1"},
};

#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

/* Both directions have the same keys: a record opens what it has sealed. */
static struct record_keys make_keys(gnutls_cipher_algorithm_t cipher)
{
	struct record_keys keys = {.cipher = cipher, .epoch = 1};

	for (uint8_t i = 0; i < RECORD_KEY_SIZE; i++)
		keys.seal_key[i] = keys.open_key[i] = i;
	for (uint8_t i = 0; i < RECORD_IV_SIZE; i++)
		keys.seal_iv[i] = keys.open_iv[i] = 0xa0 + i;
	return keys;
}

static struct record *make_record(const struct record_keys *keys)
{
	struct record *record;

	assert_int_equal(record_new_keys(&record, keys), 0);
	return record;
}

static struct record *make_fresh(size_t vector)
{
	struct record_keys keys = make_keys(vectors[vector].cipher);

	return make_record(&keys);
}

static size_t from_hex(const char *hex, uint8_t *bytes)
{
	size_t length = strlen(hex) / 2;

	for (size_t i = 0; i < length; i++) {
		const char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};

		bytes[i] = strtoul(pair, NULL, 16);
	}
	return length;
}

static ssize_t open_copy(struct record *record, const uint8_t *sealed,
			 size_t length, size_t *used)
{
	uint8_t *copy = malloc(length ? length : 1), *plain;
	ssize_t opened;

	assert_non_null(copy);
	memcpy(copy, sealed, length);
	opened = record_open(record, copy, length, &plain, used);
	if (opened >= 0)
		assert_true(plain >= copy && plain + opened <= copy + length);
	free(copy);
	return opened;
}

static void check_vector(const struct record_keys *keys, const char *hex,
			 const char *plain, size_t length)
{
	struct record *record = make_record(keys);
	uint8_t expected[256], sealed[256], *opened;
	size_t size = from_hex(hex, expected), used;

	assert_int_equal(record_seal(record, sealed, sizeof(sealed),
				     (const uint8_t *)plain, length),
			 size);
	assert_memory_equal(sealed, expected, size);
	assert_int_equal(record_open(record, sealed, size, &opened, &used),
			 length);
	assert_int_equal(used, size);
	assert_ptr_equal(opened, sealed + record_headroom(record));
	assert_memory_equal(opened, plain, length);
	record_free(record);
}

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		struct record_keys keys = make_keys(vectors[i].cipher);
		struct record *record = make_record(&keys);

		assert_int_equal(record_headroom(record), vectors[i].headroom);
		assert_int_equal(record_overhead(record), vectors[i].overhead);
		record_free(record);
		check_vector(&keys, vectors[i].empty, "", 0);
		keys.sequence = SEQUENCE;
		check_vector(&keys, vectors[i].full, text, sizeof(text) - 1);
	}
}

static void test_unknown_suite(void **state)
{
	struct record_keys keys = make_keys(GNUTLS_CIPHER_AES_128_CCM);
	struct record *record;

	(void)state;
	assert_int_equal(record_new_keys(&record, &keys), -ENOTSUP);
	record_free(NULL);
}

static void test_in_place(void **state)
{
	static uint8_t plain[LARGEST], apart[LARGEST], place[LARGEST];

	(void)state;
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = i * 7;
	for (size_t i = 0; i < VECTORS; i++) {
		struct record *one = make_fresh(i), *two = make_fresh(i);
		size_t headroom = record_headroom(one);
		ssize_t length;

		memcpy(place + headroom, plain, 1400);
		length = record_seal(one, place, sizeof(place),
				     place + headroom, 1400);
		assert_int_equal(length, 1400 + record_overhead(one));
		assert_int_equal(
			record_seal(two, apart, sizeof(apart), plain, 1400),
			length);
		assert_memory_equal(place, apart, length);
		record_free(one);
		record_free(two);
	}
}

static void test_sizes(void **state)
{
	static uint8_t plain[LARGEST], sealed[LARGEST];

	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		struct record *record = make_fresh(i);
		size_t overhead = record_overhead(record), used;

		assert_int_equal(
			record_seal(record, sealed, LARGEST, plain, 16385),
			-EMSGSIZE);
		assert_int_equal(
			record_seal(record, sealed, LARGEST, plain, SIZE_MAX),
			-EMSGSIZE);
		assert_int_equal(
			record_seal(record, sealed, 99 + overhead, plain, 100),
			-EMSGSIZE);
		assert_int_equal(
			record_seal(record, sealed, 100 + overhead, plain, 100),
			100 + overhead);
		assert_int_equal(
			record_seal(record, sealed, LARGEST, plain, 16384),
			16384 + overhead);
		assert_int_equal(
			open_copy(record, sealed, 16384 + overhead, &used),
			16384);
		/* A length that no record has (RFC 5246, section 6.2.3). */
		sealed[10]++;
		sealed[11] = 0x41;
		assert_int_equal(open_copy(record, sealed, LARGEST, &used),
				 -EBADMSG);
		record_free(record);
	}
}

/* Each bit of each byte; then the record itself, which is still good. */
static void test_tampering(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		struct record *record = make_fresh(i);
		uint8_t sealed[256];
		size_t length = from_hex(vectors[i].full, sealed), used;

		for (size_t bit = 0; bit < 8 * length; bit++) {
			ssize_t expected = -EBADMSG;

			/* Type, version and epoch are not even tried. */
			if (bit / 8 < 5)
				expected = -EPROTO;
			sealed[bit / 8] ^= 1 << bit % 8;
			assert_int_equal(
				open_copy(record, sealed, length, &used),
				expected);
			sealed[bit / 8] ^= 1 << bit % 8;
		}
		assert_int_equal(open_copy(record, sealed, length, &used),
				 sizeof(text) - 1);
		record_free(record);
	}
}

static void test_truncation(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		struct record *record = make_fresh(i);
		uint8_t sealed[256];
		size_t length = from_hex(vectors[i].full, sealed), used;

		for (size_t cut = 0; cut < length; cut++) {
			assert_int_equal(open_copy(record, sealed, cut, &used),
					 -EBADMSG);
			assert_int_equal(used, 0);
		}
		/* With a length that says so: also when too short for a tag. */
		for (size_t cut = DTLS_HEADER; cut < length; cut++) {
			sealed[12] = cut - DTLS_HEADER;
			assert_int_equal(open_copy(record, sealed, cut, &used),
					 -EBADMSG);
			assert_int_equal(used, cut);
		}
		record_free(record);
	}
}

static void test_not_ours(void **state)
{
	struct record *record = make_fresh(0);
	uint8_t sealed[256], before[256], *plain;
	size_t length = from_hex(vectors[0].full, sealed), used;

	(void)state;
	sealed[DTLS_TYPE] = DTLS_ALERT;
	memcpy(before, sealed, length);
	assert_int_equal(record_open(record, sealed, length, &plain, &used),
			 -EPROTO);
	assert_int_equal(used, length);
	assert_memory_equal(sealed, before, length);
	record_free(record);
}

/* Several records in one datagram, the second of them forged. */
static void test_datagram(void **state)
{
	struct record *record = make_fresh(2);
	uint8_t datagram[256] = {0}, *plain;
	size_t length = 0, each, at = 0, used;
	ssize_t expected[] = {5, -EBADMSG, 5, -EBADMSG};

	(void)state;
	for (int i = 0; i < 3; i++)
		length += record_seal(record, datagram + length,
				      sizeof(datagram) - length,
				      (const uint8_t *)text, 5);
	each = length / 3;
	datagram[each + DTLS_HEADER] ^= 1;
	length += 4;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(record_open(record, datagram + at, length - at,
					     &plain, &used),
				 expected[i]);
		assert_int_equal(used, i < 3 ? each : 0);
		at += used;
	}
	record_free(record);
}

static ssize_t seal_at(struct record_keys *keys, uint64_t sequence,
		       uint8_t *sealed, size_t size)
{
	struct record *record;
	ssize_t length;

	keys->sequence = sequence;
	record = make_record(keys);
	length = record_seal(record, sealed, size, (const uint8_t *)text, 4);
	record_free(record);
	return length;
}

static void test_replay(void **state)
{
	static const struct {
		uint64_t sequence;
		ssize_t result;
	} cases[] = {
		{5000, 4},	   {5000, -EALREADY},  {905, 4},
		{904, -EALREADY},  {905, -EALREADY},   {4999, 4},
		{4999, -EALREADY}, {5001, 4},	       {905, -EALREADY},
		{906, 4},	   {100000, 4},	       {5002, -EALREADY},
		{95905, 4},	   {95904, -EALREADY},
	};
	struct record_keys keys = make_keys(GNUTLS_CIPHER_AES_128_GCM);
	struct record *record = make_record(&keys);
	uint8_t sealed[64];
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ssize_t length = seal_at(&keys, cases[i].sequence, sealed,
					 sizeof(sealed));

		/* A forgery before it must not use its number up. */
		sealed[length - 1] ^= 1;
		assert_true(open_copy(record, sealed, length, &used) < 0);
		sealed[length - 1] ^= 1;
		assert_int_equal(open_copy(record, sealed, length, &used),
				 cases[i].result);
		assert_int_equal(used, length);
	}
	record_free(record);
}

static void test_sequence_end(void **state)
{
	const uint64_t end = (UINT64_C(1) << 48) - (1 << 20);
	struct record_keys keys = make_keys(GNUTLS_CIPHER_CHACHA20_POLY1305);
	struct record *record;
	uint8_t sealed[64];

	(void)state;
	assert_true(seal_at(&keys, end - 2, sealed, sizeof(sealed)) > 0);
	assert_int_equal(seal_at(&keys, end, sealed, sizeof(sealed)),
			 -EKEYEXPIRED);
	assert_int_equal(seal_at(&keys, UINT64_MAX, sealed, sizeof(sealed)),
			 -EKEYEXPIRED);
	keys.sequence = (UINT64_C(1) << 47) - 2;
	record = make_record(&keys);
	assert_false(record_worn(record));
	for (int i = 0; i < 2; i++)
		assert_true(record_seal(record, sealed, sizeof(sealed),
					(const uint8_t *)text, 1) > 0);
	assert_true(record_worn(record));
	record_free(record);
}

static bool worn_after(gnutls_cipher_algorithm_t cipher, uint64_t sealed,
		       uint64_t opened, uint64_t forged)
{
	struct record_keys keys = make_keys(cipher);
	struct record *record;
	bool worn;

	keys.usage = (struct record_usage){sealed, opened, forged};
	record = make_record(&keys);
	worn = record_worn(record);
	record_free(record);
	return worn;
}

static void test_worn(void **state)
{
	const uint64_t half = UINT64_C(1) << 35;

	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		gnutls_cipher_algorithm_t cipher = vectors[i].cipher;
		bool gcm = cipher != GNUTLS_CIPHER_CHACHA20_POLY1305;

		assert_false(worn_after(cipher, half - 1, half - 1, half - 1));
		assert_int_equal(worn_after(cipher, half, 0, 0), gcm);
		assert_int_equal(worn_after(cipher, 0, half, 0), gcm);
		assert_true(worn_after(cipher, 0, 0, half));
	}
}

/* The last record under the limit, what it counts for, and none after it. */
static void test_limits(void **state)
{
	const uint64_t limit = UINT64_C(1) << 36;
	struct record_keys keys = make_keys(GNUTLS_CIPHER_AES_256_GCM);
	uint8_t sealed[128], forged[128];
	struct record *record;
	ssize_t length;
	size_t used;

	(void)state;
	keys.usage.sealed = limit - 5;
	keys.usage.opened = limit / 2 - 5;
	keys.usage.forged = limit - 1;
	record = make_record(&keys);
	for (size_t blocks = 2; blocks <= 3; blocks++) {
		length = record_seal(record, sealed, sizeof(sealed),
				     (const uint8_t *)text,
				     blocks == 2 ? 16 : 17);
		assert_true(length > 0);
		assert_true(open_copy(record, sealed, length, &used) > 0);
	}
	assert_int_equal(record_seal(record, sealed, sizeof(sealed),
				     (const uint8_t *)text, 1),
			 -EKEYEXPIRED);
	length = from_hex(vectors[1].full, forged);
	forged[length - 1] ^= 1;
	assert_int_equal(open_copy(record, forged, length, &used), -EBADMSG);
	forged[length - 1] ^= 1;
	assert_int_equal(open_copy(record, forged, length, &used),
			 -EKEYEXPIRED);
	assert_int_equal(used, length);
	record_free(record);
	assert_true(worn_after(GNUTLS_CIPHER_AES_256_GCM, 0, limit, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_unknown_suite),
		cmocka_unit_test(test_in_place),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_tampering),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_datagram),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_sequence_end),
		cmocka_unit_test(test_worn),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
