/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a hash for tables of what
 * strangers choose, so that who does not know the key can't choose what falls
 * into one place. Not for the authentication of anything.
 */
#ifndef MINIVPN_COMMON_SIPHASH_H
#define MINIVPN_COMMON_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t low, high; /* random, and secret */
};

uint64_t siphash(const struct siphash_key *key, const void *data,
		 size_t length);

#endif
