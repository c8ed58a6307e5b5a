/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP and UDP packets for the tests of segment.h and coalesce.h, byte by byte,
 * with a checksum of their own kind so that the one in src/ is tested too.
 */
#ifndef MINIVPN_TESTS_INNER_PACKET_H
#define MINIVPN_TESTS_INNER_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tunnel/data/headers.h"
#include "tunnel/data/segment.h"

struct inner_packet {
	bool ipv6, udp;
	uint8_t traffic_class, hop_limit;
	uint16_t id, fragment; /* IPv4: as in the header, host order */
	uint32_t flow_label;
	size_t extension; /* bytes of IPv4 options or IPv6 extension headers */
	uint8_t host;	  /* last byte of the source address */
	uint16_t source, destination;
	uint32_t sequence, ack;
	uint8_t flags;
	uint16_t window;
	uint8_t options[40];
	size_t options_size;
	size_t payload; /* its bytes count up from the sequence */
};

/* The packet is from 10.1.0.HOST to 10.2.0.9, or from fd01::HOST to fd02::9. */
struct inner_packet inner_packet_default(bool ipv6, bool udp);

/* This writes the packet with its checksums, and returns its length. */
size_t inner_packet_make(const struct inner_packet *packet, uint8_t *out);

/*
 * These return the bytes before the payload, and before the TCP or UDP header.
 */
size_t inner_packet_headers(const struct inner_packet *packet);
size_t inner_packet_transport(const struct inner_packet *packet);

/* As the kernel hands it out with offloads; gso_size 0: one packet. */
size_t inner_packet_super(const struct inner_packet *packet, uint16_t gso_size,
			  struct virtio_net_hdr *header, uint8_t *out);

/* Which of the packets that a super-packet is made from; false behind them. */
bool inner_packet_segment(const struct inner_packet *super, uint16_t gso_size,
			  unsigned index, struct inner_packet *segment);

/* What a sender sends next. */
struct inner_packet inner_packet_after(const struct inner_packet *packet);

/*
 * Returns whether the checksums of the header (IPv4) and of the transport are
 * right.
 */
bool inner_packet_verify(const uint8_t *packet, size_t length);

#endif
