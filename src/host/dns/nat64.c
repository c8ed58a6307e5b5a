/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/dns/nat64.h"

#include <string.h>

/* Bits 64 to 71 are not part of an address (RFC 6052, section 2.2). */
#define SKIPPED 8

/* Where the bytes of an IPv4 address are behind a prefix of so many bits. */
static void places(unsigned length, unsigned at[4])
{
	unsigned next = length / 8;

	for (unsigned i = 0; i < 4; i++) {
		next += next == SKIPPED;
		at[i] = next++;
	}
}

static bool is_there(const struct inet_address *answer, unsigned length)
{
	static const uint8_t known[] = {192, 0, 0};
	unsigned at[4];

	places(length, at);
	for (unsigned i = 0; i < sizeof(known); i++) {
		if (answer->bytes[at[i]] != known[i])
			return false;
	}
	return answer->bytes[at[3]] == 170 || answer->bytes[at[3]] == 171;
}

bool nat64_prefix(const struct inet_address *answer, struct inet_prefix *prefix)
{
	static const unsigned lengths[] = {96, 64, 56, 48, 40, 32};

	if (answer->family != AF_INET6)
		return false;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint8_t bytes[16] = {0};

		if (!is_there(answer, lengths[i]))
			continue;
		memcpy(bytes, answer->bytes, lengths[i] / 8);
		prefix->address = inet_address_from_bytes(AF_INET6, bytes);
		prefix->length = (uint8_t)lengths[i];
		/* A mapped address is IPv4, and leads nowhere from here. */
		return prefix->address.family == AF_INET6;
	}
	return false;
}

struct inet_address nat64_address(const struct inet_prefix *prefix,
				  const struct inet_address *ipv4)
{
	uint8_t bytes[16];
	unsigned at[4];

	memcpy(bytes, prefix->address.bytes, sizeof(bytes));
	places(prefix->length, at);
	for (unsigned i = 0; i < 4; i++)
		bytes[at[i]] = ipv4->bytes[i];
	return inet_address_from_bytes(AF_INET6, bytes);
}
