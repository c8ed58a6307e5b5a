/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/quantity.h"

#include <stddef.h>
#include <stdio.h>
#include <time.h>

const char *quantity_bytes(char text[QUANTITY_SIZE], double bytes)
{
	static const char *const units[] = {"B",   "KiB", "MiB",
					    "GiB", "TiB", "PiB"};
	size_t unit = 0;

	/* What would be rounded to four digits is of the next unit. */
	for (; bytes >= 999.5 && unit < 5; unit++)
		bytes /= 1024.;
	snprintf(text, QUANTITY_SIZE,
		 unit && bytes < 9.95 ? "%.1f %s" : "%.0f %s", bytes,
		 units[unit]);
	return text;
}

const char *quantity_time(char text[QUANTITY_SIZE], double seconds)
{
	if (seconds < 60.)
		snprintf(text, QUANTITY_SIZE, "%d s", (int)seconds);
	else if (seconds < 3600.)
		snprintf(text, QUANTITY_SIZE, "%d min", (int)(seconds / 60.));
	else if (seconds < 2 * 86400.)
		snprintf(text, QUANTITY_SIZE, "%d h", (int)(seconds / 3600.));
	else
		snprintf(text, QUANTITY_SIZE, "%d d", (int)(seconds / 86400.));
	return text;
}

const char *quantity_duration(char text[QUANTITY_LONG_SIZE], double seconds)
{
	static const struct {
		const char *name;
		unsigned long seconds;
	} units[] = {
		{"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}};
	unsigned long left = (unsigned long)seconds;
	size_t used = 0;

	for (size_t i = 0; i < 4; i++) {
		unsigned long count = left / units[i].seconds;

		left %= units[i].seconds;
		if (!count && !(i == 3 && !used))
			continue;
		used += (size_t)snprintf(text + used, QUANTITY_LONG_SIZE - used,
					 "%s%lu %s%s", used ? ", " : "", count,
					 units[i].name, count == 1 ? "" : "s");
	}
	return text;
}

const char *quantity_round_trip(char text[QUANTITY_SIZE], double ms)
{
	if (ms < 9.95)
		snprintf(text, QUANTITY_SIZE, "%.2f ms", ms);
	else if (ms < 9999.5)
		snprintf(text, QUANTITY_SIZE, "%.0f ms", ms);
	else
		snprintf(text, QUANTITY_SIZE, "%.0f s", ms / 1000.);
	return text;
}

const char *quantity_date(char text[QUANTITY_LONG_SIZE], int64_t unix_time)
{
	time_t date = (time_t)unix_time;
	struct tm parts;

	if (!gmtime_r(&date, &parts) ||
	    !strftime(text, QUANTITY_LONG_SIZE, "%Y-%m-%d %H:%M:%S UTC",
		      &parts))
		text[0] = '\0';
	return text;
}
