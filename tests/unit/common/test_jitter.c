/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/jitter.h"

#define DRAWS 20000
#define PARTS 20

/* All of the range, evenly, and nothing else. */
static void test_evenly(void **state)
{
	unsigned counts[PARTS] = {0};

	(void)state;
	for (unsigned i = 0; i < DRAWS; i++) {
		double time = jitter(10., 0.3, 0.1);

		assert_true(time >= 7. && time <= 11.);
		counts[(unsigned)((time - 7.) / 4.0001 * PARTS)]++;
	}
	/* Eight standard deviations around the mean. */
	for (unsigned i = 0; i < PARTS; i++)
		assert_in_range(counts[i], DRAWS / PARTS - 250,
				DRAWS / PARTS + 250);
}

static void test_nothing_to_choose(void **state)
{
	(void)state;
	assert_true(jitter(3., 0., 0.) == 3.);
	assert_true(jitter(0., 0.5, 0.5) == 0.);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_evenly),
		cmocka_unit_test(test_nothing_to_choose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
