/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/data/packet.h"

#include <errno.h>

#include "tunnel/data/headers.h"

int packet_parse(const uint8_t *bytes, size_t length, struct packet *packet)
{
	size_t header;

	if (length < IPV4_HEADER)
		return -EINVAL;
	switch (bytes[0] >> 4) {
	case 4:
		header = (size_t)(bytes[0] & 0xf) * 4;
		packet->length = get16(bytes + IPV4_LENGTH);
		if (header < IPV4_HEADER || packet->length < header)
			return -EINVAL;
		packet->source =
			inet_address_from_bytes(AF_INET, bytes + IPV4_SOURCE);
		packet->destination = inet_address_from_bytes(
			AF_INET, bytes + IPV4_DESTINATION);
		break;
	case 6:
		if (length < IPV6_HEADER)
			return -EINVAL;
		packet->length = IPV6_HEADER + get16(bytes + IPV6_LENGTH);
		packet->source =
			inet_address_from_bytes(AF_INET6, bytes + IPV6_SOURCE);
		packet->destination = inet_address_from_bytes(
			AF_INET6, bytes + IPV6_DESTINATION);
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
		return is_link_local_ipv4(bytes + IPV4_SOURCE);
	return length >= IPV6_HEADER && is_link_local_ipv6(bytes + IPV6_SOURCE);
}

bool packet_is_multicast(const uint8_t *bytes, size_t length)
{
	if (length < IPV4_HEADER)
		return false;
	if (bytes[0] >> 4 == 4)
		return bytes[IPV4_DESTINATION] >> 4 == 0xe;
	return length >= IPV6_HEADER && bytes[IPV6_DESTINATION] == 0xff;
}

bool packet_is_udp(const uint8_t *bytes, size_t length)
{
	if (length < IPV4_HEADER)
		return false;
	return bytes[bytes[0] >> 4 == 4 ? IPV4_PROTOCOL : IPV6_NEXT] ==
	       IPPROTO_UDP;
}

bool packet_is_udp_to(const uint8_t *bytes, size_t length,
		      const struct inet_endpoint *to)
{
	bool v4 = to->address.family == AF_INET;
	size_t header = IPV6_HEADER, address = IPV6_DESTINATION;
	size_t protocol = IPV6_NEXT;

	if (length < IPV4_HEADER || bytes[0] >> 4 != (v4 ? 4 : 6))
		return false;
	if (v4) {
		header = (size_t)(bytes[0] & 0xf) * 4;
		address = IPV4_DESTINATION;
		protocol = IPV4_PROTOCOL;
	}
	return length >= header + UDP_HEADER &&
	       bytes[protocol] == IPPROTO_UDP &&
	       !memcmp(bytes + address, to->address.bytes,
		       inet_size(to->address.family)) &&
	       get16(bytes + header + UDP_DESTINATION) == to->port;
}
