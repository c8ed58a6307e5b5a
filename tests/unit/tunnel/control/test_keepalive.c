/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/jitter.h"
#include "tunnel/control/keepalive.h"

/* What chance there is: the part of what is possible, less to more. */
static double chance = -1.; /* none: all times are as they are said */

double jitter(double seconds, double less, double more)
{
	return chance < 0. ? seconds
			   : seconds * (1. - less + (less + more) * chance);
}

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

/* Asks as a caller does, until the verdict comes; when it does. */
static double first(struct keepalive *k, double now,
		    enum keepalive_verdict verdict)
{
	double again;

	while (keepalive_due(k, now, &again) != verdict) {
		assert_true(again > 0.);
		now += again;
		assert_true(now < 1000.);
	}
	return now;
}

/* The server's port is closed: no need of as many questions as of a loss. */
static void test_an_alarm_under_traffic_is_soon_in_doubt(void **state)
{
	struct keepalive k;

	(void)state;
	keepalive_start(&k, 25., 100.);
	keepalive_measured(&k, 0.02);
	keepalive_heard(&k, 101.);
	keepalive_sent(&k, 101.1);
	keepalive_alarm(&k);
	assert_true(first(&k, 101.1, KEEPALIVE_DOUBT) < 101.5);
	keepalive_heard(&k, 101.6);
	keepalive_sent(&k, 101.7);
	assert_true(first(&k, 101.7, KEEPALIVE_DOUBT) > 102.5);
}

/* A NAT has moved us under traffic: nothing comes back of what is sent. */
static void test_traffic_without_an_echo_is_soon_in_doubt(void **state)
{
	struct keepalive k;

	(void)state;
	keepalive_start(&k, 25., 100.);
	keepalive_measured(&k, 0.05);
	keepalive_heard(&k, 120.);
	/* It would have been asked much later. */
	assert_true(keepalive_sent(&k, 120.1));
	assert_false(keepalive_sent(&k, 120.2));
	assert_true(first(&k, 120.1 + keepalive_overdue(&k), KEEPALIVE_PING) <
		    120.8);
	assert_true(first(&k, 120.8, KEEPALIVE_DOUBT) < 121.7);
	/* The attempt has begun: it is only asked now and then. */
	assert_true(first(&k, 121.7, KEEPALIVE_DOUBT) > 122.2);
	keepalive_heard(&k, 123.);
	assert_int_equal(at(&k, 123.1), KEEPALIVE_FINE);
}

/* What we send gets nowhere, and the server goes on to send, and to ask. */
static void test_a_way_that_is_dead_one_way(void **state)
{
	struct keepalive k;
	double now = 110., again;

	(void)state;
	keepalive_start(&k, 25., 100.);
	keepalive_measured(&k, 0.05);
	keepalive_sent(&k, now);
	while (keepalive_due(&k, now, &again) != KEEPALIVE_DOUBT) {
		now += 0.05;
		keepalive_heard(&k, now);
		keepalive_sent(&k, now + 0.01);
		assert_true(now < 114.);
	}
	assert_false(keepalive_is_well(&k));
	keepalive_proved(&k);
	assert_true(keepalive_is_well(&k));
	assert_int_equal(at(&k, now + 0.1), KEEPALIVE_FINE);
}

/* The last that was sent may have been an answer, which wants none. */
static void test_traffic_that_ends_is_asked_once(void **state)
{
	struct keepalive k;

	(void)state;
	keepalive_start(&k, 25., 100.);
	keepalive_measured(&k, 0.05);
	keepalive_heard(&k, 110.);
	keepalive_sent(&k, 110.01);
	assert_true(first(&k, 110.01, KEEPALIVE_PING) > 110.5);
	keepalive_heard(&k, 111.);
	keepalive_proved(&k);
	assert_true(first(&k, 111., KEEPALIVE_PING) > 134.);
}

static void test_a_slow_way_is_not_doubted(void **state)
{
	struct keepalive k;

	(void)state;
	keepalive_start(&k, 25., 100.);
	keepalive_measured(&k, 2.5);
	keepalive_heard(&k, 110.);
	keepalive_sent(&k, 110.1);
	assert_true(first(&k, 110.1, KEEPALIVE_PING) > 110.1 + 2.5);
	/* That this PING is answered is known in time. */
	assert_true(first(&k, 113.2, KEEPALIVE_DOUBT) > 113.2 + 2.5);
}

/*
 * A record each second, whose echo comes 50 ms later two times of three, as do
 * answers to PINGs: a fifth is lost either way. Ten minutes.
 */
static void test_loss_is_no_silence(void **state)
{
	struct keepalive k;
	double now = 100., echo = 0., pong = 0., due = 103.;

	(void)state;
	srand48(1);
	keepalive_start(&k, 25., now);
	keepalive_measured(&k, 0.05);
	for (unsigned step = 0; step < 600 * 100; step++, now += 0.01) {
		double again;

		if (echo > 0. && now >= echo) {
			keepalive_heard(&k, now);
			echo = 0.;
		}
		if (pong > 0. && now >= pong) {
			keepalive_heard(&k, now);
			keepalive_proved(&k);
			pong = 0.;
		}
		if (step % 100 == 0) {
			if (keepalive_sent(&k, now))
				due = now + keepalive_overdue(&k);
			if (drand48() < 0.64)
				echo = now + 0.05;
		}
		if (now < due)
			continue;
		switch (keepalive_due(&k, now, &again)) {
		case KEEPALIVE_PING:
			if (drand48() < 0.64 && pong <= 0.)
				pong = now + 0.05;
			break;
		case KEEPALIVE_FINE:
			break;
		case KEEPALIVE_DOUBT:
		case KEEPALIVE_GONE:
			fail();
		}
		due = now + again;
	}
}

/* No PING tells the interval, or comes after it. */
static void test_times_are_spread(void **state)
{
	static const double expected[][3] = {
		{0., 17.5, 2.55}, {0.5, 21.25, 3.}, {1., 25., 3.45}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct keepalive k;

		chance = expected[i][0];
		keepalive_start(&k, 25., 100.);
		assert_true(k.asked == 100. + expected[i][1]);
		assert_int_equal(at(&k, 100. + expected[i][1] - 0.01),
				 KEEPALIVE_FINE);
		assert_int_equal(at(&k, 100. + expected[i][1]), KEEPALIVE_PING);
		keepalive_heard(&k, 200.);
		keepalive_sent(&k, 200.1);
		assert_int_equal(at(&k, 200. + expected[i][2] - 0.01),
				 KEEPALIVE_FINE);
		assert_int_equal(at(&k, 200. + expected[i][2]), KEEPALIVE_PING);
	}
	chance = -1.;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle_is_pinged_each_interval),
		cmocka_unit_test(test_times_are_spread),
		cmocka_unit_test(test_an_answer_stands_for_a_ping),
		cmocka_unit_test(test_sending_without_an_echo_is_probed_soon),
		cmocka_unit_test(test_an_answer_stands_for_a_ping),
		cmocka_unit_test(test_gone_after_three_intervals),
		cmocka_unit_test(test_an_alarm_asks_at_once),
		cmocka_unit_test(test_an_alarm_under_traffic_is_soon_in_doubt),
		cmocka_unit_test(test_traffic_without_an_echo_is_soon_in_doubt),
		cmocka_unit_test(test_a_way_that_is_dead_one_way),
		cmocka_unit_test(test_traffic_that_ends_is_asked_once),
		cmocka_unit_test(test_a_slow_way_is_not_doubted),
		cmocka_unit_test(test_loss_is_no_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
