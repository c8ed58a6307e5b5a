/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/data/segment.h"

#include <errno.h>
#include <stdbool.h>

#include "tunnel/data/headers.h"

static bool is_extension(uint8_t next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING ||
	       next == IPPROTO_DSTOPTS;
}

/*
 * Returns the offset behind the IP header, or 0 where it is wrong, or a
 * fragment's.
 */
static size_t skip_ipv4(const uint8_t *packet, size_t length, uint8_t *protocol)
{
	size_t header = (size_t)(packet[0] & 0xf) * 4;

	if (length < IPV4_HEADER || header < IPV4_HEADER || header > length ||
	    get16(packet + IPV4_LENGTH) != length ||
	    get16(packet + IPV4_FRAGMENT) & IPV4_IS_FRAGMENT)
		return 0;
	*protocol = packet[IPV4_PROTOCOL];
	return header;
}

/* The same is behind the extension headers that the kernel repeats. */
static size_t skip_ipv6(const uint8_t *packet, size_t length, uint8_t *protocol)
{
	size_t offset = IPV6_HEADER;

	if (length < IPV6_HEADER ||
	    get16(packet + IPV6_LENGTH) != length - IPV6_HEADER)
		return 0;
	*protocol = packet[IPV6_NEXT];
	while (is_extension(*protocol)) {
		if (offset + 8 > length)
			return 0;
		*protocol = packet[offset];
		offset += (packet[offset + 1] + (size_t)1) * 8;
	}
	return offset <= length ? offset : 0;
}

static size_t skip_ip(const uint8_t *packet, size_t length, uint8_t *protocol)
{
	switch (length ? packet[0] >> 4 : 0) {
	case 4:
		return skip_ipv4(packet, length, protocol);
	case 6:
		return skip_ipv6(packet, length, protocol);
	default:
		return 0;
	}
}

/* The length of the header, 0 where it is wrong. */
static size_t measure_transport(const uint8_t *header, size_t length,
				uint8_t protocol)
{
	size_t size = UDP_HEADER;

	if (protocol == IPPROTO_TCP) {
		if (length < TCP_HEADER)
			return 0;
		size = (size_t)(header[TCP_OFFSET] >> 4) * 4;
		if (size < TCP_HEADER)
			return 0;
	}
	return size <= length ? size : 0;
}

static bool type_fits(uint8_t gso_type, unsigned version, uint8_t protocol)
{
	switch (gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return version == 4 && protocol == IPPROTO_TCP;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return version == 6 && protocol == IPPROTO_TCP;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		return protocol == IPPROTO_UDP;
	default:
		return false;
	}
}

/* Adding the complement takes a number out of a sum again. */
static uint16_t less16(const uint8_t *bytes)
{
	return ~raw16(bytes);
}

static uint32_t less32(const uint8_t *bytes)
{
	return ~raw32(bytes);
}

/*
 * Sums up what is the same in each packet: summing headers just written would
 * wait for the stores. The kernel leaves the sum of the pseudo-header where the
 * checksum belongs. With source routing that is not of the destination in the
 * header, so it is made from there only where the kernel has left nothing.
 */
static int begin_sums(struct segment *segment,
		      const struct virtio_net_hdr *header, uint8_t protocol)
{
	const uint8_t *packet = segment->packet;
	const uint8_t *transport = packet + segment->transport;
	size_t plain = packet[0] >> 4 == 4 ? IPV4_HEADER : IPV6_HEADER;
	bool left = header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;

	if (left &&
	    (header->csum_start != segment->transport ||
	     header->csum_start + header->csum_offset != segment->field))
		return -EINVAL;
	if (!left && segment->transport != plain)
		return -EINVAL;
	if (packet[0] >> 4 == 4)
		segment->ip_sum = checksum_add(0, packet, segment->transport) +
				  less16(packet + IPV4_LENGTH) +
				  less16(packet + IPV4_ID) +
				  less16(packet + IPV4_CHECKSUM);
	segment->sum = checksum_add(0, transport,
				    segment->headers - segment->transport);
	if (protocol == IPPROTO_TCP)
		segment->sum +=
			less32(transport + TCP_SEQUENCE) +
			(uint64_t)(uint16_t)~htons(transport[TCP_FLAGS]);
	else
		segment->sum += less16(transport + UDP_LENGTH);
	if (left)
		segment->sum +=
			(uint16_t)~htons(segment->length - segment->transport);
	else
		segment->sum += pseudo_sum(packet, protocol) +
				less16(packet + segment->field);
	return 0;
}

/* hdr_len is ignored: the kernel puts there what is linear in its skb. */
static int begin_segments(struct segment *segment,
			  const struct virtio_net_hdr *header)
{
	size_t transport, size, rest;
	uint8_t protocol;

	transport = skip_ip(segment->packet, segment->length, &protocol);
	if (transport == 0 || header->gso_size == 0 ||
	    !type_fits(header->gso_type, segment->packet[0] >> 4, protocol))
		return -EINVAL;
	size = measure_transport(segment->packet + transport,
				 segment->length - transport, protocol);
	if (size == 0)
		return -EINVAL;
	segment->kind = protocol == IPPROTO_TCP ? SEGMENT_TCP : SEGMENT_UDP;
	segment->transport = transport;
	segment->headers = transport + size;
	segment->field = transport + (protocol == IPPROTO_TCP ? TCP_CHECKSUM
							      : UDP_CHECKSUM);
	segment->payload = header->gso_size;
	rest = segment->length - segment->headers;
	if (rest > segment->payload) {
		segment->count =
			(rest + segment->payload - 1) / segment->payload;
		segment->size = segment->headers + (size_t)segment->payload;
	}
	return begin_sums(segment, header, protocol);
}

