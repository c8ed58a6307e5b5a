/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/dtls/record.h"

#define SPAN 60000

/* What the window must say, from a list of all that was ever seen. */
struct model {
	bool seen[SPAN];
	uint64_t newest; /* + 1 */
};

static bool model_check(const struct model *model, uint64_t sequence)
{
	if (sequence + RECORD_WINDOW < model->newest)
		return false;
	return !model->seen[sequence];
}

static void step(struct record_window *window, struct model *model,
		 uint64_t sequence)
{
	bool fresh = model_check(model, sequence);

	assert_int_equal(record_window_check(window, sequence), fresh);
	if (!fresh)
		return;
	record_window_mark(window, sequence);
	assert_false(record_window_check(window, sequence));
	model->seen[sequence] = true;
	if (sequence >= model->newest)
		model->newest = sequence + 1;
}

/* Slowly forward, far and near jumps, always some way back. */
static void test_random(void **state)
{
	static const unsigned jumps[] = {1, 2, 63, 64, 65, 4095, 4096, 4097};
	struct model *model;
	unsigned seed = 5;

	(void)state;
	for (int run = 0; run < 20; run++) {
		struct record_window window = {0};

		model = calloc(1, sizeof(*model));
		assert_non_null(model);
		while (model->newest < SPAN - 5000) {
			uint64_t back = rand_r(&seed) % 4200;

			if (rand_r(&seed) % 16 == 0)
				step(&window, model,
				     model->newest + jumps[rand_r(&seed) % 8] -
					     1);
			else if (rand_r(&seed) % 2)
				step(&window, model, model->newest);
			else if (back < model->newest)
				step(&window, model, model->newest - 1 - back);
		}
		for (uint64_t i = 0; i < SPAN; i++)
			assert_int_equal(record_window_check(&window, i),
					 model_check(model, i));
		free(model);
	}
}

/* The whole window backwards, then once more. */
static void test_reverse(void **state)
{
	struct record_window window = {0};

	(void)state;
	for (uint64_t i = 0; i < 2 * RECORD_WINDOW; i++) {
		uint64_t sequence = 10000 - i;

		assert_int_equal(record_window_check(&window, sequence),
				 i < RECORD_WINDOW);
		record_window_mark(&window, sequence);
	}
	for (uint64_t i = 0; i < 2 * RECORD_WINDOW; i++)
		assert_false(record_window_check(&window, 10000 - i));
	assert_true(record_window_check(&window, 10001));
}

static void test_ends(void **state)
{
	const uint64_t last = (UINT64_C(1) << 48) - 1;
	struct record_window window = {0};

	(void)state;
	assert_true(record_window_check(&window, 0));
	assert_true(record_window_check(&window, last));
	record_window_mark(&window, 0);
	assert_false(record_window_check(&window, 0));
	record_window_mark(&window, last);
	assert_false(record_window_check(&window, last));
	assert_true(record_window_check(&window, last - RECORD_WINDOW + 1));
	assert_false(record_window_check(&window, last - RECORD_WINDOW));
	assert_false(record_window_check(&window, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_reverse),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
