/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/siphash.h"

/* The authors' example: 15 bytes, and the key, that count up from 0. */
static void test_example(void **state)
{
	static const struct siphash_key key = {0x0706050403020100,
					       0x0f0e0d0c0b0a0908};
	static const uint8_t text[] = {0, 1, 2,	 3,  4,	 5,  6, 7,
				       8, 9, 10, 11, 12, 13, 14};

	(void)state;
	assert_int_equal(siphash(&key, text, sizeof(text)), 0xa129ca6149be45e5);
	/*
	 * These are of the authors' table of results, for no bytes and the
	 * first eight.
	 */
	assert_int_equal(siphash(&key, text, 0), 0x726fdb47dd0e0e31);
	assert_int_equal(siphash(&key, text, 8), 0x93f5f5799a932462);
}

/* Every bit of key, text and length counts. */
static void test_all_counts(void **state)
{
	struct siphash_key key = {1, 2};
	uint8_t text[19] = {0};
	uint64_t before = siphash(&key, text, sizeof(text));

	(void)state;
	for (unsigned i = 0; i < 8 * sizeof(text); i++) {
		text[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_not_equal(siphash(&key, text, sizeof(text)), before);
		text[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t length = 0; length < sizeof(text); length++)
		assert_int_not_equal(siphash(&key, text, length), before);
	key.high ^= 1;
	assert_int_not_equal(siphash(&key, text, sizeof(text)), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_all_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
