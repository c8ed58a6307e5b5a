/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Token buckets for more keys than anybody could remember, in memory of fixed
 * size: a count-min sketch. A key has a bucket in each of a few rows, at places
 * that a secret hash chooses, and as many tokens as the fullest of them.
 * Nothing is ever evicted, so who comes from many addresses can't have his own
 * buckets forgotten and full again; and a key suffers for what others have done
 * only where each of its places is also one of theirs.
 */
#ifndef MINIVPN_TUNNEL_SERVER_RATE_TABLE_H
#define MINIVPN_TUNNEL_SERVER_RATE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate_table;

/* A key as its table sees it. */
typedef uint64_t rate_table_place;

/* As struct rate has them. -ENOMEM, -EIO (no random key). */
int rate_table_new(struct rate_table **table, double burst, double per_second);
/* NULL is allowed. */
void rate_table_free(struct rate_table *table);

rate_table_place rate_table_find(const struct rate_table *table,
				 const void *key, size_t length);

/*
 * When its bucket will be, or was, full again, in seconds: the lower, the less
 * has been taken of late, and the longer ago.
 */
double rate_table_full_at(const struct rate_table *table,
			  rate_table_place place);

/* Is there a token? now: seconds of any monotonic clock, the same in all. */
bool rate_table_allows(const struct rate_table *table, rate_table_place place,
		       double now);
/* Takes one, even where there is none. */
void rate_table_take(struct rate_table *table, rate_table_place place,
		     double now);
/*
 * Puts one back that was taken at some time. Where that was the only one since,
 * it is as if it had never been, with rate_table_full_at() as it was before.
 */
void rate_table_return(struct rate_table *table, rate_table_place place,
		       double before, double taken);

#endif
