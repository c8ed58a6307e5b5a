/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many senders are told that their packets are too large. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tunnel/data/refusal.h"

static struct inet_address host(uint32_t number)
{
	struct inet_address address = {
		.family = AF_INET,
		.bytes = {198, 51, number >> 8 & 0xff, number & 0xff},
	};

	return address;
}

/* Returns how many are allowed of so many tries at one moment. */
static unsigned allowed(struct refusal_limit *limit, uint32_t number,
			unsigned tries, double now)
{
	struct inet_address address = host(number);
	unsigned count = 0;

	for (unsigned i = 0; i < tries; i++)
		count += refusal_allowed(limit, &address, now);
	return count;
}

/* One that sends without end leaves the others what they need. */
static void test_one_of_many(void **state)
{
	struct refusal_limit limit = {0};
	double now = 1000.;

	(void)state;
	assert_int_equal(allowed(&limit, 1, 10000, now), 20);
	for (unsigned second = 0; second < 100; second++, now += 1.) {
		assert_in_range(allowed(&limit, 1, 10000, now), 0, 10);
		assert_int_equal(allowed(&limit, 2 + second, 3, now + .5), 3);
	}
}

/* Any number of addresses has no more than all have. */
static void test_all(void **state)
{
	struct refusal_limit limit = {0};
	unsigned count = 0;

	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		count += allowed(&limit, i, 2, 1000.);
	assert_int_equal(count, 100);
	for (unsigned i = 0; i < 10000; i++)
		count += allowed(&limit, i, 2, 1000.5);
	assert_int_equal(count, 150);
}

/* Who was least recent is forgotten, and nobody else. */
static void test_the_oldest_goes(void **state)
{
	struct refusal_limit limit = {0};
	double now = 1000.;

	(void)state;
	for (unsigned i = 0; i < REFUSAL_SENDERS; i++, now += .01)
		assert_int_equal(allowed(&limit, i, 5, now), 5);
	assert_int_equal(allowed(&limit, 0, 15, now), 15);
	now += .01;
	assert_int_equal(allowed(&limit, 100, 1, now), 1);
	/* It is the second that has gone. */
	assert_in_range(allowed(&limit, 0, 20, now), 0, 1);
	assert_in_range(allowed(&limit, 2, 20, now), 15, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_of_many),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_the_oldest_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
