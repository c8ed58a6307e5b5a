/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/data/coalesce_packet.h"

#include "tunnel/data/headers.h"

/* Flags that end a flow may differ from those of the packets before. */
#define TCP_ENDING (TCP_PSH | TCP_FIN)

static uint64_t raw64(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static bool is_known(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

/* Sets what the IP header has, and the protocol where it is TCP or UDP. */
static enum coalesce_kind read_ipv4(struct coalesce_packet *arrival,
				    uint8_t *protocol)
{
	const uint8_t *packet = arrival->packet;

	if (arrival->length < IPV4_HEADER)
		return COALESCE_ALIEN;
	arrival->pair = (struct coalesce_pair){{raw64(packet + IPV4_SOURCE)}};
	arrival->transport = IPV4_HEADER;
	*protocol = packet[IPV4_PROTOCOL];
	if (packet[0] != 0x45 || !is_known(*protocol) ||
	    get16(packet + IPV4_LENGTH) != arrival->length ||
	    get16(packet + IPV4_FRAGMENT) & ~IPV4_DF)
		return COALESCE_ODD;
	return COALESCE_FLOW;
}

static enum coalesce_kind read_ipv6(struct coalesce_packet *arrival,
				    uint8_t *protocol)
{
	const uint8_t *packet = arrival->packet;

	if (arrival->length < IPV6_HEADER)
		return COALESCE_ALIEN;
	memcpy(&arrival->pair, packet + IPV6_SOURCE, sizeof(arrival->pair));
	arrival->ipv6 = true;
	arrival->transport = IPV6_HEADER;
	*protocol = packet[IPV6_NEXT];
	if (!is_known(*protocol) ||
	    get16(packet + IPV6_LENGTH) != arrival->length - IPV6_HEADER)
		return COALESCE_ODD;
	return COALESCE_FLOW;
}

/* The length of the TCP or UDP header, 0 where it does not fit. */
static size_t read_transport(const uint8_t *header, size_t length, bool udp)
{
	size_t size;

	if (udp)
		return length >= UDP_HEADER &&
				       get16(header + UDP_LENGTH) == length
			       ? UDP_HEADER
			       : 0;
	if (length < TCP_HEADER)
		return 0;
	size = (size_t)(header[TCP_OFFSET] >> 4) * 4;
	return size >= TCP_HEADER && size <= length ? size : 0;
}

enum coalesce_kind coalesce_packet_read(struct coalesce_packet *arrival,
					uint8_t *packet, size_t length)
{
	enum coalesce_kind kind = COALESCE_ALIEN;
	const uint8_t *transport;
	uint8_t protocol;
	size_t size;

	arrival->packet = packet;
	arrival->length = length;
	arrival->ipv6 = false;
	if (length > 0 && packet[0] >> 4 == 4)
		kind = read_ipv4(arrival, &protocol);
	else if (length > 0 && packet[0] >> 4 == 6)
		kind = read_ipv6(arrival, &protocol);
	if (kind != COALESCE_FLOW)
		return kind;
	arrival->udp = protocol == IPPROTO_UDP;
	transport = packet + arrival->transport;
	size = read_transport(transport, length - arrival->transport,
			      arrival->udp);
	if (size == 0)
		return COALESCE_ODD;
	arrival->tag = (uint64_t)raw32(transport) << 32 | protocol << 8 |
		       arrival->ipv6;
	arrival->headers = arrival->transport + size;
	arrival->payload = length - arrival->headers;
	return COALESCE_FLOW;
}

bool coalesce_packet_begins(const struct coalesce_packet *arrival)
{
	const uint8_t *transport = arrival->packet + arrival->transport;
	uint8_t others =
		TCP_SYN | TCP_RST | TCP_URG | TCP_CWR | TCP_ENDING | TCP_ACKED;

	if (arrival->payload == 0)
		return false;
	if (arrival->udp)
		return raw16(transport + UDP_CHECKSUM) != 0;
	return (transport[TCP_FLAGS] & others) == TCP_ACKED;
}

bool coalesce_packet_ends(const struct coalesce_packet *arrival,
			  const struct coalesce_packet *first)
{
	const uint8_t *transport = arrival->packet + arrival->transport;

	return arrival->payload < first->payload ||
	       (!arrival->udp && transport[TCP_FLAGS] & TCP_ENDING);
}

static bool same_ip(const struct coalesce_packet *arrival,
		    const struct coalesce_packet *first)
{
	const uint8_t *a = arrival->packet, *b = first->packet;

	if (arrival->ipv6)
		return raw32(a) == raw32(b) &&
		       a[IPV6_HOP_LIMIT] == b[IPV6_HOP_LIMIT];
	return a[IPV4_TOS] == b[IPV4_TOS] && a[IPV4_TTL] == b[IPV4_TTL] &&
	       raw16(a + IPV4_FRAGMENT) == raw16(b + IPV4_FRAGMENT);
}

static bool next_tcp(const struct coalesce_packet *arrival,
		     const struct coalesce_packet *first, unsigned count)
{
	const uint8_t *a = arrival->packet + arrival->transport;
	const uint8_t *b = first->packet + first->transport;
	uint32_t expected =
		get32(b + TCP_SEQUENCE) + count * (uint32_t)first->payload;
	uint8_t changed = a[TCP_FLAGS] ^ b[TCP_FLAGS];

	/*
	 * A packet with CWR stays alone: segmentation clears it in all but the
	 * first, and in AccECN (RFC 9768) it is a digit of a number.
	 */
	return get32(a + TCP_SEQUENCE) == expected &&
	       raw32(a + TCP_ACK) == raw32(b + TCP_ACK) &&
	       a[TCP_OFFSET] == b[TCP_OFFSET] && !(changed & ~TCP_ENDING) &&
	       raw16(a + TCP_WINDOW) == raw16(b + TCP_WINDOW) &&
	       raw16(a + TCP_URGENT) == raw16(b + TCP_URGENT) &&
	       memcmp(a + TCP_HEADER, b + TCP_HEADER,
		      arrival->headers - arrival->transport - TCP_HEADER) == 0;
}

bool coalesce_packet_follows(const struct coalesce_packet *arrival,
			     const struct coalesce_packet *first,
			     unsigned count)
{
	const uint8_t *transport = arrival->packet + arrival->transport;

	if (arrival->payload == 0 || arrival->payload > first->payload ||
	    !same_ip(arrival, first))
		return false;
	if (arrival->udp)
		return raw16(transport + UDP_CHECKSUM) != 0;
	return next_tcp(arrival, first, count);
}

bool coalesce_packet_verify(const struct coalesce_packet *arrival)
{
	const uint8_t *packet = arrival->packet;
	size_t length = arrival->length - arrival->transport;
	uint64_t sum = htons(length);

	if (!arrival->ipv6 &&
	    checksum_fold(checksum_add(0, packet, IPV4_HEADER)) != 0xffff)
		return false;
	sum += pseudo_sum(packet, arrival->udp ? IPPROTO_UDP : IPPROTO_TCP);
	sum = checksum_add(sum, packet + arrival->transport, length);
	return checksum_fold(sum) == 0xffff;
}
