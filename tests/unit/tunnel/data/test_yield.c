/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clock and the yielding are the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "tunnel/data/yield.h"

#define SHORT 20e-6
#define LONG  3e-3
/* Of the rest: no less once, no more ever. */
#define LEAST 1.
#define MOST  64.

static double now, taken; /* seconds; by the one that is yielded to */
static unsigned yields;

int sched_yield(void);

int sched_yield(void)
{
	yields++;
	now += taken;
	return 0;
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
	(void)clock;
	at->tv_sec = (time_t)now;
	at->tv_nsec = (long)((now - (double)at->tv_sec) * 1e9);
	return 0;
}

static void begin(struct yield *state)
{
	now = 1000;
	yields = 0;
	yield_init(state);
}

/* A try that takes so long, and the seconds until there is another. */
static double rest_after(struct yield *state, double length)
{
	unsigned before = yields;
	double from;

	taken = length;
	yield(state);
	assert_int_equal(yields, before + 1);
	from = now;
	taken = SHORT;
	while (yields == before + 1) {
		now += .01;
		yield(state);
		assert_true(now - from < 2 * MOST);
	}
	return now - from;
}

static void test_yields_to_who_sleeps_soon(void **state)
{
	struct yield turn;

	(void)state;
	begin(&turn);
	taken = SHORT;
	for (unsigned i = 0; i < 1000; i++)
		yield(&turn);
	assert_int_equal(yields, 1000);
}

static void test_who_does_not_is_tried_again_later(void **state)
{
	struct yield turn;
	double rest;

	(void)state;
	begin(&turn);
	rest = rest_after(&turn, LONG);
	assert_true(rest >= LEAST && rest < LEAST + .1);
}

/* Beside a program that computes: less and less often, but not never. */
static void test_rests_grow_to_a_bound(void **state)
{
	struct yield turn;
	double last = 0;

	(void)state;
	begin(&turn);
	for (unsigned i = 0; i < 12; i++) {
		double rest = rest_after(&turn, LONG);

		assert_true(rest > 1.5 * last || rest > .9 * MOST);
		assert_true(rest < MOST + .1);
		last = rest;
	}
	assert_true(last > .9 * MOST);
}

static void test_they_shrink_once_it_has_ended(void **state)
{
	struct yield turn;
	double rest;

	(void)state;
	begin(&turn);
	for (unsigned i = 0; i < 12; i++)
		rest_after(&turn, LONG);
	taken = SHORT;
	now += MOST;
	for (unsigned i = 0; i < 1000; i++)
		yield(&turn);
	rest = rest_after(&turn, LONG);
	assert_true(rest >= LEAST && rest < LEAST + .1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yields_to_who_sleeps_soon),
		cmocka_unit_test(test_who_does_not_is_tried_again_later),
		cmocka_unit_test(test_rests_grow_to_a_bound),
		cmocka_unit_test(test_they_shrink_once_it_has_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
