/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses behind a NAT64: how an IPv4 address is written as IPv6 on a network
 * that has IPv6 only (RFC 6052), and what the network's prefix is (RFC 7050).
 */
#ifndef MINIVPN_HOST_DNS_NAT64_H
#define MINIVPN_HOST_DNS_NAT64_H

#include <stdbool.h>

#include "common/inet.h"

/* It has IPv4 addresses only: what IPv6 ones it has, a NAT64's DNS made up. */
#define NAT64_NAME "ipv4only.arpa"

/*
 * From one IPv6 address of NAT64_NAME, with 192.0.0.170 or 192.0.0.171 in it.
 * False: it is none.
 */
bool nat64_prefix(const struct inet_address *answer,
		  struct inet_prefix *prefix);

/* An IPv4 address by a prefix that nat64_prefix() has found. */
struct inet_address nat64_address(const struct inet_prefix *prefix,
				  const struct inet_address *ipv4);

#endif
