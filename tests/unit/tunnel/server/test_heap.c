/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>

#include "tunnel/server/heap.h"

#define ITEMS 300

static void test_order(void **state)
{
	static const uint64_t keys[] = {5, 3, UINT64_MAX, 0, 3, 8, 1};
	static const uint64_t sorted[] = {0, 1, 3, 3, 5, 8, UINT64_MAX};
	struct heap_item items[7] = {0};
	struct heap heap = {0};

	(void)state;
	assert_null(heap_first(&heap));
	for (size_t i = 0; i < 7; i++) {
		items[i].key = keys[i];
		assert_int_equal(heap_push(&heap, &items[i]), 0);
	}
	for (size_t i = 0; i < 7; i++) {
		struct heap_item *first = heap_first(&heap);

		assert_true(first->key == sorted[i]);
		heap_remove(&heap, first);
	}
	assert_null(heap_first(&heap));
	heap_clear(&heap);
}

static uint64_t smallest(const struct heap_item *items, const bool *in)
{
	uint64_t key = UINT64_MAX;

	for (size_t i = 0; i < ITEMS; i++)
		if (in[i] && items[i].key < key)
			key = items[i].key;
	return key;
}

/*
 * The heap is compared with a search through all, while entries come and go
 * anywhere.
 */
static void test_random(void **state)
{
	struct heap_item items[ITEMS] = {0};
	bool in[ITEMS] = {false};
	struct heap heap = {0};
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t i = rand_r(&seed) % ITEMS;

		if (in[i]) {
			heap_remove(&heap, &items[i]);
		} else {
			items[i].key = rand_r(&seed) % 1000;
			assert_int_equal(heap_push(&heap, &items[i]), 0);
		}
		in[i] = !in[i];
		if (heap_first(&heap))
			assert_true(heap_first(&heap)->key ==
				    smallest(items, in));
		else
			assert_true(smallest(items, in) == UINT64_MAX);
	}
	heap_clear(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
