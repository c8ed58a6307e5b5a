/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/prefix_set.h"
#include "unit/random_prefix.h"

#define ROUNDS	  300
#define QUESTIONS 300
#define MOST	  40

static bool in_list(const struct inet_prefix *list, size_t count,
		    const struct inet_address *address)
{
	for (size_t i = 0; i < count; i++) {
		if (inet_prefix_contains(&list[i], address))
			return true;
	}
	return false;
}

/* A set answers as a list that is gone through would, whatever is in it. */
static void test_as_list(void **state)
{
	struct inet_prefix list[MOST];
	struct prefix_set set = {0};
	unsigned within = 0;

	(void)state;
	srand(1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		size_t count = below(MOST + 1);

		for (size_t i = 0; i < count; i++)
			list[i] = some_prefix();
		assert_int_equal(prefix_set_make(&set, list, count), 0);
		for (unsigned i = 0; i < QUESTIONS; i++) {
			struct inet_address address = some_prefix().address;
			bool expected = in_list(list, count, &address);

			assert_int_equal(prefix_set_contains(&set, &address),
					 expected);
			within += expected;
		}
	}
	assert_in_range(within, ROUNDS * QUESTIONS / 10,
			ROUNDS * QUESTIONS * 9 / 10);
	prefix_set_free(&set);
}

static struct inet_prefix prefix(const char *text)
{
	struct inet_prefix value;

	assert_int_equal(inet_parse_prefix(text, &value), 0);
	return value;
}

static bool has(const struct prefix_set *set, const char *text)
{
	struct inet_prefix value = prefix(text);

	return prefix_set_contains(set, &value.address);
}

static void test_edges(void **state)
{
	struct inet_prefix list[] = {
		prefix("10.8.0.77/24"), prefix("10.8.2.0/24"),
		prefix("10.8.0.0/25"),	prefix("fd08::/64"),
		{{AF_INET, {0}}, 33},	{{AF_UNSPEC, {0}}, 0},
	};
	struct prefix_set set = {0};

	(void)state;
	assert_false(has(&set, "10.8.0.0"));
	assert_int_equal(prefix_set_make(&set, list, 6), 0);
	assert_int_equal(set.count, 3);
	assert_true(has(&set, "10.8.0.0"));
	assert_true(has(&set, "10.8.0.255"));
	assert_false(has(&set, "10.8.1.0"));
	assert_false(has(&set, "10.7.255.255"));
	assert_true(has(&set, "10.8.2.255"));
	assert_false(has(&set, "10.8.3.0"));
	assert_true(has(&set, "fd08::ffff:ffff:ffff:ffff"));
	assert_false(has(&set, "fd08:0:0:1::"));
	/* Another list takes the place of the first. */
	list[0] = prefix("0.0.0.0/0");
	assert_int_equal(prefix_set_make(&set, list, 3), 0);
	assert_int_equal(set.count, 1);
	assert_true(has(&set, "255.255.255.255"));
	assert_false(has(&set, "fd08::1"));
	assert_int_equal(prefix_set_make(&set, NULL, 0), 0);
	assert_false(has(&set, "10.8.0.0"));
	prefix_set_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_list),
		cmocka_unit_test(test_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
