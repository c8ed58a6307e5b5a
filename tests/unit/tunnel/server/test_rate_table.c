/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tunnel/server/rate_table.h"

#define BURST 10
#define RATE  2.

static rate_table_place find(struct rate_table *table, uint32_t key)
{
	return rate_table_find(table, &key, sizeof(key));
}

/* Returns how many there are at once. */
static unsigned drain(struct rate_table *table, uint32_t key, double now)
{
	rate_table_place place = find(table, key);
	unsigned count = 0;

	for (; rate_table_allows(table, place, now); count++)
		rate_table_take(table, place, now);
	return count;
}

static void test_one_key(void **state)
{
	struct rate_table *table;

	(void)state;
	assert_int_equal(rate_table_new(&table, BURST, RATE), 0);
	assert_int_equal(drain(table, 1, 1000.), BURST);
	assert_int_equal(drain(table, 1, 1000.4), 0);
	assert_int_equal(drain(table, 1, 1000.6), 1);
	assert_int_equal(drain(table, 1, 1003.1), 5);
	/* After a long pause no more than a burst. */
	assert_int_equal(drain(table, 1, 9000.), BURST);
	rate_table_free(table);
	rate_table_free(NULL);
}

static void test_returned(void **state)
{
	struct rate_table *table;

	(void)state;
	assert_int_equal(rate_table_new(&table, BURST, RATE), 0);
	for (unsigned i = 0; i < 100 * BURST; i++) {
		assert_true(rate_table_allows(table, find(table, 1), 1000.));
		rate_table_take(table, find(table, 1), 1000.);
		rate_table_return(table, find(table, 1), 900., 1000.);
	}
	assert_true(rate_table_full_at(table, find(table, 1)) == 900.);
	assert_int_equal(drain(table, 1, 1000.), BURST);
	/* Others have been taken meanwhile: of these none comes back. */
	rate_table_return(table, find(table, 1), 900., 1000.);
	assert_int_equal(drain(table, 1, 1000.), 1);
	rate_table_free(table);
}

/* What is taken beyond the burst is no debt that lasts. */
static void test_taken_all_the_same(void **state)
{
	struct rate_table *table;

	(void)state;
	assert_int_equal(rate_table_new(&table, BURST, RATE), 0);
	for (unsigned i = 0; i < 100 * BURST; i++)
		rate_table_take(table, find(table, 1), 1000.);
	assert_int_equal(drain(table, 1, 1000.), 0);
	assert_int_equal(drain(table, 1, 1000. + BURST / RATE), BURST);
	rate_table_free(table);
}

/*
 * Of a thousand others no more than a few suffer for what 400 have spent; and
 * however many there are, none of those has anything again.
 */
static void test_many_keys(void **state)
{
	struct rate_table *table;
	unsigned harmed = 0;

	(void)state;
	assert_int_equal(rate_table_new(&table, BURST, RATE), 0);
	for (uint32_t key = 0; key < 400; key++)
		drain(table, key, 1000.);
	for (uint32_t key = 0; key < 1000; key++)
		harmed += !rate_table_allows(table, find(table, 1000 + key),
					     1000.);
	assert_in_range(harmed, 0, 5);
	for (uint32_t key = 1000; key < 101000; key++)
		rate_table_take(table, find(table, key), 1000.);
	for (uint32_t key = 0; key < 400; key++)
		assert_int_equal(drain(table, key, 1000.), 0);
	rate_table_free(table);
}

/* Nobody can tell beforehand who shares a place with whom. */
static void test_secret(void **state)
{
	struct rate_table *tables[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(rate_table_new(&tables[i], BURST, RATE), 0);
	assert_int_not_equal(find(tables[0], 1), find(tables[1], 1));
	for (unsigned i = 0; i < 2; i++)
		rate_table_free(tables[i]);
}

/* Earlier for who has taken less, or longer ago. */
static void test_order(void **state)
{
	struct rate_table *table;

	(void)state;
	assert_int_equal(rate_table_new(&table, BURST, RATE), 0);
	rate_table_take(table, find(table, 1), 1000.);
	rate_table_take(table, find(table, 2), 1100.);
	rate_table_take(table, find(table, 3), 1100.);
	rate_table_take(table, find(table, 3), 1100.);
	assert_true(rate_table_full_at(table, find(table, 0)) <
		    rate_table_full_at(table, find(table, 1)));
	assert_true(rate_table_full_at(table, find(table, 1)) <
		    rate_table_full_at(table, find(table, 2)));
	assert_true(rate_table_full_at(table, find(table, 2)) <
		    rate_table_full_at(table, find(table, 3)));
	rate_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_key),
		cmocka_unit_test(test_returned),
		cmocka_unit_test(test_taken_all_the_same),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_secret),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
