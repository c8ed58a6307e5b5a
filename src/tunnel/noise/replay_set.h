/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which salts have been seen of late, in memory of fixed size: two tables, of
 * which the older is forgotten once the newer is full, or has been filled for
 * REPLAY_SET_SECONDS. What is in it is remembered for as long at least, unless
 * more than REPLAY_SET_SALTS come meanwhile; only what is authentic may be
 * added, so that strangers can't have anything forgotten.
 */
#ifndef MINIVPN_TUNNEL_NOISE_REPLAY_SET_H
#define MINIVPN_TUNNEL_NOISE_REPLAY_SET_H

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_SET_SALT	   12 /* bytes */
#define REPLAY_SET_SALTS   24576
#define REPLAY_SET_SECONDS 240

struct replay_set;

/* -ENOMEM, -EIO (no random key). */
int replay_set_new(struct replay_set **set);
/* NULL is allowed. */
void replay_set_free(struct replay_set *set);

bool replay_set_has(const struct replay_set *set,
		    const uint8_t salt[REPLAY_SET_SALT]);
/* now: seconds of any clock, the same in all calls. */
void replay_set_add(struct replay_set *set, const uint8_t salt[REPLAY_SET_SALT],
		    int64_t now);

#endif
