/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/data/oversize.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdbool.h>

#include "tunnel/data/headers.h"

#define IPV6_MIN  1280
#define HOP_LIMIT 64
/* RFC 8200, section 4.5, has these sizes. */
#define FRAGMENT_HEADER 8
#define FRAGMENT_OFFSET 2
#define FRAGMENT_ID	4
#define IPV6_MORE	0x0001
#define ICMP_HEADER	8
#define ICMP_CHECKSUM	2
#define ICMP_NEXT_MTU	4 /* IPv6: 32 bits */
#define ICMP4_MTU	6
/* An answer is no longer than this (RFC 1812, section 4.3.2.3). */
#define ICMP4_ANSWER 576

static bool is_ipv6(const uint8_t *packet)
{
	return packet[0] >> 4 == 6;
}

/* Segments get new checksums: a wrong one must not become right by that. */
static bool checksums_right(const struct segment *segment,
			    const uint8_t *packet, size_t length)
{
	size_t payload = length - segment->transport;
	uint64_t sum = htons(payload) + pseudo_sum(packet, IPPROTO_TCP);

	sum = checksum_add(sum, packet + segment->transport, payload);
	return checksum_fold(sum) == 0xffff &&
	       (is_ipv6(packet) ||
		checksum_fold(checksum_add(0, packet, IPV4_HEADER)) == 0xffff);
}

/*
 * This segments TCP to the size that fits, whatever its sender took for the
 * MSS.
 */
