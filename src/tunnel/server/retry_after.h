/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When hellos are to come again that a busy server has no room for: each of
 * them at a time of its own, as far from the others as handshakes have taken of
 * late, so that a crowd comes back as a queue would, which no memory is spent
 * on. It has no clock and knows nobody.
 */
#ifndef MINIVPN_TUNNEL_SERVER_RETRY_AFTER_H
#define MINIVPN_TUNNEL_SERVER_RETRY_AFTER_H

#include <stdbool.h>

/* Seconds that anybody is told at most, and at least. */
#define RETRY_AFTER_MOST  15.
#define RETRY_AFTER_LEAST 0.4

/* All zero at first. Times are seconds of any monotonic clock. */
struct retry_after {
	double next;	 /* when the last one comes who was told */
	double interval; /* between handshakes, averaged; 0: not known */
	double begun;	 /* when the last one was, with others behind it */
	unsigned count;	 /* of those that were spread */
};

/* A handshake begins; others: and more wait for their turn. */
void retry_after_begun(struct retry_after *retry, bool others, double now);

/* Seconds for the next one that is sent away, behind waiting others. */
double retry_after_next(struct retry_after *retry, unsigned waiting,
			double now);

/* The same for one whose network has begun too many: it delays nobody else. */
double retry_after_held(struct retry_after *retry);

#endif
