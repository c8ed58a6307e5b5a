/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where things are in the headers of IP, TCP and UDP, and what older headers of
 * the kernel's lack for those of a tun device.
 */
#ifndef MINIVPN_TUNNEL_DATA_HEADERS_H
#define MINIVPN_TUNNEL_DATA_HEADERS_H

#include <arpa/inet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "common/bytes.h"
#include "tunnel/data/checksum.h"

/* The largest packet of either family, joined or not. */
#define IP_PACKET_MAX 65535

/* RFC 791, section 3.1 */
#define IPV4_HEADER	 20
#define IPV4_TOS	 1
#define IPV4_LENGTH	 2
#define IPV4_ID		 4
#define IPV4_FRAGMENT	 6
#define IPV4_TTL	 8
#define IPV4_PROTOCOL	 9
#define IPV4_CHECKSUM	 10
#define IPV4_SOURCE	 12
#define IPV4_DESTINATION 16
#define IPV4_DF		 0x4000
#define IPV4_MORE	 0x2000
#define IPV4_OFFSET	 0x1fff
#define IPV4_IS_FRAGMENT (IPV4_MORE | IPV4_OFFSET)

/* RFC 8200, section 3 */
#define IPV6_HEADER	 40
#define IPV6_LENGTH	 4
#define IPV6_NEXT	 6
#define IPV6_HOP_LIMIT	 7
#define IPV6_SOURCE	 8
#define IPV6_DESTINATION 24

/* RFC 9293, section 3.1; ECE and CWR: RFC 3168, section 6.1 */
#define TCP_HEADER   20
#define TCP_SEQUENCE 4
#define TCP_ACK	     8
#define TCP_OFFSET   12
#define TCP_FLAGS    13
#define TCP_WINDOW   14
#define TCP_CHECKSUM 16
#define TCP_URGENT   18
#define TCP_FIN	     0x01
#define TCP_SYN	     0x02
#define TCP_RST	     0x04
#define TCP_PSH	     0x08
#define TCP_ACKED    0x10
#define TCP_URG	     0x20
#define TCP_CWR	     0x80

/* RFC 768 */
#define UDP_HEADER	8
#define UDP_DESTINATION 2
#define UDP_LENGTH	4
#define UDP_CHECKSUM	6

/* Linux 6.2 and later */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

/* Numbers as they lie in memory, in network order, as checksums have them. */
static inline uint16_t raw16(const uint8_t *bytes)
{
	uint16_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static inline uint32_t raw32(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static inline void put_raw16(uint8_t *bytes, uint16_t value)
{
	memcpy(bytes, &value, sizeof(value));
}

/*
 * The addresses and the protocol: the pseudo-header but for the length
 * (RFC 9293, section 3.1; RFC 8200, section 8.1).
 */
static inline uint64_t pseudo_sum(const uint8_t *packet, uint8_t protocol)
{
	uint64_t sum = htons(protocol);

	return packet[0] >> 4 == 4
		       ? checksum_add(sum, packet + IPV4_SOURCE, 8)
		       : checksum_add(sum, packet + IPV6_SOURCE, 32);
}

#endif
