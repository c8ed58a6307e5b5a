/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/data/yield.h"

#include <sched.h>
#include <time.h>

#include "common/clock.h"

/* Seconds after which whoever has the processor is not about to sleep. */
#define SOON 50e-6
/* Seconds until the next try: doubled each time that one takes longer. */
#define REST_LEAST 1.
#define REST_MOST  64.
/* The share of them that is left after a try that is short. */
#define REST_KEPT .99

void yield_init(struct yield *yield)
{
	*yield = (struct yield){.rest = REST_LEAST};
}

void yield(struct yield *yield)
{
	double before = clock_seconds(CLOCK_MONOTONIC), after, factor;

	if (before < yield->again)
		return;
	sched_yield();
	after = clock_seconds(CLOCK_MONOTONIC);
	if (after - before > SOON) {
		yield->again = after + yield->rest;
		factor = 2;
	} else {
		factor = REST_KEPT;
	}
	yield->rest *= factor;
	if (yield->rest < REST_LEAST)
		yield->rest = REST_LEAST;
	if (yield->rest > REST_MOST)
		yield->rest = REST_MOST;
}
