/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/data/pacing.h"

/* Packets a second that a reader of one after the other keeps up with. */
#define RATE 160e3
/* Seconds of the rate that go at once: at first a quarter of what is held. */
#define BURST 400e-6
/* These are seconds; the reader would not get a processor in less. */
#define PAUSE_LEAST 200e-6
/*
 * After PATIENCE seconds behind it is no burst: the rate then doubles in as
 * many seconds as GROWTH. In as many as DECAY not behind it is halved.
 */
#define PATIENCE .02
#define GROWTH	 .02
#define DECAY	 .1

void pacing_init(struct pacing *pacing)
{
	*pacing = (struct pacing){.rate = RATE, .credit = RATE * BURST};
}

void pacing_begin(struct pacing *pacing, double now)
{
	double passed = now > pacing->at ? now - pacing->at : 0;
	/* A process that got no processor knows nothing of what comes. */
	double known = passed < BURST ? passed : BURST;

	if (!pacing->behind) {
		pacing->rate /= 1 + passed / DECAY;
		pacing->since = now;
	} else if (now - pacing->since > PATIENCE) {
		pacing->rate *= 1 + known / GROWTH;
	}
	if (pacing->rate < RATE)
		pacing->rate = RATE;
	pacing->credit += passed * pacing->rate;
	if (pacing->credit > pacing->rate * BURST)
		pacing->credit = pacing->rate * BURST;
	pacing->at = now;
}

bool pacing_spend(struct pacing *pacing, unsigned packets)
{
	pacing->credit -= packets;
	return pacing->credit >= 0;
}

double pacing_end(struct pacing *pacing)
{
	double pause = -pacing->credit / pacing->rate;

	pacing->behind = pacing->credit < 0;
	if (!pacing->behind)
		return 0;
	return pause > PAUSE_LEAST ? pause : PAUSE_LEAST;
}
