/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "common/units.h"

static void test_bytes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{0, "0 B"},
		{1023, "1023 B"},
		{1024, "1.0 KiB"},
		{1024 * 1024 - 1, "1.0 MiB"},
		{1288490189, "1.2 GiB"},
		{9019431321, "8.4 GiB"},
		{(uint64_t)5 << 40, "5.0 TiB"},
		{UINT64_MAX, "16.0 EiB"},
	};
	char text[UNITS_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(units_bytes(text, cases[i].bytes),
				    cases[i].text);
}

static void test_duration(void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} cases[] = {
		{-1., "0 s"},
		{0., "0 s"},
		{59.9, "59 s"},
		{60., "1 min"},
		{3599., "59 min"},
		{3600., "1 h 0 min"},
		{11520., "3 h 12 min"},
		{86399., "23 h 59 min"},
		{187200., "2 d 4 h"},
		{NAN, "0 s"},
		{INFINITY, "11574074074 d 1 h"},
	};
	char text[UNITS_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(units_duration(text, cases[i].seconds),
				    cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_duration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
