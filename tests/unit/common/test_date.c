/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "common/date.h"

/* Until 3 in the night of 2026-10-25 it is two hours to UTC, then one. */
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

static void set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	date_prepare();
}

static int64_t parse(const char *text)
{
	int64_t end;

	assert_int_equal(date_parse_end(text, &end), 0);
	return end;
}

static void assert_both_ways(const char *text, int64_t end)
{
	char again[DATE_SIZE];

	assert_int_equal(parse(text), end);
	assert_string_equal(date_format_end(end, again), text);
}

/* By date -d: the day counts to its end. */
static void test_days(void **state)
{
	(void)state;
	set_zone("UTC0");
	assert_both_ways("1970-01-01", 86400);
	assert_both_ways("2024-02-29", 1709251200);
	assert_both_ways("2026-12-31", 1798761600);
	assert_both_ways("2026-12-31 18:30", 1798741800);
	assert_int_equal(parse("2026-12-31 00:00"), parse("2026-12-30"));
	assert_int_equal(parse("9999-12-31"), 253402300800);
}

/* A day of 23 hours, one of 25, and the minutes around. */
static void test_zones(void **state)
{
	(void)state;
	set_zone(BERLIN);
	assert_both_ways("2026-12-31", 1798761600 - 3600);
	assert_both_ways("2026-07-01", 1782950400 - 7200);
	assert_int_equal(parse("2026-03-29") - parse("2026-03-28"), 23 * 3600);
	assert_int_equal(parse("2026-10-25") - parse("2026-10-24"), 25 * 3600);
	assert_both_ways("2026-10-25 01:59", 1792886340);
	assert_both_ways("2026-10-25 03:00", 1792893600);
	set_zone("KIRI-14");
	assert_both_ways("2026-12-31", 1798761600 - 14 * 3600);
}

static void test_no_dates(void **state)
{
	static const char *const wrong[] = {
		"",
		"never",
		"31.12.2026",
		"2026-1-31",
		"2026-02-29",
		"2100-02-29",
		"2026-00-10",
		"2026-13-10",
		"2026-04-31",
		"2026-04-00",
		"1969-12-31",
		"2026-12-31 24:00",
		"2026-12-31 12:60",
		"2026-12-31 1:00",
		"2026-12-31 12:00:00",
		"2026-12-31T12:00",
		"2026-12-31 ",
		"+026-12-31",
	};
	int64_t end = 7;

	(void)state;
	set_zone("UTC0");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(date_parse_end(wrong[i], &end), -EINVAL);
	assert_int_equal(end, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_zones),
		cmocka_unit_test(test_no_dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
