/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/server/lease_range.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A free host number below others that are or were taken. */
struct lease_gap {
	struct heap_item item; /* the key is the host number */
	UT_hash_handle hh;
};

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
	/* RFC 3021 and RFC 6164: both addresses of a /31 or /127 are hosts. */
	if (bits > 1) {
		range->first = 1;
		range->last--;
	}
	range->next = range->first;
}

void lease_range_clear(struct lease_range *range)
{
	struct lease_gap *gap, *next;

	HASH_CLEAR(hh, range->holdings);
	HASH_ITER (hh, range->gaps, gap, next) {
		HASH_DEL(range->gaps, gap);
		free(gap);
	}
	heap_clear(&range->lowest);
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

/* False for an address that has no host number (see host_bits()). */
static bool host_of(const struct lease_range *range,
		    const struct inet_address *address, uint64_t *host)
{
	struct inet_address back;

	*host = low_bits(address) & host_mask(range);
	back = address_of(range, *host);
	return inet_address_equal(&back, address);
}

bool lease_range_usable(const struct lease_range *range,
			const struct inet_address *address)
{
	uint64_t host;

	if (address->family == AF_UNSPEC ||
	    !inet_prefix_contains(&range->own, address) ||
	    inet_address_equal(&range->own.address, address))
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

int lease_range_lowest(struct lease_range *range, struct inet_address *address)
{
	struct heap_item *gap = heap_first(&range->lowest);

	if (range->own.address.family == AF_UNSPEC)
		return -EADDRNOTAVAIL;
	if (gap) {
		*address = address_of(range, gap->key);
		return 0;
	}
	/* Each number is passed over once: what is given back leaves a gap. */
	for (; range->next <= range->last; range->next++) {
		*address = address_of(range, range->next);
		if (lease_range_usable(range, address) &&
		    !lease_range_find(range, address))
			return 0;
	}
	return -EADDRNOTAVAIL;
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

static void fill_gap(struct lease_range *range, uint64_t host)
{
	struct lease_gap *gap;

	HASH_FIND(hh, range->gaps, &host, sizeof(host), gap);
	if (!gap)
		return;
	heap_remove(&range->lowest, &gap->item);
	HASH_DEL(range->gaps, gap);
	free(gap);
}

static void leave_gap(struct lease_range *range, uint64_t host)
{
	struct lease_gap *gap = calloc(1, sizeof(*gap));

	if (gap) {
		gap->item.key = host;
		HASH_ADD(hh, range->gaps, item.key, sizeof(gap->item.key), gap);
		if (HASH_ADDED(gap) &&
		    heap_push(&range->lowest, &gap->item) == 0)
			return;
		if (HASH_ADDED(gap))
			HASH_DEL(range->gaps, gap);
		free(gap);
	}
	/* No memory: it will be found again by looking, which is slower. */
	range->next = host;
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
	if (host_of(range, address, &host))
		fill_gap(range, host);
	return 0;
}

void lease_range_give(struct lease_range *range, struct lease_holding *holding)
{
	uint64_t host;

	if (holding->address.family == AF_UNSPEC)
		return;
	HASH_DEL(range->holdings, holding);
	if (host_of(range, &holding->address, &host) && host < range->next)
		leave_gap(range, host);
	holding->address = (struct inet_address){0};
}
