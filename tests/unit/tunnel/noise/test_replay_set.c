/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "tunnel/noise/replay_set.h"

static void add(struct replay_set *set, uint32_t number, int64_t now)
{
	uint8_t salt[REPLAY_SET_SALT] = {0};

	put32(salt + 3, number);
	replay_set_add(set, salt, now);
}

static bool has(const struct replay_set *set, uint32_t number)
{
	uint8_t salt[REPLAY_SET_SALT] = {0};

	put32(salt + 3, number);
	return replay_set_has(set, salt);
}

/* As many as it is for are all remembered, and no others. */
static void test_full(void **state)
{
	struct replay_set *set;

	(void)state;
	assert_int_equal(replay_set_new(&set), 0);
	for (uint32_t i = 0; i < REPLAY_SET_SALTS; i++) {
		assert_false(has(set, i));
		add(set, i, 100);
	}
	for (uint32_t i = 0; i < REPLAY_SET_SALTS; i++)
		assert_true(has(set, i));
	for (uint32_t i = 0; i < REPLAY_SET_SALTS; i++)
		add(set, UINT32_MAX - i, 101);
	/* Of more the newest are. */
	for (uint32_t i = 0; i < REPLAY_SET_SALTS; i++)
		assert_true(has(set, UINT32_MAX - i));
	add(set, 1000000, 102);
	assert_false(has(set, 5));
	assert_true(has(set, 1000000));
	replay_set_free(set);
}

static void test_time(void **state)
{
	struct replay_set *set;

	(void)state;
	assert_int_equal(replay_set_new(&set), 0);
	add(set, 1, 1000);
	add(set, 2, 1000 + REPLAY_SET_SECONDS - 1);
	add(set, 3, 1000 + REPLAY_SET_SECONDS);
	assert_true(has(set, 1) && has(set, 2) && has(set, 3));
	/* For as long as they might come again, whenever they came. */
	add(set, 4, 1000 + 2 * REPLAY_SET_SECONDS - 1);
	assert_true(has(set, 2));
	add(set, 5, 1000 + 2 * REPLAY_SET_SECONDS);
	assert_false(has(set, 1));
	assert_true(has(set, 3) && has(set, 4) && has(set, 5));
	replay_set_free(set);
}

static void test_memory(void **state)
{
	struct replay_set *set;
	size_t before;

	(void)state;
	assert_int_equal(replay_set_new(&set), 0);
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	for (uint32_t i = 0; i < 10 * REPLAY_SET_SALTS; i++)
		add(set, i, i / 100);
	assert_int_equal(mallinfo2().uordblks + mallinfo2().hblkhd, before);
	replay_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
