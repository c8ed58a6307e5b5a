/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tunnel/keepalive.h"

/* The verdict at a time, and that it is never to be asked in the past. */
static enum keepalive_verdict at(struct keepalive *keepalive, double now)
{
	double again;
	enum keepalive_verdict verdict = keepalive_due(keepalive, now, &again);

	if (verdict != KEEPALIVE_GONE)
		assert_true(again > 0.);
	return verdict;
}

static void test_idle_is_pinged_each_interval(void **state)
{
	struct keepalive k;

	(void)state;
	keepalive_start(&k, 25., 100.);
	assert_int_equal(at(&k, 124.), KEEPALIVE_FINE);
	assert_int_equal(at(&k, 125.), KEEPALIVE_PING);
	keepalive_heard(&k, 125.1);
	assert_int_equal(at(&k, 149.), KEEPALIVE_FINE);
	assert_int_equal(at(&k, 150.2), KEEPALIVE_PING);
}

static void test_an_answer_stands_for_a_ping(void **state)
{
	struct keepalive k;

	(void)state;
	keepalive_start(&k, 25., 100.);
	keepalive_heard(&k, 122.);
	keepalive_answered(&k, 122.);
	assert_int_equal(at(&k, 126.), KEEPALIVE_FINE);
	assert_int_equal(at(&k, 147.1), KEEPALIVE_PING);
}

static void test_sending_without_an_echo_is_probed_soon(void **state)
{
	struct keepalive k;

	(void)state;
	keepalive_start(&k, 25., 100.);
	keepalive_heard(&k, 101.);
	keepalive_sent(&k, 101.5);
	assert_int_equal(at(&k, 103.), KEEPALIVE_FINE);
	assert_int_equal(at(&k, 104.1), KEEPALIVE_PING);
	assert_int_equal(at(&k, 105.2), KEEPALIVE_PING);
	assert_int_equal(at(&k, 106.3), KEEPALIVE_PING);
	assert_int_equal(at(&k, 107.4), KEEPALIVE_DOUBT);
	keepalive_heard(&k, 107.5);
	assert_int_equal(at(&k, 107.6), KEEPALIVE_FINE);
}

static void test_gone_after_three_intervals(void **state)
{
	struct keepalive k;

	(void)state;
	keepalive_start(&k, 2., 0.);
	assert_int_not_equal(at(&k, 5.9), KEEPALIVE_GONE);
	assert_int_equal(at(&k, 6.), KEEPALIVE_GONE);
}

static void test_an_alarm_asks_at_once(void **state)
{
	struct keepalive k;

	(void)state;
	keepalive_start(&k, 25., 100.);
	keepalive_heard(&k, 101.);
	assert_int_equal(at(&k, 101.1), KEEPALIVE_FINE);
	keepalive_alarm(&k);
	assert_int_equal(at(&k, 101.2), KEEPALIVE_PING);
	assert_int_equal(at(&k, 101.3), KEEPALIVE_FINE);
	assert_int_equal(at(&k, 102.3), KEEPALIVE_PING);
	assert_int_equal(at(&k, 103.4), KEEPALIVE_DOUBT);
	keepalive_heard(&k, 103.5);
	assert_int_equal(at(&k, 103.6), KEEPALIVE_FINE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle_is_pinged_each_interval),
		cmocka_unit_test(test_sending_without_an_echo_is_probed_soon),
		cmocka_unit_test(test_an_answer_stands_for_a_ping),
		cmocka_unit_test(test_gone_after_three_intervals),
		cmocka_unit_test(test_an_alarm_asks_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
