/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/keepalive.h"

#include <string.h>

/* After so many intervals of silence a peer is gone (minivpn.conf(5)). */
#define GONE_INTERVALS 3.
/* We have sent, and nothing has come back for this long: ask. */
#define PROBE_AFTER 3.
/* Between PINGs that are not answered. */
#define PROBE_PAUSE 1.
/* PINGs without an answer before there is doubt. */
#define DOUBT_PINGS	    3
#define DOUBT_PINGS_ALARMED 2

void keepalive_start(struct keepalive *keepalive, double interval, double now)
{
	memset(keepalive, 0, sizeof(*keepalive));
	keepalive->interval = interval;
	keepalive->heard = keepalive->sent = keepalive->pinged = now;
}

void keepalive_heard(struct keepalive *keepalive, double now)
{
	keepalive->heard = now;
	keepalive->unanswered = 0;
	keepalive->alarmed = false;
}

void keepalive_sent(struct keepalive *keepalive, double now)
{
	keepalive->sent = now;
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

/* When the next PING is due. */
static double next_ping(const struct keepalive *k)
{
	/* A NAT on the way forgets a mapping that is not used from inside. */
	double idle =
		earlier(later(k->sent, k->pinged), k->heard) + k->interval;
	double probe = k->heard + earlier(PROBE_AFTER, k->interval);

	if (k->unanswered)
		return k->pinged + earlier(PROBE_PAUSE, k->interval);
	if (k->alarmed)
		return k->pinged;
	return k->sent > k->heard ? earlier(idle, probe) : idle;
}

enum keepalive_verdict keepalive_due(struct keepalive *keepalive, double now,
				     double *again)
{
	double gone = keepalive->heard + GONE_INTERVALS * keepalive->interval;
	unsigned doubt = keepalive->alarmed ? DOUBT_PINGS_ALARMED : DOUBT_PINGS;
	enum keepalive_verdict verdict = KEEPALIVE_FINE;

	*again = keepalive->interval;
	if (now >= gone)
		return KEEPALIVE_GONE;
	if (now >= next_ping(keepalive)) {
		verdict = keepalive->unanswered >= doubt ? KEEPALIVE_DOUBT
							 : KEEPALIVE_PING;
		keepalive->unanswered++;
		keepalive->pinged = now;
	}
	*again = later(earlier(gone, next_ping(keepalive)) - now, 0.001);
	return verdict;
}
