/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "tunnel/server/lease_proof.h"

#define NOW 1800000000

static struct lease lease(void)
{
	struct lease value = {.peer = "alice"};

	assert_int_equal(inet_parse_address("10.8.0.3", &value.address4), 0);
	assert_int_equal(inet_parse_address("fd08::3", &value.address6), 0);
	return value;
}

/* By that key alone, for that peer and those addresses, for a day. */
static void test_proof(void **state)
{
	uint8_t proof[MESSAGE_PROOF_SIZE], key[KEY_SIZE], other[KEY_SIZE];
	const uint8_t roots[2][KEY_SIZE] = {{1}, {2}};
	struct lease alice = lease(), claimed;

	(void)state;
	assert_int_equal(lease_proof_key(roots[0], key), 0);
	assert_int_equal(lease_proof_key(roots[1], other), 0);
	assert_memory_not_equal(key, roots[0], KEY_SIZE);
	assert_int_equal(lease_proof_make(key, &alice, NOW, proof), 0);
	alice.used = 7; /* is no part of it */
	assert_true(lease_proof_check(key, &alice, NOW, proof));
	assert_true(lease_proof_check(key, &alice, NOW - 60, proof));
	assert_false(lease_proof_check(key, &alice, NOW - 61, proof));
	assert_true(
		lease_proof_check(key, &alice, NOW + LEASE_KEPT - 1, proof));
	assert_false(lease_proof_check(key, &alice, NOW + LEASE_KEPT, proof));
	assert_false(lease_proof_check(other, &alice, NOW, proof));
	claimed = alice;
	strcpy(claimed.peer, "mallory");
	assert_false(lease_proof_check(key, &claimed, NOW, proof));
	claimed = alice;
	claimed.address4.bytes[3]++;
	assert_false(lease_proof_check(key, &claimed, NOW, proof));
	claimed = alice;
	claimed.address6 = (struct inet_address){0};
	assert_false(lease_proof_check(key, &claimed, NOW, proof));
	for (size_t i = 0; i < sizeof(proof); i++) {
		proof[i] ^= 1;
		assert_false(lease_proof_check(key, &alice, NOW, proof));
		proof[i] ^= 1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proof),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
