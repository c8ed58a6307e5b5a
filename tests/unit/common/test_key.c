/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/key.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* RFC 8032, section 7.1: TEST 1 and TEST 2. */
static const uint8_t seeds[2][KEY_SIZE] = {
	{0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
	 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
	 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60},
	{0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3,
	 0x46, 0xec, 0x11, 0x4e, 0x0f, 0x5b, 0x8a, 0x31, 0x9f, 0x35, 0xab,
	 0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8, 0xa6, 0xfb},
};
static const uint8_t publics[2][KEY_SIZE] = {
	{0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
	 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
	 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a},
	{0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a, 0x92, 0xb7, 0x0a,
	 0xa7, 0x4d, 0x1b, 0x7e, 0xbc, 0x9c, 0x98, 0x2c, 0xcf, 0x2e, 0xc4,
	 0x96, 0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c},
};

static void test_public(void **state)
{
	uint8_t key[KEY_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_int_equal(key_public(seeds[i], key), 0);
		assert_memory_equal(key, publics[i], sizeof(key));
	}
}

static void test_text(void **state)
{
	static const char text[] =
		"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
	char made[KEY_TEXT_SIZE];
	uint8_t key[KEY_SIZE];

	(void)state;
	key_format(seeds[0], made);
	assert_string_equal(made, text);
	assert_int_equal(key_parse(text, key), 0);
	assert_memory_equal(key, seeds[0], sizeof(key));
}

static void test_every_byte(void **state)
{
	uint8_t key[KEY_SIZE], again[KEY_SIZE];
	char text[KEY_TEXT_SIZE];
	unsigned i, j;

	(void)state;
	for (i = 0; i < 256; i++) {
		for (j = 0; j < KEY_SIZE; j++)
			key[j] = (uint8_t)(i * (j + 1));
		key_format(key, text);
		assert_int_equal(key_parse(text, again), 0);
		assert_memory_equal(key, again, sizeof(key));
	}
}

static void test_strict(void **state)
{
	static const char *const bad[] = {
		"",
		"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
		"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A==",
		"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2AA",
		"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2==",
		/*
		 * These have the same bytes, but other bits behind the last
		 * one.
		 */
		"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2B=",
		"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2D=",
		"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=",
		" WGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=",
		"nWGxne/9WmC6hEr0kuwsxER\nxWl7MmkZcDusAxyuf2A=",
		"nWGxne/9WmC6hEr0kuwsxER\xc3\xa4Wl7MmkZcDusAxyuf2A=",
		"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A= ",
	};
	uint8_t key[KEY_SIZE], before[KEY_SIZE];
	size_t i;

	(void)state;
	memset(before, 0x5a, sizeof(before));
	memcpy(key, before, sizeof(key));
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(key_parse(bad[i], key), -EINVAL);
	assert_memory_equal(key, before, sizeof(key));
}

static void test_generate(void **state)
{
	uint8_t a[KEY_SIZE] = {0}, b[KEY_SIZE] = {0}, public_key[KEY_SIZE];

	(void)state;
	assert_int_equal(key_generate(a), 0);
	assert_int_equal(key_generate(b), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_equal(key_public(a, public_key), 0);
	assert_memory_not_equal(a, public_key, sizeof(a));
}

static void test_pkcs8(void **state)
{
	uint8_t der[KEY_PKCS8_SIZE];

	(void)state;
	key_to_pkcs8(seeds[0], der);
	/* SEQUENCE of 46 bytes; the seed in OCTET STRINGs of 34 and 32. */
	assert_int_equal(der[0], 0x30);
	assert_int_equal(der[1], sizeof(der) - 2);
	assert_memory_equal(der + 12, "\x04\x22\x04\x20", 4);
	assert_memory_equal(der + 16, seeds[0], KEY_SIZE);
}

/* X25519's keys are points of another curve, and half of them of this one. */
static void test_is_public(void **state)
{
	uint8_t key[KEY_SIZE], public_key[KEY_SIZE];
	unsigned points = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(key_generate(key), 0);
		assert_false(key_is_wireguard(key));
		assert_int_equal(key_public(key, public_key), 0);
		assert_true(key_is_public(public_key));
		points += key_is_public(key);
	}
	assert_in_range(points, 60, 140);
	/* The neutral element, and what is no number below p. */
	memset(key, 0, sizeof(key));
	key[0] = 1;
	assert_false(key_is_public(key));
	memset(key, 0xff, sizeof(key));
	assert_false(key_is_public(key));
	key[0] = 0xf8;
	key[31] = 0x7f;
	assert_true(key_is_wireguard(key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_public),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_generate),
		cmocka_unit_test(test_pkcs8),
		cmocka_unit_test(test_is_public),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
