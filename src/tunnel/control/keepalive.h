/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is the other end still there? A state machine without a clock: it learns what
 * was sent and heard, and answers when a PING is due, when doubt is, and when
 * the peer is gone. All times are seconds of one monotonic clock. PINGs are
 * spread at random, never later than the interval where there is no traffic.
 */
#ifndef MINIVPN_TUNNEL_CONTROL_KEEPALIVE_H
#define MINIVPN_TUNNEL_CONTROL_KEEPALIVE_H

#include <stdbool.h>

struct keepalive {
	double interval;     /* Keepalive in the file */
	double early;	     /* of the interval, to the next PING */
	double spread;	     /* of all other times, the same */
	double round_trip;   /* 0: not known */
	double heard;	     /* last authentic record from the peer */
	double sent;	     /* last record to the peer but PINGs */
	double waiting;	     /* first such record since something was heard */
	double unproved;     /* first such record since a PONG; 0: none */
	double pinged;	     /* last PING */
	double asked;	     /* keepalive_due() is to be asked then */
	unsigned unanswered; /* PINGs since something was heard */
	bool alarmed;	     /* an ICMP error came: ask at once */
	bool one_way;	     /* only a PONG counts as being heard */
};

enum keepalive_verdict {
	KEEPALIVE_FINE,
	KEEPALIVE_PING,	 /* send a PING now */
	KEEPALIVE_DOUBT, /* a client begins a session beside this one */
	KEEPALIVE_GONE,	 /* silent for three intervals */
};

void keepalive_start(struct keepalive *keepalive, double interval, double now);

void keepalive_heard(struct keepalive *keepalive, double now);

/*
 * True: keepalive_due() must be asked sooner than it has said last, after
 * keepalive_overdue(). In traffic that flows both ways that is seldom, and
 * without keepalive_measured() never.
 */
bool keepalive_sent(struct keepalive *keepalive, double now);

/* Seconds within which what was sent should have had an echo of some kind. */
double keepalive_overdue(const struct keepalive *keepalive);

/*
 * How long an answer takes: from then on a peer that is sent to and says
 * nothing is asked as soon as an answer is overdue, and in quick succession.
 * Without it, as a peer that may be asleep.
 */
void keepalive_measured(struct keepalive *keepalive, double round_trip);

/*
 * A PONG has come: what we send arrives. That something is heard does not show
 * it, so where traffic flows a PONG is asked for now and then.
 */
void keepalive_proved(struct keepalive *keepalive);

/* Nothing is outstanding: what was begun in doubt is not needed any more. */
bool keepalive_is_well(const struct keepalive *keepalive);

/* A PING was answered, which keeps mappings on the path as one of ours does. */
void keepalive_answered(struct keepalive *keepalive, double now);

/* An ICMP error: unauthenticated, so it is only a reason to ask. */
void keepalive_alarm(struct keepalive *keepalive);

/*
 * What is due now; where it is a PING it counts as sent. *again: seconds until
 * it must be asked again, more than 0.
 */
enum keepalive_verdict keepalive_due(struct keepalive *keepalive, double now,
				     double *again);

#endif
