/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/date.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define DAY    86400
#define MINUTE 60

void date_prepare(void)
{
	tzset();
}

/* mktime() would read the files again; localtime_r() does not. */
static int64_t zone_offset(int64_t moment)
{
	time_t seconds = (time_t)moment;
	struct tm parts;

	/* With 32 bits time ends in 2038. */
	if (seconds != moment || !localtime_r(&seconds, &parts))
		return 0;
	return parts.tm_gmtoff;
}

static bool is_leap(unsigned year)
{
	return (year % 4 == 0 && year % 100) || year % 400 == 0;
}

static unsigned month_days(unsigned year, unsigned month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30,
				       31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970-01-01 on. */
static int64_t day_number(unsigned year, unsigned month, unsigned day)
{
	int64_t number = day - 1;

	for (unsigned y = 1970; y < year; y++)
		number += is_leap(y) ? 366 : 365;
	for (unsigned m = 1; m < month; m++)
		number += month_days(year, m);
	return number;
}

/* Digits where the form has a 0, all else as it is there. */
static bool has_form(const char *text, const char *form)
{
	for (; *form; text++, form++) {
		if (*form == '0' ? *text < '0' || *text > '9' : *text != *form)
			return false;
	}
	return !*text;
}

int date_parse_end(const char *text, int64_t *end)
{
	bool timed = has_form(text, "0000-00-00 00:00");
	unsigned year, month, day, hour = 24, minute = 0;
	int64_t local;

	if (!timed && !has_form(text, "0000-00-00"))
		return -EINVAL;
	sscanf(text, "%u-%u-%u %u:%u", &year, &month, &day, &hour, &minute);
	if (year < 1970 || month < 1 || month > 12 || day < 1 ||
	    day > month_days(year, month) || hour > 24 || minute > 59 ||
	    (timed && hour == 24))
		return -EINVAL;
	local = day_number(year, month, day) * DAY +
		(hour * 60 + minute) * MINUTE;
	/* The offset of a moment that is near enough, then of this one. */
	*end = local - zone_offset(local);
	*end = local - zone_offset(*end);
	return 0;
}

const char *date_format_end(int64_t end, char text[DATE_SIZE])
{
	bool whole = (end + zone_offset(end)) % DAY == 0;
	time_t seconds = (time_t)(whole ? end - 1 : end);
	struct tm parts;

	if (!localtime_r(&seconds, &parts) ||
	    !strftime(text, DATE_SIZE, whole ? "%Y-%m-%d" : "%Y-%m-%d %H:%M",
		      &parts))
		snprintf(text, DATE_SIZE, "?");
	return text;
}
