/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/rate.h"

bool rate_allows(struct rate *rate, double now)
{
	double refill = (now - rate->last) * rate->per_second;

	if (refill > 0.)
		rate->spent -= refill;
	if (rate->spent < 0.)
		rate->spent = 0.;
	rate->last = now;
	if (rate->spent + 1. > rate->burst)
		return false;
	rate->spent += 1.;
	return true;
}

bool rate_is_full(const struct rate *rate, double now)
{
	return rate->spent <= (now - rate->last) * rate->per_second;
}
