/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/server/retry_after.h"

/* Seconds between handshakes, before any were begun, and bounds of them. */
#define INTERVAL_FIRST 0.001
#define INTERVAL_LEAST 0.0001
#define INTERVAL_MOST  0.1
/* The part that a new one is of the average. */
#define SMOOTHING 0.125
/* Some who were told do not come: the others are to be a little closer. */
#define CLOSER 0.9
/* Seconds for one whose network has begun too many, and of its spread. */
#define HELD 1.

static double bounded(double value, double least, double most)
{
	if (value < least)
		return least;
	return value > most ? most : value;
}

/* Between 0 and 1, as even as can be over any number in a row. */
static double spread(struct retry_after *retry)
{
	const double golden = 0.61803398875;
	double at = golden * (double)(retry->count++ % 65536);

	return at - (double)(long)at;
}

void retry_after_begun(struct retry_after *retry, bool others, double now)
{
	if (retry->begun > 0.) {
		double took = bounded(now - retry->begun, INTERVAL_LEAST,
				      INTERVAL_MOST);

		if (retry->interval <= 0.)
			retry->interval = took;
		retry->interval += SMOOTHING * (took - retry->interval);
	}
	retry->begun = others ? now : 0.;
}

double retry_after_next(struct retry_after *retry, unsigned waiting, double now)
{
	double interval =
		retry->interval > 0. ? retry->interval : INTERVAL_FIRST;
	double least = now + interval * waiting;

	if (retry->next < least)
		retry->next = least;
	/* Beyond what anybody may be told they come in no order. */
	if (retry->next > now + RETRY_AFTER_MOST)
		return RETRY_AFTER_MOST * (0.5 + 0.5 * spread(retry));
	retry->next += CLOSER * interval;
	return bounded(retry->next - now, RETRY_AFTER_LEAST, RETRY_AFTER_MOST);
}

double retry_after_held(struct retry_after *retry)
{
	return HELD * (1. + spread(retry));
}
