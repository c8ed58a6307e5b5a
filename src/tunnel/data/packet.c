/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/data/packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define UDP_HEADER  8

static size_t field16(const uint8_t *bytes)
{
	return (size_t)bytes[0] << 8 | bytes[1];
}

int packet_parse(const uint8_t *bytes, size_t length, struct packet *packet)
{
	size_t header;

	if (length < IPV4_HEADER)
		return -EINVAL;
	switch (bytes[0] >> 4) {
	case 4:
		header = (size_t)(bytes[0] & 0xf) * 4;
		packet->length = field16(bytes + 2);
		if (header < IPV4_HEADER || packet->length < header)
			return -EINVAL;
		packet->source = inet_address_from_bytes(AF_INET, bytes + 12);
		packet->destination =
			inet_address_from_bytes(AF_INET, bytes + 16);
		break;
	case 6:
		if (length < IPV6_HEADER)
			return -EINVAL;
		packet->length = IPV6_HEADER + field16(bytes + 4);
		packet->source = inet_address_from_bytes(AF_INET6, bytes + 8);
		packet->destination =
			inet_address_from_bytes(AF_INET6, bytes + 24);
		/* A mapped address never belongs on the wire (RFC 4291). */
		if (packet->source.family != AF_INET6 ||
		    packet->destination.family != AF_INET6)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	return packet->length == length ? 0 : -EINVAL;
}

static bool is_link_local_ipv4(const uint8_t *source)
{
	return source[0] == 0 || (source[0] == 169 && source[1] == 254);
}

static bool is_link_local_ipv6(const uint8_t *source)
{
	static const uint8_t unspecified[16];

	return (source[0] == 0xfe && (source[1] & 0xc0) == 0x80) ||
	       !memcmp(source, unspecified, sizeof(unspecified));
}

bool packet_is_link_local(const uint8_t *bytes, size_t length)
{
	if (length < IPV4_HEADER)
		return false;
	if (bytes[0] >> 4 == 4)
		return is_link_local_ipv4(bytes + 12);
	return length >= IPV6_HEADER && is_link_local_ipv6(bytes + 8);
}

bool packet_is_multicast(const uint8_t *bytes, size_t length)
{
	if (length < IPV4_HEADER)
		return false;
	if (bytes[0] >> 4 == 4)
		return bytes[16] >> 4 == 0xe;
	return length >= IPV6_HEADER && bytes[24] == 0xff;
}

bool packet_is_udp(const uint8_t *bytes, size_t length)
{
	if (length < IPV4_HEADER)
		return false;
	return bytes[bytes[0] >> 4 == 4 ? 9 : 6] == IPPROTO_UDP;
}

bool packet_is_udp_to(const uint8_t *bytes, size_t length,
		      const struct inet_endpoint *to)
{
	bool v4 = to->address.family == AF_INET;
	size_t header = IPV6_HEADER, address = 24, protocol = 6;

	if (length < IPV4_HEADER || bytes[0] >> 4 != (v4 ? 4 : 6))
		return false;
	if (v4) {
		header = (size_t)(bytes[0] & 0xf) * 4;
		address = 16;
		protocol = 9;
	}
	return length >= header + UDP_HEADER &&
	       bytes[protocol] == IPPROTO_UDP &&
	       !memcmp(bytes + address, to->address.bytes,
		       inet_size(to->address.family)) &&
	       field16(bytes + header + 2) == to->port;
}
