/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is the other end still there? A clockless machine: it is told what was sent
 * and heard, and says when a PING is due, when doubt is, and when the peer is
 * gone. All times are seconds of one monotonic clock.
 */
#ifndef MINIVPN_TUNNEL_KEEPALIVE_H
#define MINIVPN_TUNNEL_KEEPALIVE_H

#include <stdbool.h>

struct keepalive {
	double interval;     /* Keepalive in the file */
	double heard;	     /* last authentic record from the peer */
	double sent;	     /* last record to the peer but PINGs */
	double pinged;	     /* last PING */
	unsigned unanswered; /* PINGs since something was heard */
	bool alarmed;	     /* an ICMP error came: ask at once */
};

enum keepalive_verdict {
	KEEPALIVE_FINE,
	KEEPALIVE_PING,	 /* send a PING now */
	KEEPALIVE_DOUBT, /* a client begins a session beside this one */
	KEEPALIVE_GONE,	 /* silent for three intervals */
};

void keepalive_start(struct keepalive *keepalive, double interval, double now);

void keepalive_heard(struct keepalive *keepalive, double now);
void keepalive_sent(struct keepalive *keepalive, double now);

/* A PING was answered, which keeps mappings on the way as well as our own. */
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
