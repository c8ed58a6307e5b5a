/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Do datagrams that are sent as one run arrive (UDP_SEGMENT)? Linux 7.0.0 to
 * 7.1.4, network devices of some virtual machines, and routers that drop what
 * is larger than their MTU before it is cut, lose or damage runs, and the
 * sender gets no error. What is lost of the data it can't see either, so it
 * asks: the same PINGs go as one run and one by one, while there are runs to be
 * sent. Where only those of the run are lost, runs are given up, and tried
 * again later. On a path that is new nothing else goes as a run until that is
 * known: what TCP loses at first it may take for a narrow path, for many round
 * trips.
 *
 * This is a state machine without a clock or a socket; run_probe_session.h
 * sends what it asks for. All times are seconds of one monotonic clock.
 */
#ifndef MINIVPN_TUNNEL_CONTROL_RUN_PROBE_H
#define MINIVPN_TUNNEL_CONTROL_RUN_PROBE_H

#include <stdbool.h>
#include <stdint.h>

/* PINGs in the run, and again one by one. */
#define RUN_PROBE_PINGS 4
/* Their ids begin here: those of other PINGs are below (message.h). */
#define RUN_PROBE_ID 0xff00

struct run_probe {
	bool lost;	       /* runs are */
	bool known;	       /* that, of this path */
	bool asking;	       /* PINGs are sent, or to be sent */
	uint8_t number;	       /* of the round, on the wire */
	uint8_t rounds;	       /* of this inquiry */
	uint8_t answered;      /* in this round, a bit each: the run's first */
	uint8_t whole, single; /* answered in the rounds before */
	double sent;	       /* this round; 0: not yet */
	double next;	       /* no inquiry before this */
	double pause;	       /* to the next one while runs are lost */
};

/* The path may be another one: the next run begins an inquiry. */
void run_probe_restart(struct run_probe *probe);

/* Are datagrams to be sent one by one? */
bool run_probe_apart(const struct run_probe *probe);

/*
 * A run of several datagrams was sent, or would have been. True: it is time to
 * ask, and run_probe_due() is to be called.
 */
bool run_probe_used(struct run_probe *probe, double now);

/*
 * True: a round is to be sent now, with *id in the run's first PING, and the
 * following numbers in the others, first those of the run. round_trip: 0 where
 * it is not known. probe->lost may be another one afterwards.
 */
bool run_probe_due(struct run_probe *probe, double now, double round_trip,
		   uint16_t *id);

/* Seconds until run_probe_due() is to be asked again; negative: no need. */
double run_probe_again(const struct run_probe *probe, double now,
		       double round_trip);

/* A PING was answered; call run_probe_due() afterwards. */
void run_probe_answered(struct run_probe *probe, uint16_t id);

#endif