/* The protocol does not matter, as in the kernel's skb_checksum_help(). */
static int begin_checksum(struct segment *segment,
			  const struct virtio_net_hdr *header)
{
	size_t field = (size_t)header->csum_start + header->csum_offset;
	uint8_t first = segment->packet[0];
	size_t headers;

	switch (first >> 4) {
	case 4:
		headers = (size_t)(first & 0xf) * 4;
		if (headers < IPV4_HEADER)
			return -EINVAL;
		break;
	case 6:
		headers = IPV6_HEADER;
		break;
	default:
		return -EINVAL;
	}
	if (header->csum_start < headers || field + 2 > segment->length)
		return -EINVAL;
	segment->kind = SEGMENT_CHECKSUM;
	segment->transport = header->csum_start;
	segment->field = field;
	return 0;
}

int segment_begin(struct segment *segment, const struct virtio_net_hdr *header,
		  const uint8_t *packet, size_t length)
{
	*segment = (struct segment){
		.packet = packet,
		.length = length,
		.kind = SEGMENT_PLAIN,
		.count = 1,
		.size = length,
	};
	if (length == 0 || length > IP_PACKET_MAX)
		return -EINVAL;
	if (header->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return begin_segments(segment, header);
	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		return begin_checksum(segment, header);
	return 0;
}

/*
 * A UDP checksum of 0 would say that there is none (RFC 768). Like the kernel,
 * also where the protocol is not known: others take both for the same.
 */
static void put_checksum(uint8_t *field, uint64_t sum)
{
	uint16_t checksum = ~checksum_fold(sum);

	put_raw16(field, checksum ? checksum : 0xffff);
}

static size_t complete_packet(const struct segment *segment, uint8_t *out)
{
	uint64_t sum;

	memcpy(out, segment->packet, segment->transport);
	sum = checksum_copy(0, out + segment->transport,
			    segment->packet + segment->transport,
			    segment->length - segment->transport);
	put_checksum(out + segment->field, sum);
	return segment->length;
}

/* IDs count up from that of the whole, as inet_gso_segment() has it. */
static void number_ip(const struct segment *segment, uint8_t *out,
		      size_t length)
{
	uint16_t id;

	if (out[0] >> 4 == 6) {
		put16(out + IPV6_LENGTH, length - IPV6_HEADER);
		return;
	}
	id = get16(segment->packet + IPV4_ID) + segment->next;
	put16(out + IPV4_LENGTH, length);
	put16(out + IPV4_ID, id);
	put_raw16(out + IPV4_CHECKSUM,
		  ~checksum_fold(segment->ip_sum + htons(length) + htons(id)));
}

/*
 * PSH and FIN are for the last packet, CWR for the first (RFC 3168, section
 * 6.1.2). Returns the sum of what differs.
 */
static uint64_t number_tcp(const struct segment *segment, uint8_t *out)
{
	const uint8_t *tcp = segment->packet + segment->transport;
	uint32_t sequence = get32(tcp + TCP_SEQUENCE);
	uint8_t flags = tcp[TCP_FLAGS];

	sequence += segment->next * (uint32_t)segment->payload;
	if (segment->next > 0)
		flags &= ~TCP_CWR;
	if (segment->next + 1 < segment->count)
		flags &= ~(TCP_FIN | TCP_PSH);
	put32(out + TCP_SEQUENCE, sequence);
	out[TCP_FLAGS] = flags;
	return (uint64_t)htonl(sequence) + htons(flags);
}

static size_t next_segment(const struct segment *segment, uint8_t *out)
{
	size_t offset =
		segment->headers + (size_t)segment->next * segment->payload;
	size_t payload = segment->length - offset, length;
	uint8_t *transport = out + segment->transport;
	uint64_t sum = segment->sum;

	if (payload > segment->payload)
		payload = segment->payload;
	length = segment->headers + payload;
	memcpy(out, segment->packet, segment->headers);
	number_ip(segment, out, length);
	length -= segment->transport;
	sum += htons(length); /* of the pseudo-header */
	if (segment->kind == SEGMENT_TCP) {
		sum += number_tcp(segment, transport);
	} else {
		put16(transport + UDP_LENGTH, length);
		sum += htons(length);
	}
	sum = checksum_copy(sum, out + segment->headers,
			    segment->packet + offset, payload);
	if (segment->kind == SEGMENT_TCP)
		put_raw16(out + segment->field, ~checksum_fold(sum));
	else
		put_checksum(out + segment->field, sum);
	return segment->headers + payload;
}

size_t segment_next(struct segment *segment, uint8_t *out)
{
	size_t length = 0;

	if (segment->next == segment->count)
		return 0;
	switch (segment->kind) {
	case SEGMENT_PLAIN:
		memcpy(out, segment->packet, segment->length);
		length = segment->length;
		break;
	case SEGMENT_CHECKSUM:
		length = complete_packet(segment, out);
		break;
	case SEGMENT_TCP:
	case SEGMENT_UDP:
		length = next_segment(segment, out);
		break;
	}
	segment->next++;
	return length;
}
