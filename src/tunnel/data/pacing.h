/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How fast small UDP packets go to the tun device. A socket behind it with the
 * buffer that the kernel gives by default holds 277 of them, and its reader
 * needs microseconds for each, and a processor: packets that have piled up
 * while the tunnel process waited for its own go to it in portions, not all at
 * once.
 */
#ifndef MINIVPN_TUNNEL_DATA_PACING_H
#define MINIVPN_TUNNEL_DATA_PACING_H

#include <stdbool.h>

struct pacing {
	double rate;   /* packets a second */
	double credit; /* packets that may go at once */
	double at;     /* seconds: the last turn's begin */
	double since;  /* seconds: until then it was not behind */
	bool behind;   /* at its end more was there than may go */
};

void pacing_init(struct pacing *pacing);

/* Begins a turn; now in seconds. */
void pacing_begin(struct pacing *pacing, double now);

/* Counts packets that go to the device. May more go in this turn? */
bool pacing_spend(struct pacing *pacing, unsigned packets);

/*
 * Ends a turn: the seconds for which the next one is to wait; 0: not at all.
 * Where more packets come than the rate is, and go on to do so, it grows until
 * they pass.
 */
double pacing_end(struct pacing *pacing);

#endif
