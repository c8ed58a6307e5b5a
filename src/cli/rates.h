/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each peer has received and sent a second, by its counters as they were
 * asked for again and again. Not for how that is shown.
 */
#ifndef MINIVPN_CLI_RATES_H
#define MINIVPN_CLI_RATES_H

#include <stdint.h>
#include <uthash.h>

#include "common/config/settings.h"

/* As many as there may be of a peer, one for each time it was asked for. */
#define RATES_SAMPLES 60

struct rate_series {
	char name[SETTINGS_NAME_SIZE];
	double rx_bytes, tx_bytes; /* as counted last */
	double rx, tx;		   /* bytes a second */
	float past[RATES_SAMPLES]; /* of both together, a ring */
	unsigned next;		   /* the oldest of them */
	unsigned round;
	UT_hash_handle hh;
};

/* All zero: nothing was counted yet. */
struct rates {
	struct rate_series *series;
	unsigned round;
	double time, passed; /* seconds */
};

/* What is counted from now on is of this time, in seconds. */
void rates_begin(struct rates *rates, double now);

/*
 * Takes a peer's counters; those that have become less are a new session's.
 * NULL: no memory. Valid until rates_end().
 */
struct rate_series *rates_count(struct rates *rates, const char *name,
				double rx_bytes, double tx_bytes);

/* Who was not counted is gone. */
void rates_end(struct rates *rates);

void rates_free(struct rates *rates);

#endif
