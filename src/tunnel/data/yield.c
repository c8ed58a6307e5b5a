/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/data/yield.h"

#include <sched.h>
#include <time.h>

/* Seconds after which whoever has the processor is not about to sleep. */
#define SOON 50e-6
/* Seconds until the next try: doubled each time that one takes longer. */
#define REST_LEAST 1.
#define REST_MOST  64.
/* What is left of them after a try that does not. */
#define REST_KEPT .99

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void give_way_init(struct give_way *give_way)
{
	*give_way = (struct give_way){.rest = REST_LEAST};
}

void give_way(struct give_way *give_way)
{
	double before = seconds(), after, factor;

	if (before < give_way->again)
		return;
	sched_yield();
	after = seconds();
	if (after - before > SOON) {
		give_way->again = after + give_way->rest;
		factor = 2;
	} else {
		factor = REST_KEPT;
	}
	give_way->rest *= factor;
	if (give_way->rest < REST_LEAST)
		give_way->rest = REST_LEAST;
	if (give_way->rest > REST_MOST)
		give_way->rest = REST_MOST;
}
