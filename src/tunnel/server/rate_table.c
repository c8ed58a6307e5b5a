/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/server/rate_table.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdlib.h>

#include "common/siphash.h"

/*
 * With 400 keys that have nothing left, one in ten thousand others has nothing
 * either, for as long as these go on.
 */
#define ROWS	   4
#define PLACE_BITS 12
#define PLACES	   (1 << PLACE_BITS)

struct rate_table {
	struct siphash_key key;
	double burst, per_second;
	double full_at[ROWS][PLACES];
};

int rate_table_new(struct rate_table **table, double burst, double per_second)
{
	struct rate_table *new = calloc(1, sizeof(*new));

	if (!new)
		return -ENOMEM;
	if (gnutls_rnd(GNUTLS_RND_RANDOM, &new->key, sizeof(new->key))) {
		free(new);
		return -EIO;
	}
	new->burst = burst;
	new->per_second = per_second;
	*table = new;
	return 0;
}

void rate_table_free(struct rate_table *table)
{
	free(table);
}

rate_table_place rate_table_find(const struct rate_table *table,
				 const void *key, size_t length)
{
	return siphash(&table->key, key, length);
}

/* Each row has bits of the hash of its own. */
static unsigned place_in(unsigned row, rate_table_place place)
{
	return place >> (row * PLACE_BITS) & (PLACES - 1);
}

double rate_table_full_at(const struct rate_table *table,
			  rate_table_place place)
{
	double least = table->full_at[0][place_in(0, place)];

	for (unsigned row = 1; row < ROWS; row++) {
		double at = table->full_at[row][place_in(row, place)];

		if (at < least)
			least = at;
	}
	return least;
}

bool rate_table_allows(const struct rate_table *table, rate_table_place place,
		       double now)
{
	double missing =
		(rate_table_full_at(table, place) - now) * table->per_second;

	return missing + 1. <= table->burst;
}

void rate_table_take(struct rate_table *table, rate_table_place place,
		     double now)
{
	double latest = now + table->burst / table->per_second;

	for (unsigned row = 0; row < ROWS; row++) {
		double *at = &table->full_at[row][place_in(row, place)];

		if (*at < now)
			*at = now;
		*at += 1. / table->per_second;
		if (*at > latest)
			*at = latest;
	}
}

void rate_table_return(struct rate_table *table, rate_table_place place,
		       double before, double taken)
{
	double one = 1. / table->per_second;

	for (unsigned row = 0; row < ROWS; row++) {
		double *at = &table->full_at[row][place_in(row, place)];

		*at -= one;
		/*
		 * Each token that was taken since would have made it one more.
		 */
		if (*at < taken + one / 2)
			*at = before;
	}
}
