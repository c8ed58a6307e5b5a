/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A token bucket: how often something may be done that others ask for. */
#ifndef MINIVPN_COMMON_RATE_H
#define MINIVPN_COMMON_RATE_H

#include <stdbool.h>

/* Full where spent and last are zero. */
struct rate {
	double burst, per_second;
	double spent; /* that has not been refilled yet */
	double last;  /* seconds, any monotonic clock */
};

/* Takes a token; false where there is none. now: seconds. */
bool rate_allows(struct rate *rate, double now);
/* Is it as if none had ever been taken? */
bool rate_is_full(const struct rate *rate, double now);

#endif
