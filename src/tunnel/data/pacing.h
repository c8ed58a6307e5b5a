/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How fast small UDP packets go to the tun device. A socket behind it with the
 * buffer that the kernel gives by default holds 277 of them, and its reader
 * needs microseconds for each, and a processor: what has piled up while the
 * tunnel process waited for its own goes to it in portions, not all at once.
 */
#ifndef MINIVPN_TUNNEL_DATA_PACING_H
#define MINIVPN_TUNNEL_DATA_PACING_H

#include <stdbool.h>

struct pacing {
	double rate;   /* packets a second */
	double credit; /* packets that may go at once */
	double at;     /* seconds: the last turn's begin */
	double since;  /* that before which it was not behind */
	bool behind;   /* at its end there was more than may go */
};

void pacing_init(struct pacing *pacing);

/* A turn begins; now in seconds. */
void pacing_begin(struct pacing *pacing, double now);

/* So many packets go to the device: may more of them go in this turn? */
bool pacing_spend(struct pacing *pacing, unsigned packets);

/*
 * The seconds for which the next turn is to wait, 0: not at all. Where more
 * come than the rate is, and go on to do so, it grows until they pass.
 */
double pacing_end(struct pacing *pacing);

#endif
