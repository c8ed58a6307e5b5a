/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/data/pacing.h"

/* Packets a second: what a reader of one after the other keeps up with. */
#define RATE 160e3
/* Seconds of the rate that go at once: at first a quarter of what is held. */
#define BURST 400e-6
/* Less than that is no rest: a processor would not get to the reader. */
#define PAUSE_LEAST 200e-6
/*
 * Seconds behind after which it is no burst: in as many as GROWTH the rate
 * then grows by as much as it is. In as many as DECAY not behind it is halved.
 */
#define PATIENCE .02
#define GROWTH	 .02
#define DECAY	 .1

void pace_init(struct pace *pace)
{
	*pace = (struct pace){.rate = RATE, .credit = RATE * BURST};
}

void pace_begin(struct pace *pace, double now)
{
	double passed = now > pace->at ? now - pace->at : 0;
	/* A process that got no processor knows nothing of what comes. */
	double known = passed < BURST ? passed : BURST;

	if (!pace->behind) {
		pace->rate /= 1 + passed / DECAY;
		pace->since = now;
	} else if (now - pace->since > PATIENCE) {
		pace->rate *= 1 + known / GROWTH;
	}
	if (pace->rate < RATE)
		pace->rate = RATE;
	pace->credit += passed * pace->rate;
	if (pace->credit > pace->rate * BURST)
		pace->credit = pace->rate * BURST;
	pace->at = now;
}

bool pace_spend(struct pace *pace, unsigned packets)
{
	pace->credit -= packets;
	return pace->credit >= 0;
}

double pace_end(struct pace *pace)
{
	double pause = -pace->credit / pace->rate;

	pace->behind = pace->credit < 0;
	if (!pace->behind)
		return 0;
	return pause > PAUSE_LEAST ? pause : PAUSE_LEAST;
}
