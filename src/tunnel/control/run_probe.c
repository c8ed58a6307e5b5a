/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/control/run_probe.h"

#define COUNT  RUN_PROBE_PINGS
#define RUN    ((1u << COUNT) - 1)
#define SINGLE (RUN << COUNT)
/* Numbers of rounds on the wire, so that late answers count for none. */
#define NUMBERS 16

/* Seconds between inquiries, while runs are sent and arrive. */
#define PAUSE 5.
/* The same while they are lost: from the first to the last, doubled. */
#define LOST_PAUSE	10.
#define LOST_PAUSE_MOST 600.

/* Seconds for the answers: so many round trips, but no less and no more. */
#define WAIT_TRIPS 2.
#define WAIT_LEAST 0.3
#define WAIT_MOST  1.5

/*
 * On a path that loses a fifth in either direction, at random, a round of a run
 * has fewer than two answers one time of seven, so one is not enough. Runs are
 * lost where that is so in four rounds and three of four single ones arrive.
 */
#define ARRIVED	    2
#define ROUNDS	    4
#define ROUNDS_MOST 6

static unsigned bits(unsigned set)
{
	return (unsigned)__builtin_popcount(set);
}

static bool is_complete(const struct run_probe *probe)
{
	return probe->answered == (RUN | SINGLE);
}

static double wait_for(double round_trip)
{
	double wait = WAIT_TRIPS * round_trip;

	if (wait < WAIT_LEAST)
		return WAIT_LEAST;
	return wait > WAIT_MOST ? WAIT_MOST : wait;
}

void run_probe_restart(struct run_probe *probe)
{
	*probe = (struct run_probe){
		.lost = probe->lost,
		.number = probe->number,
	};
}

bool run_probe_apart(const struct run_probe *probe)
{
	return probe->lost || !probe->known;
}

bool run_probe_used(struct run_probe *probe, double now)
{
	if (probe->asking || now < probe->next)
		return false;
	probe->asking = true;
	probe->rounds = probe->whole = probe->single = 0;
	probe->sent = 0.;
	return true;
}

static void conclude(struct run_probe *probe, bool lost, double now)
{
	probe->asking = false;
	probe->known = true;
	if (!lost)
		probe->pause = 0.;
	else if (probe->pause <= 0.)
		probe->pause = LOST_PAUSE;
	else if (probe->pause < LOST_PAUSE_MOST)
		probe->pause *= 2.;
	probe->lost = lost;
	probe->next = now + (lost ? probe->pause : PAUSE);
}

/* Adds up the round that is over: is that enough to conclude? */
static void add_up(struct run_probe *probe, double now)
{
	unsigned whole = bits(probe->answered & RUN);

	probe->whole = (uint8_t)(probe->whole + whole);
	probe->single =
		(uint8_t)(probe->single + bits(probe->answered & SINGLE));
	if (whole >= ARRIVED)
		conclude(probe, false, now);
	else if (probe->rounds >= ROUNDS &&
		 probe->single >= probe->rounds * COUNT * 3 / 4 &&
		 probe->whole * COUNT <= probe->single)
		conclude(probe, true, now);
	else if (probe->rounds >= ROUNDS_MOST)
		conclude(probe, probe->lost, now);
}

bool run_probe_due(struct run_probe *probe, double now, double round_trip,
		   uint16_t *id)
{
	if (!probe->asking)
		return false;
	if (probe->sent > 0.) {
		if (!is_complete(probe) &&
		    now < probe->sent + wait_for(round_trip))
			return false;
		add_up(probe, now);
		if (!probe->asking)
			return false;
	}
	probe->number = (uint8_t)((probe->number + 1) % NUMBERS);
	probe->rounds++;
	probe->answered = 0;
	probe->sent = now;
	*id = (uint16_t)(RUN_PROBE_ID + probe->number * 2 * COUNT);
	return true;
}

double run_probe_again(const struct run_probe *probe, double now,
		       double round_trip)
{
	double left = probe->sent + wait_for(round_trip) - now;

	if (!probe->asking)
		return -1.;
	return left > 0. && !is_complete(probe) ? left : 0.;
}

void run_probe_answered(struct run_probe *probe, uint16_t id)
{
	unsigned first = RUN_PROBE_ID + probe->number * 2u * COUNT;

	if (probe->asking && id >= first && id - first < 2 * COUNT)
		probe->answered |= (uint8_t)(1u << (id - first));
}
