/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/units.h"

#include <inttypes.h>
#include <stdio.h>

/* Beyond these a double, which holds them in between, has no meaning. */
#define SECONDS_MOST 1e15

const char *units_bytes(char text[UNITS_SIZE], uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	double value = (double)bytes / 1024.;
	const char *unit = units;

	if (bytes < 1024) {
		snprintf(text, UNITS_SIZE, "%" PRIu64 " B", bytes);
		return text;
	}
	/* "1024.0 KiB" would be what is rounded up. */
	for (; value >= 1023.95; unit++)
		value /= 1024.;
	snprintf(text, UNITS_SIZE, "%.1f %ciB", value, *unit);
	return text;
}

const char *units_duration(char text[UNITS_SIZE], double seconds)
{
	uint64_t whole = 0;

	if (seconds > 0.)
		whole = (uint64_t)(seconds < SECONDS_MOST ? seconds
							  : SECONDS_MOST);
	if (whole < 60)
		snprintf(text, UNITS_SIZE, "%" PRIu64 " s", whole);
	else if (whole < 3600)
		snprintf(text, UNITS_SIZE, "%" PRIu64 " min", whole / 60);
	else if (whole < 86400)
		snprintf(text, UNITS_SIZE, "%" PRIu64 " h %" PRIu64 " min",
			 whole / 3600, whole / 60 % 60);
	else
		snprintf(text, UNITS_SIZE, "%" PRIu64 " d %" PRIu64 " h",
			 whole / 86400, whole / 3600 % 24);
	return text;
}
