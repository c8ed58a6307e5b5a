/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/rates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rates_begin(struct rates *rates, double now)
{
	rates->passed = rates->round++ ? now - rates->time : 0.;
	rates->time = now;
}

static double rate(double now, double before, double seconds)
{
	if (seconds <= 0.)
		return 0.;
	return (now >= before ? now - before : now) / seconds;
}

struct rate_series *rates_count(struct rates *rates, const char *name,
				double rx_bytes, double tx_bytes)
{
	struct rate_series *series;

	HASH_FIND_STR(rates->series, name, series);
	if (!series) {
		series = calloc(1, sizeof(*series));
		if (!series)
			return NULL;
		snprintf(series->name, sizeof(series->name), "%s", name);
		series->rx_bytes = rx_bytes;
		series->tx_bytes = tx_bytes;
		HASH_ADD_STR(rates->series, name, series);
	}
	series->rx = rate(rx_bytes, series->rx_bytes, rates->passed);
	series->tx = rate(tx_bytes, series->tx_bytes, rates->passed);
	series->rx_bytes = rx_bytes;
	series->tx_bytes = tx_bytes;
	series->past[series->next] = (float)(series->rx + series->tx);
	series->next = (series->next + 1) % RATES_SAMPLES;
	series->round = rates->round;
	return series;
}

void rates_end(struct rates *rates)
{
	struct rate_series *series, *next;

	HASH_ITER (hh, rates->series, series, next) {
		if (series->round == rates->round)
			continue;
		HASH_DEL(rates->series, series);
		free(series);
	}
}

void rates_free(struct rates *rates)
{
	rates->round++;
	rates_end(rates);
}
