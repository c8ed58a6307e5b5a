/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/control/keepalive.h"

#include <string.h>

#include "common/jitter.h"

/* After so many intervals of silence a peer is gone (minivpn.conf(5)). */
#define GONE_INTERVALS 3.
/* We have sent, and nothing has come back for this long: ask. */
#define PROBE_AFTER 3.
/* Between PINGs that are not answered. */
#define PROBE_PAUSE 1.
/* PINGs without an answer before there is doubt. */
#define DOUBT_PINGS	    3
#define DOUBT_PINGS_ALARMED 2

/*
 * Where the round trip is known and traffic is without an echo, both in round
 * trips, and never less or more than so many seconds. On a path that loses a
 * fifth in either direction, a PING and its answer come through two times of
 * three: of so many in a row all are lost once in 3500 times.
 */
#define OVERDUE_TRIPS	      2.
#define OVERDUE_LEAST	      0.6
#define HURRY_TRIPS	      0.5
#define HURRY_LEAST	      0.1
#define HURRY_MOST	      0.4
#define FORGET_TRIP	      0.9
#define DOUBT_HURRIED	      8
#define DOUBT_HURRIED_ALARMED 3

/* Seconds of traffic without a PONG, and least pause between such PINGs. */
#define PROVE_AFTER 1.5
#define PROVE_LEAST 0.2

/* What a PING comes earlier by, and is spread by both ways. */
#define EARLY  0.3
#define SPREAD 0.15

static void spread(struct keepalive *keepalive)
{
	keepalive->early = jitter(1., EARLY, 0.);
	keepalive->spread = jitter(1., SPREAD, SPREAD);
}

void keepalive_start(struct keepalive *keepalive, double interval, double now)
{
	memset(keepalive, 0, sizeof(*keepalive));
	keepalive->interval = interval;
	keepalive->heard = keepalive->sent = keepalive->pinged = now;
	keepalive->waiting = now;
	spread(keepalive);
	keepalive->asked = now + interval * keepalive->early;
}

void keepalive_heard(struct keepalive *keepalive, double now)
{
	keepalive->heard = now;
	keepalive->alarmed = false;
	if (!keepalive->one_way)
		keepalive->unanswered = 0;
}

void keepalive_answered(struct keepalive *keepalive, double now)
{
	if (!keepalive->unanswered)
		keepalive->pinged = now;
}

void keepalive_alarm(struct keepalive *keepalive)
{
	keepalive->alarmed = true;
}

static double later(double a, double b)
{
	return a > b ? a : b;
}

static double earlier(double a, double b)
{
	return a < b ? a : b;
}

double keepalive_overdue(const struct keepalive *keepalive)
{
	double trips =
		later(OVERDUE_TRIPS * keepalive->round_trip, OVERDUE_LEAST);

	return earlier(earlier(trips, PROBE_AFTER) * keepalive->spread,
		       keepalive->interval);
}

bool keepalive_sent(struct keepalive *keepalive, double now)
{
	double due;

	if (keepalive->sent <= keepalive->heard)
		keepalive->waiting = now;
	if (keepalive->unproved <= 0.)
		keepalive->unproved = now;
	keepalive->sent = now;
	if (keepalive->round_trip <= 0. ||
	    keepalive->asked <= now + OVERDUE_LEAST)
		return false;
	due = now + keepalive_overdue(keepalive);
	if (keepalive->asked <= due)
		return false;
	keepalive->asked = due;
	return true;
}

void keepalive_measured(struct keepalive *keepalive, double round_trip)
{
	/* A queue that was full a moment ago may be full again. */
	keepalive->round_trip =
		later(round_trip, keepalive->round_trip * FORGET_TRIP);
}

void keepalive_proved(struct keepalive *keepalive)
{
	keepalive->unproved = 0.;
	keepalive->one_way = false;
	keepalive->unanswered = 0;
}

bool keepalive_is_well(const struct keepalive *keepalive)
{
	return !keepalive->unanswered;
}

/* Traffic wants an answer, and we know when it should have been there. */
static bool in_a_hurry(const struct keepalive *k)
{
	return k->round_trip > 0. && (k->one_way || k->sent > k->heard);
}

static unsigned doubtful(const struct keepalive *k)
{
	if (in_a_hurry(k))
		return k->alarmed ? DOUBT_HURRIED_ALARMED : DOUBT_HURRIED;
	return k->alarmed ? DOUBT_PINGS_ALARMED : DOUBT_PINGS;
}

static double pause_of(const struct keepalive *k)
{
	double pause = PROBE_PAUSE, least = HURRY_LEAST;

	/* Where something comes, an answer may only stand in a queue. */
	if (k->heard > k->pinged)
		least = PROVE_LEAST;
	/* Once in doubt there is no hurry any more: the attempt has begun. */
	if (in_a_hurry(k) && k->unanswered <= DOUBT_HURRIED)
		pause = earlier(later(HURRY_TRIPS * k->round_trip, least),
				HURRY_MOST);
	return earlier(pause * k->spread, k->interval);
}

/* There is traffic, but whether it arrives is not known for some time. */
static double proof(const struct keepalive *k)
{
	double trips = later(OVERDUE_TRIPS * k->round_trip, PROVE_AFTER);

	return k->unproved +
	       earlier(earlier(trips, PROBE_AFTER) * k->spread, k->interval);
}

static bool wants_proof(const struct keepalive *k)
{
	return k->round_trip > 0. && k->unproved > 0.;
}

/* When the next PING is due. */
static double next_ping(const struct keepalive *k)
{
	/* A NAT on the path forgets a mapping that is not used from inside. */
	double idle = earlier(later(k->sent, k->pinged), k->heard) +
		      k->interval * k->early;
	double probe = k->heard + earlier(PROBE_AFTER * k->spread, k->interval);

	if (k->unanswered)
		return k->pinged + pause_of(k);
	if (k->alarmed)
		return k->pinged;
	if (in_a_hurry(k))
		probe = k->waiting + keepalive_overdue(k);
	if (k->sent > k->heard)
		idle = earlier(idle, probe);
	return wants_proof(k) ? earlier(idle, proof(k)) : idle;
}

enum keepalive_verdict keepalive_due(struct keepalive *keepalive, double now,
				     double *again)
{
	double gone = keepalive->heard + GONE_INTERVALS * keepalive->interval;
	enum keepalive_verdict verdict = KEEPALIVE_FINE;

	*again = keepalive->interval;
	if (now >= gone)
		return KEEPALIVE_GONE;
	if (now >= next_ping(keepalive)) {
		/* Once asked for, it is the answer that counts. */
		keepalive->one_way |=
			wants_proof(keepalive) && now >= proof(keepalive);
		verdict = keepalive->unanswered >= doubtful(keepalive)
				  ? KEEPALIVE_DOUBT
				  : KEEPALIVE_PING;
		keepalive->unanswered++;
		keepalive->pinged = now;
		spread(keepalive);
	}
	*again = later(earlier(gone, next_ping(keepalive)) - now, 0.001);
	keepalive->asked = now + *again;
	return verdict;
}