static int segment_anew(struct segment *segment,
			const struct virtio_net_hdr *header,
			const uint8_t *packet, size_t length, size_t largest)
{
	struct virtio_net_hdr smaller = *header;
	struct segment new;

	smaller.gso_type = is_ipv6(packet) ? VIRTIO_NET_HDR_GSO_TCPV6
					   : VIRTIO_NET_HDR_GSO_TCPV4;
	smaller.gso_size = 1; /* to find out the length of the headers */
	if (segment_begin(&new, &smaller, packet, length) ||
	    new.headers >= largest)
		return -1;
	if (!(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	    header->gso_type == VIRTIO_NET_HDR_GSO_NONE &&
	    !checksums_right(&new, packet, length))
		return -1;
	smaller.gso_size = (uint16_t)(largest - new.headers);
	return segment_begin(segment, &smaller, packet, length);
}

static bool may_fragment_ipv4(const uint8_t *packet, size_t length,
			      size_t largest)
{
	return length >= IPV4_HEADER && packet[0] == 0x45 &&
	       !(get16(packet + IPV4_FRAGMENT) & IPV4_DF) &&
	       largest >= IPV4_HEADER + 8;
}

/*
 * Headers that routers read as well must be in each fragment: those are
 * refused.
 */
static bool may_fragment_ipv6(const uint8_t *packet, size_t length, size_t size,
			      size_t largest)
{
	uint8_t next;

	if (length < IPV6_HEADER || !is_ipv6(packet) || size > IPV6_MIN ||
	    largest < IPV6_HEADER + FRAGMENT_HEADER + 8)
		return false;
	next = packet[IPV6_NEXT];
	return next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING &&
	       next != IPPROTO_DSTOPTS && next != IPPROTO_FRAGMENT;
}

enum oversize oversize_packet(struct segment *segment,
			      const struct virtio_net_hdr *header,
			      const uint8_t *packet, size_t length,
			      size_t largest)
{
	struct segment new;

	if (!segment_anew(&new, header, packet, length, largest)) {
		*segment = new;
		return OVERSIZE_SEGMENT;
	}
	if (may_fragment_ipv4(packet, length, largest) ||
	    may_fragment_ipv6(packet, length, segment->size, largest))
		return OVERSIZE_FRAGMENT;
	return OVERSIZE_REFUSE;
}

static size_t fragment_ipv6(struct oversize_fragments *fragments, uint8_t *out)
{
	const uint8_t *packet = fragments->packet;
	const size_t headers = IPV6_HEADER + FRAGMENT_HEADER;
	size_t room = (fragments->largest - headers) & ~(size_t)7;
	size_t left = fragments->length - IPV6_HEADER - fragments->done;
	size_t size = left < room ? left : room;
	uint8_t *fragment = out + IPV6_HEADER;

	if (!left)
		return 0;
	memcpy(out, packet, IPV6_HEADER);
	put16(out + IPV6_LENGTH, (uint16_t)(FRAGMENT_HEADER + size));
	out[IPV6_NEXT] = IPPROTO_FRAGMENT;
	fragment[0] = packet[IPV6_NEXT];
	fragment[1] = 0;
	put16(fragment + FRAGMENT_OFFSET,
	      (uint16_t)(fragments->done | (size < left ? IPV6_MORE : 0)));
	put32(fragment + FRAGMENT_ID, fragments->id);
	memcpy(out + headers, packet + IPV6_HEADER + fragments->done, size);
	fragments->done += size;
	return headers + size;
}

static size_t fragment_ipv4(struct oversize_fragments *fragments, uint8_t *out)
{
	const uint8_t *packet = fragments->packet;
	size_t room = (fragments->largest - IPV4_HEADER) & ~(size_t)7;
	size_t left = fragments->length - IPV4_HEADER - fragments->done;
	size_t size = left < room ? left : room;
	uint16_t field = get16(packet + IPV4_FRAGMENT);

	if (!left)
		return 0;
	memcpy(out, packet, IPV4_HEADER);
	memcpy(out + IPV4_HEADER, packet + IPV4_HEADER + fragments->done, size);
	field = (uint16_t)(field + fragments->done / 8);
	if (size < left)
		field |= IPV4_MORE;
	fragments->done += size;
	put16(out + IPV4_FRAGMENT, field);
	put16(out + IPV4_LENGTH, (uint16_t)(IPV4_HEADER + size));
	put16(out + IPV4_CHECKSUM, 0);
	put_raw16(out + IPV4_CHECKSUM,
		  (uint16_t)~checksum_fold(checksum_add(0, out, IPV4_HEADER)));
	return IPV4_HEADER + size;
}

size_t oversize_fragment(struct oversize_fragments *fragments, uint8_t *out)
{
	return is_ipv6(fragments->packet) ? fragment_ipv6(fragments, out)
					  : fragment_ipv4(fragments, out);
}

/* All but queries and their answers are errors, or not known. */
static bool is_icmp4_error(uint8_t type)
{
	return type != ICMP_ECHOREPLY && type != ICMP_ECHO &&
	       type != ICMP_TIMESTAMP && type != ICMP_TIMESTAMPREPLY;
}

/* Can an ICMP message be sent to, and from, this address? */
static bool is_ipv4_host(const uint8_t *address)
{
	return address[0] != 0 && address[0] != 127 && address[0] < 224;
}

static size_t answer_ipv4(const uint8_t *packet, size_t length, size_t largest,
			  uint8_t *out)
{
	size_t header = (size_t)(packet[0] & 0xf) * 4;
	size_t quoted = ICMP4_ANSWER - IPV4_HEADER - ICMP_HEADER, size;
	uint8_t *icmp = out + IPV4_HEADER;

	if (header < IPV4_HEADER || length < header + ICMP_HEADER ||
	    get16(packet + IPV4_FRAGMENT) & IPV4_OFFSET ||
	    !is_ipv4_host(packet + IPV4_SOURCE) ||
	    !is_ipv4_host(packet + IPV4_DESTINATION) ||
	    (packet[IPV4_PROTOCOL] == IPPROTO_ICMP &&
	     is_icmp4_error(packet[header])))
		return 0;
	if (quoted > length)
		quoted = length;
	size = IPV4_HEADER + ICMP_HEADER + quoted;
	memset(out, 0, IPV4_HEADER + ICMP_HEADER);
	out[0] = 0x45;
	put16(out + IPV4_LENGTH, (uint16_t)size);
	put16(out + IPV4_FRAGMENT, IPV4_DF);
	out[IPV4_TTL] = HOP_LIMIT;
	out[IPV4_PROTOCOL] = IPPROTO_ICMP;
	memcpy(out + IPV4_SOURCE, packet + IPV4_DESTINATION, 4);
	memcpy(out + IPV4_DESTINATION, packet + IPV4_SOURCE, 4);
	put_raw16(out + IPV4_CHECKSUM,
		  (uint16_t)~checksum_fold(checksum_add(0, out, IPV4_HEADER)));
	icmp[0] = ICMP_DEST_UNREACH;
	icmp[1] = ICMP_FRAG_NEEDED;
	put16(icmp + ICMP4_MTU, (uint16_t)largest);
	memcpy(icmp + ICMP_HEADER, packet, quoted);
	put_raw16(icmp + ICMP_CHECKSUM,
		  (uint16_t)~checksum_fold(
			  checksum_add(0, icmp, ICMP_HEADER + quoted)));
	return size;
}

static bool is_ipv6_host(const uint8_t *address)
{
	static const uint8_t none[16];

	return address[0] != 0xff && memcmp(address, none, sizeof(none)) != 0;
}

static bool is_icmp6_error(const uint8_t *packet)
{
	uint8_t type = packet[IPV6_HEADER];

	return packet[IPV6_NEXT] == IPPROTO_ICMPV6 &&
	       (!(type & ICMP6_INFOMSG_MASK) || type == ND_REDIRECT);
}

static size_t answer_ipv6(const uint8_t *packet, size_t length, size_t largest,
			  uint8_t *out)
{
	size_t quoted = OVERSIZE_ANSWER_SIZE - IPV6_HEADER - ICMP_HEADER;
	uint8_t *icmp = out + IPV6_HEADER;
	uint64_t sum;

	if (length <= IPV6_MIN || !is_ipv6_host(packet + IPV6_SOURCE) ||
	    !is_ipv6_host(packet + IPV6_DESTINATION) || is_icmp6_error(packet))
		return 0;
	if (largest < IPV6_MIN)
		largest = IPV6_MIN;
	if (quoted > length)
		quoted = length;
	memset(out, 0, IPV6_HEADER + ICMP_HEADER);
	out[0] = 0x60;
	put16(out + IPV6_LENGTH, (uint16_t)(ICMP_HEADER + quoted));
	out[IPV6_NEXT] = IPPROTO_ICMPV6;
	out[IPV6_HOP_LIMIT] = HOP_LIMIT;
	memcpy(out + IPV6_SOURCE, packet + IPV6_DESTINATION, 16);
	memcpy(out + IPV6_DESTINATION, packet + IPV6_SOURCE, 16);
	icmp[0] = ICMP6_PACKET_TOO_BIG;
	put32(icmp + ICMP_NEXT_MTU, (uint32_t)largest);
	memcpy(icmp + ICMP_HEADER, packet, quoted);
	sum = htons((uint16_t)(ICMP_HEADER + quoted)) +
	      pseudo_sum(out, IPPROTO_ICMPV6);
	sum = checksum_add(sum, icmp, ICMP_HEADER + quoted);
	put_raw16(icmp + ICMP_CHECKSUM, (uint16_t)~checksum_fold(sum));
	return IPV6_HEADER + ICMP_HEADER + quoted;
}

size_t oversize_answer(const uint8_t *packet, size_t length, size_t largest,
		       uint8_t out[OVERSIZE_ANSWER_SIZE])
{
	if (length >= IPV4_HEADER && packet[0] >> 4 == 4)
		return answer_ipv4(packet, length, largest, out);
	if (length >= IPV6_HEADER && is_ipv6(packet))
		return answer_ipv6(packet, length, largest, out);
	return 0;
}
