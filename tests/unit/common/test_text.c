/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/text.h"

static void test_fits(void **state)
{
	char buffer[8];
	struct text text = {.buffer = buffer, .size = sizeof(buffer)};

	(void)state;
	text_append(&text, "%s", "abc");
	text_append(&text, "%d", 1234);
	assert_true(text_fits(&text));
	assert_string_equal(buffer, "abc1234");
	assert_int_equal(text.length, 7);
}

/* What does not fit is counted, and what is behind the buffer stays. */
static void test_does_not_fit(void **state)
{
	char buffer[8] = "......?";
	struct text text = {.buffer = buffer, .size = 6};

	(void)state;
	text_append(&text, "abc");
	text_append(&text, "def");
	assert_false(text_fits(&text));
	text_append(&text, "ghi");
	assert_int_equal(text.length, 9);
	assert_memory_equal(buffer, "abcde\0?", 7);
}

static void test_no_buffer(void **state)
{
	struct text text = {0};

	(void)state;
	text_append(&text, "abc");
	assert_false(text_fits(&text));
	assert_int_equal(text.length, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_does_not_fit),
		cmocka_unit_test(test_no_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
