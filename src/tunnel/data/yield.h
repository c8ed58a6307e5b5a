/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Before a packet goes out alone, the process that wrote it may run on until it
 * sleeps. The packet may be for a process on this machine, as those of a
 * container are: the kernel wakes that one here where nobody else waits for the
 * processor, and otherwise on another, which has to be woken first. That alone
 * takes 70 us where the processors are virtual ones.
 */
#ifndef MINIVPN_TUNNEL_DATA_YIELD_H
#define MINIVPN_TUNNEL_DATA_YIELD_H

struct yield {
	double again; /* seconds of CLOCK_MONOTONIC: not before */
	double rest;  /* seconds until then, if it takes too long again */
};

void yield_init(struct yield *yield);

/*
 * Yields the processor. Where those that want it do not sleep soon, a packet
 * would wait for milliseconds: it is then seldom tried.
 */
void yield(struct yield *yield);

#endif
