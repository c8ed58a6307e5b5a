/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/data/offload.h"

#include <errno.h>

#include "tunnel/data/headers.h"

enum {
	CUT_PLAIN,    /* one packet, nothing to be done */
	CUT_CHECKSUM, /* one packet, its checksum to be completed */
	CUT_TCP,
	CUT_UDP,
};

static bool is_extension(uint8_t next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING ||
	       next == IPPROTO_DSTOPTS;
}

/* The offset behind the IP header, 0 where it is wrong or of a fragment. */
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

/* The same, and behind what extension headers the kernel repeats. */
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

/* What takes a number out of a sum again. */
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
static int begin_sums(struct segment *cut, const struct virtio_net_hdr *header,
		      uint8_t protocol)
{
	const uint8_t *packet = cut->packet;
	const uint8_t *transport = packet + cut->transport;
	size_t plain = packet[0] >> 4 == 4 ? IPV4_HEADER : IPV6_HEADER;
	bool left = header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;

	if (left && (header->csum_start != cut->transport ||
		     header->csum_start + header->csum_offset != cut->field))
		return -EINVAL;
	if (!left && cut->transport != plain)
		return -EINVAL;
	if (packet[0] >> 4 == 4)
		cut->ip_sum = checksum_add(0, packet, cut->transport) +
			      less16(packet + IPV4_LENGTH) +
			      less16(packet + IPV4_ID) +
			      less16(packet + IPV4_CHECKSUM);
	cut->sum = checksum_add(0, transport, cut->headers - cut->transport);
	if (protocol == IPPROTO_TCP)
		cut->sum += less32(transport + TCP_SEQUENCE) +
			    (uint64_t)(uint16_t)~htons(transport[TCP_FLAGS]);
	else
		cut->sum += less16(transport + UDP_LENGTH);
	if (left)
		cut->sum += (uint16_t)~htons(cut->length - cut->transport);
	else
		cut->sum += pseudo_sum(packet, protocol) +
			    less16(packet + cut->field);
	return 0;
}

/* hdr_len is not looked at: the kernel puts there what is linear in its skb. */
static int begin_segments(struct segment *cut,
			  const struct virtio_net_hdr *header)
{
	size_t transport, size, rest;
	uint8_t protocol;

	transport = skip_ip(cut->packet, cut->length, &protocol);
	if (transport == 0 || header->gso_size == 0 ||
	    !type_fits(header->gso_type, cut->packet[0] >> 4, protocol))
		return -EINVAL;
	size = measure_transport(cut->packet + transport,
				 cut->length - transport, protocol);
	if (size == 0)
		return -EINVAL;
	cut->kind = protocol == IPPROTO_TCP ? CUT_TCP : CUT_UDP;
	cut->transport = transport;
	cut->headers = transport + size;
	cut->field = transport +
		     (protocol == IPPROTO_TCP ? TCP_CHECKSUM : UDP_CHECKSUM);
	cut->payload = header->gso_size;
	rest = cut->length - cut->headers;
	if (rest > cut->payload) {
		cut->count = (rest + cut->payload - 1) / cut->payload;
		cut->size = cut->headers + (size_t)cut->payload;
	}
	return begin_sums(cut, header, protocol);
}

/* Whatever the protocol is, as skb_checksum_help() of the kernel does it. */
static int begin_checksum(struct segment *cut,
			  const struct virtio_net_hdr *header)
{
	size_t field = (size_t)header->csum_start + header->csum_offset;
	uint8_t first = cut->packet[0];
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
	if (header->csum_start < headers || field + 2 > cut->length)
		return -EINVAL;
	cut->kind = CUT_CHECKSUM;
	cut->transport = header->csum_start;
	cut->field = field;
	return 0;
}

int segment_begin(struct segment *cut, const struct virtio_net_hdr *header,
		  const uint8_t *packet, size_t length)
{
	*cut = (struct segment){
		.packet = packet,
		.length = length,
		.kind = CUT_PLAIN,
		.count = 1,
		.size = length,
	};
	if (length == 0 || length > OFFLOAD_PACKET_MAX)
		return -EINVAL;
	if (header->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return begin_segments(cut, header);
	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		return begin_checksum(cut, header);
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

static size_t complete_packet(const struct segment *cut, uint8_t *out)
{
	uint64_t sum;

	memcpy(out, cut->packet, cut->transport);
	sum = checksum_copy(0, out + cut->transport,
			    cut->packet + cut->transport,
			    cut->length - cut->transport);
	put_checksum(out + cut->field, sum);
	return cut->length;
}

/* IDs count up from that of the whole, as inet_gso_segment() has it. */
static void number_ip(const struct segment *cut, uint8_t *out, size_t length)
{
	uint16_t id;

	if (out[0] >> 4 == 6) {
		put16(out + IPV6_LENGTH, length - IPV6_HEADER);
		return;
	}
	id = get16(cut->packet + IPV4_ID) + cut->next;
	put16(out + IPV4_LENGTH, length);
	put16(out + IPV4_ID, id);
	put_raw16(out + IPV4_CHECKSUM,
		  ~checksum_fold(cut->ip_sum + htons(length) + htons(id)));
}

/*
 * PSH and FIN are for the last packet, CWR for the first (RFC 3168, section
 * 6.1.2). Returns the sum of what differs.
 */
static uint64_t number_tcp(const struct segment *cut, uint8_t *out)
{
	const uint8_t *tcp = cut->packet + cut->transport;
	uint32_t sequence = get32(tcp + TCP_SEQUENCE);
	uint8_t flags = tcp[TCP_FLAGS];

	sequence += cut->next * (uint32_t)cut->payload;
	if (cut->next > 0)
		flags &= ~TCP_CWR;
	if (cut->next + 1 < cut->count)
		flags &= ~(TCP_FIN | TCP_PSH);
	put32(out + TCP_SEQUENCE, sequence);
	out[TCP_FLAGS] = flags;
	return (uint64_t)htonl(sequence) + htons(flags);
}

static size_t next_segment(const struct segment *cut, uint8_t *out)
{
	size_t offset = cut->headers + (size_t)cut->next * cut->payload;
	size_t payload = cut->length - offset, length;
	uint8_t *transport = out + cut->transport;
	uint64_t sum = cut->sum;

	if (payload > cut->payload)
		payload = cut->payload;
	length = cut->headers + payload;
	memcpy(out, cut->packet, cut->headers);
	number_ip(cut, out, length);
	length -= cut->transport;
	sum += htons(length); /* of the pseudo-header */
	if (cut->kind == CUT_TCP) {
		sum += number_tcp(cut, transport);
	} else {
		put16(transport + UDP_LENGTH, length);
		sum += htons(length);
	}
	sum = checksum_copy(sum, out + cut->headers, cut->packet + offset,
			    payload);
	if (cut->kind == CUT_TCP)
		put_raw16(out + cut->field, ~checksum_fold(sum));
	else
		put_checksum(out + cut->field, sum);
	return cut->headers + payload;
}

size_t segment_next(struct segment *cut, uint8_t *out)
{
	size_t length;

	if (cut->next == cut->count)
		return 0;
	switch (cut->kind) {
	case CUT_PLAIN:
		memcpy(out, cut->packet, cut->length);
		length = cut->length;
		break;
	case CUT_CHECKSUM:
		length = complete_packet(cut, out);
		break;
	default:
		length = next_segment(cut, out);
		break;
	}
	cut->next++;
	return length;
}
