/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "tunnel/server/retry_after.h"

#define NOW   5000.
#define TOOK  0.001 /* seconds that a handshake takes here */
#define CROWD 5000

/* A server that has begun some, one behind the other. */
static struct retry_after busy(void)
{
	struct retry_after retry = {0};

	for (unsigned i = 0; i < 200; i++)
		retry_after_begun(&retry, i < 199, NOW - 1. + i * TOOK);
	return retry;
}

static int compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* Each has a time of its own, and all together no more than it takes. */
static void test_crowd(void **state)
{
	struct retry_after retry = busy();
	double last = 0., wait;

	(void)state;
	for (unsigned i = 0; i < CROWD; i++) {
		wait = retry_after_next(&retry, 128, NOW);
		assert_true(wait >= RETRY_AFTER_LEAST);
		assert_true(wait > last || wait == RETRY_AFTER_LEAST);
		last = wait;
	}
	assert_true(last > 0.8 * CROWD * TOOK);
	assert_true(last < 1.2 * CROWD * TOOK);
	/* Later nobody owes anything to those who were there before. */
	assert_true(retry_after_next(&retry, 0, NOW + 60.) ==
		    RETRY_AFTER_LEAST);
}

/* However many ask: no second has many more of them than another. */
static void test_bound(void **state)
{
	static double waits[20 * CROWD];
	struct retry_after retry = busy();
	const unsigned beyond = 15 * CROWD;
	unsigned most = 0;

	(void)state;
	for (unsigned i = 0; i < 20 * CROWD; i++) {
		waits[i] = retry_after_next(&retry, 128, NOW);
		assert_true(waits[i] <= RETRY_AFTER_MOST);
	}
	qsort(waits + 5 * CROWD, beyond, sizeof(waits[0]), compare);
	for (unsigned i = 5 * CROWD, j = i; i < 20 * CROWD; i++) {
		while (waits[i] - waits[j] > 1.)
			j++;
		if (i - j > most)
			most = i - j;
	}
	assert_true(most < 1.2 * beyond / (RETRY_AFTER_MOST / 2));
}

/* Who has begun too many puts off nobody but himself. */
static void test_held(void **state)
{
	struct retry_after retry = busy();

	(void)state;
	for (unsigned i = 0; i < CROWD; i++) {
		double wait = retry_after_held(&retry);

		assert_true(wait >= RETRY_AFTER_LEAST && wait <= 2.);
	}
	assert_true(retry_after_next(&retry, 0, NOW) == RETRY_AFTER_LEAST);
}

/* A pause in which nobody waited says nothing of how long one takes. */
static void test_pause(void **state)
{
	struct retry_after retry = busy();
	double wait;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		retry_after_begun(&retry, false, NOW + i);
	for (unsigned i = 0; i < CROWD; i++)
		wait = retry_after_next(&retry, 0, NOW + 100.);
	assert_true(wait < 1.5 * CROWD * TOOK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
