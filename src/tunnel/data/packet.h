/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The header of an inner IP packet, as far as the tunnel has to know it. */
#ifndef MINIVPN_TUNNEL_DATA_PACKET_H
#define MINIVPN_TUNNEL_DATA_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/inet.h"

struct packet {
	struct inet_address source, destination;
	size_t length; /* as the header says; never more than there is */
};

/*
 * Reads the header of an IPv4 (RFC 791) or IPv6 (RFC 8200) packet. -EINVAL
 * where it is neither, or its lengths are not those of the bytes given.
 */
int packet_parse(const uint8_t *bytes, size_t length, struct packet *packet);

/*
 * By its header alone, which need not be whole: does it come from an address
 * that means nothing beyond one link? None at all (RFC 1122, section 3.2.1.3;
 * RFC 4291, section 2.5.2), or a link-local one (RFC 3927; RFC 4291, section
 * 2.5.6). Kernels send such to their neighbours, which a tunnel does not have.
 */
bool packet_is_link_local(const uint8_t *bytes, size_t length);
bool packet_is_multicast(const uint8_t *bytes, size_t length);
bool packet_is_udp(const uint8_t *bytes, size_t length);

/*
 * Is it UDP (RFC 768) to that address and port? Not a fragment but the first;
 * IPv6 without extension headers.
 */
bool packet_is_udp_to(const uint8_t *bytes, size_t length,
		      const struct inet_endpoint *to);

#endif
