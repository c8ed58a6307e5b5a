/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/jitter.h"

#include <gnutls/crypto.h>
#include <stdint.h>

double jitter(double seconds, double less, double more)
{
	uint32_t random;

	if (gnutls_rnd(GNUTLS_RND_NONCE, &random, sizeof(random)) < 0)
		return seconds;
	return seconds * (1. - less + (less + more) * random / UINT32_MAX);
}
