/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/server/lease_range.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

/* The bits of a host number: an IPv6 network shorter than /64 is cut off. */
static unsigned host_bits(const struct lease_range *range)
{
	unsigned bits =
		inet_size(range->own.address.family) * 8 - range->own.length;

	return bits < 64 ? bits : 64;
}

void lease_range_init(struct lease_range *range, const struct inet_prefix *own)
{
	unsigned bits;

	*range = (struct lease_range){.own = *own};
	if (own->address.family == AF_UNSPEC)
		return;
	bits = host_bits(range);
	range->last = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
	/* Both addresses of a /31 or /127 are hosts (RFC 3021, RFC 6164). */
	if (bits > 1) {
		range->first = 1;
		range->last--;
	}
	range->next = range->lowest = range->first;
}

void lease_range_clear(struct lease_range *range)
{
	HASH_CLEAR(hh, range->holdings);
}

static uint64_t low_bits(const struct inet_address *address)
{
	uint32_t low32;
	uint64_t low64;

	if (address->family == AF_INET) {
		memcpy(&low32, address->bytes, sizeof(low32));
		return be32toh(low32);
	}
	memcpy(&low64, address->bytes + 8, sizeof(low64));
	return be64toh(low64);
}

static uint64_t host_mask(const struct lease_range *range)
{
	unsigned bits = host_bits(range);

	return bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

static struct inet_address address_of(const struct lease_range *range,
				      uint64_t host)
{
	struct inet_address address = inet_prefix_network(&range->own).address;
	uint32_t low32;

	host |= low_bits(&address);
	if (address.family == AF_INET) {
		low32 = htobe32((uint32_t)host);
		memcpy(address.bytes, &low32, sizeof(low32));
	} else {
		host = htobe64(host);
		memcpy(address.bytes + 8, &host, sizeof(host));
	}
	return address;
}

/* Returns false where the address has no host number (see host_bits()). */
static bool host_of(const struct lease_range *range,
		    const struct inet_address *address, uint64_t *host)
{
	struct inet_address back;

	*host = low_bits(address) & host_mask(range);
	back = address_of(range, *host);
	return inet_address_equal(&back, address);
}

static bool is_reserved(const struct lease_range *range,
			const struct inet_address *address)
{
	for (size_t i = 0; i < range->reserved_count; i++) {
		if (inet_address_equal(&range->reserved[i], address))
			return true;
	}
	return false;
}

static bool is_ours(const struct lease_range *range, uint64_t host)
{
	return !range->parts || host % range->parts == range->part;
}

bool lease_range_usable(const struct lease_range *range,
			const struct inet_address *address)
{
	uint64_t host;

	if (address->family == AF_UNSPEC ||
	    !inet_prefix_contains(&range->own, address) ||
	    inet_address_equal(&range->own.address, address) ||
	    is_reserved(range, address))
		return false;
	if (!host_of(range, address, &host))
		return true;
	return host >= range->first && host <= range->last;
}

struct lease_holding *lease_range_find(const struct lease_range *range,
				       const struct inet_address *address)
{
	struct lease_holding *holding;

	HASH_FIND(hh, range->holdings, address, sizeof(*address), holding);
	return holding;
}

/* The first free address from a host number on, which *host is then. */
static bool find_free(const struct lease_range *range, uint64_t *host,
		      uint64_t last, struct inet_address *address)
{
	for (; *host <= last; ++*host) {
		if (!is_ours(range, *host))
			continue;
		*address = address_of(range, *host);
		if (lease_range_usable(range, address) &&
		    !lease_range_find(range, address))
			return true;
	}
	return false;
}

int lease_range_lowest(struct lease_range *range, struct inet_address *address)
{
	if (range->own.address.family == AF_UNSPEC)
		return -EADDRNOTAVAIL;
	if (range->gaps &&
	    find_free(range, &range->lowest, range->next - 1, address))
		return 0;
	return find_free(range, &range->next, range->last, address)
		       ? 0
		       : -EADDRNOTAVAIL;
}

bool lease_range_mirror(const struct lease_range *range,
			const struct lease_range *other,
			const struct inet_address *others,
			struct inet_address *address)
{
	uint64_t host;

	if (others->family == AF_UNSPEC ||
	    range->own.address.family == AF_UNSPEC ||
	    !host_of(other, others, &host) || host > range->last)
		return false;
	*address = address_of(range, host);
	return lease_range_usable(range, address);
}

int lease_range_take(struct lease_range *range, struct lease_holding *holding,
		     const struct inet_address *address)
{
	uint64_t host;

	holding->address = *address;
	HASH_ADD(hh, range->holdings, address, sizeof(*address), holding);
	if (!HASH_ADDED(holding)) {
		holding->address = (struct inet_address){0};
		return -ENOMEM;
	}
	if (host_of(range, address, &host) && host < range->next)
		range->gaps--;
	return 0;
}

void lease_range_give(struct lease_range *range, struct lease_holding *holding)
{
	uint64_t host;

	if (holding->address.family == AF_UNSPEC)
		return;
	HASH_DEL(range->holdings, holding);
	if (host_of(range, &holding->address, &host) && host < range->next) {
		if (!range->gaps++ || host < range->lowest)
			range->lowest = host;
	}
	holding->address = (struct inet_address){0};
}
