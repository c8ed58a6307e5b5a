/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the tests of sets and maps of networks: some by chance. */
#ifndef MINIVPN_TESTS_RANDOM_PREFIX_H
#define MINIVPN_TESTS_RANDOM_PREFIX_H

#include <stdlib.h>

#include "common/inet.h"

static inline unsigned below(unsigned count)
{
	return (unsigned)rand() % count;
}

/*
 * The address has few bits, so that networks lie within each other and side by
 * side.
 */
static inline struct inet_prefix some_prefix(void)
{
	struct inet_prefix prefix = {0};
	bool ipv6 = below(2);

	prefix.address.family = ipv6 ? AF_INET6 : AF_INET;
	prefix.address.bytes[0] = below(4) ? 10 : (uint8_t)below(256);
	prefix.address.bytes[3] = (uint8_t)(below(2) * 0x80 + below(4));
	prefix.length = (uint8_t)below(ipv6 ? 129 : 33);
	return prefix;
}

#endif
