/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "common/prefix_map.h"
#include "unit/random_prefix.h"

#define ROUNDS	  300
#define QUESTIONS 300
#define MOST	  40
#define MANY	  10000

static struct prefix_map_entry *longest(struct prefix_map_entry *list,
					size_t count, const bool *added,
					const struct inet_address *address)
{
	struct prefix_map_entry *found = NULL;

	for (size_t i = 0; i < count; i++) {
		if (added[i] &&
		    inet_prefix_contains(&list[i].prefix, address) &&
		    (!found || list[i].prefix.length > found->prefix.length))
			found = &list[i];
	}
	return found;
}

static void ask(const struct prefix_map *map, struct prefix_map_entry *list,
		const bool *added)
{
	for (unsigned i = 0; i < QUESTIONS; i++) {
		struct inet_address address = some_prefix().address;

		assert_ptr_equal(prefix_map_find(map, &address),
				 longest(list, MOST, added, &address));
	}
}

/*
 * A map answers as a list that is gone through would, while entries come and
 * go.
 */
static void test_as_list(void **state)
{
	struct prefix_map_entry list[MOST];

	(void)state;
	srand(1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct prefix_map map = {0};
		bool added[MOST] = {false};

		for (size_t i = 0; i < MOST; i++) {
			struct inet_prefix prefix = some_prefix();

			list[i] = (struct prefix_map_entry){
				.prefix = inet_prefix_network(&prefix)};
			added[i] = !prefix_map_add(&map, &list[i]);
		}
		ask(&map, list, added);
		for (size_t i = 0; i < MOST; i += 2) {
			if (added[i])
				prefix_map_remove(&map, &list[i]);
			added[i] = false;
		}
		ask(&map, list, added);
		for (size_t i = 0; i < MOST; i++) {
			if (added[i])
				prefix_map_remove(&map, &list[i]);
		}
		assert_null(map.entries);
	}
}

static void test_twice(void **state)
{
	struct prefix_map map = {0};
	struct prefix_map_entry one = {0}, same;

	(void)state;
	assert_int_equal(inet_parse_prefix("10.1.0.0/16", &one.prefix), 0);
	same = one;
	assert_int_equal(prefix_map_add(&map, &one), 0);
	assert_int_equal(prefix_map_add(&map, &same), -EEXIST);
	prefix_map_remove(&map, &one);
	assert_int_equal(prefix_map_add(&map, &same), 0);
	prefix_map_remove(&map, &same);
}

static double processor_ms(void)
{
	return (double)clock() * 1e3 / CLOCKS_PER_SEC;
}

/*
 * Returns the milliseconds that MANY questions take, each for another address.
 */
static double cost(const struct prefix_map *map)
{
	double begin = processor_ms();
	struct inet_address address = {.family = AF_INET};
	unsigned found = 0;

	for (unsigned i = 0; i < MANY; i++) {
		unsigned number = below(1 << 24);

		address.bytes[0] = below(2) ? 10 : 11;
		for (unsigned byte = 1; byte < 4; byte++)
			address.bytes[byte] = (uint8_t)(number >> 8 * byte);
		found += prefix_map_find(map, &address) != NULL;
	}
	assert_true(found < MANY);
	return processor_ms() - begin;
}

/* A look-up costs the same with one network and with ten thousand. */
static void test_many(void **state)
{
	struct prefix_map_entry *list = calloc(MANY, sizeof(*list));
	struct prefix_map map = {0};
	double few, many;

	(void)state;
	assert_non_null(list);
	for (unsigned i = 0; i < MANY; i++) {
		list[i].prefix.address = (struct inet_address){
			.family = AF_INET,
			.bytes = {10, (uint8_t)(i >> 8), (uint8_t)i},
		};
		list[i].prefix.length = 24;
	}
	assert_int_equal(prefix_map_add(&map, &list[0]), 0);
	few = cost(&map);
	for (unsigned i = 1; i < MANY; i++)
		assert_int_equal(prefix_map_add(&map, &list[i]), 0);
	many = cost(&map);
	print_message("%u look-ups: %.1f ms in one, %.1f ms in %u\n", MANY, few,
		      many, MANY);
	/* Linear would be a thousand times. */
	assert_true(many < 20 * few + 20);
	for (unsigned i = 0; i < MANY; i++)
		prefix_map_remove(&map, &list[i]);
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_list),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
