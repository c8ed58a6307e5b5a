/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One packet out of the tunnel, as far as coalesce.c has to know it. */
#ifndef MINIVPN_TUNNEL_DATA_COALESCE_PACKET_H
#define MINIVPN_TUNNEL_DATA_COALESCE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Source and destination, either family. */
struct coalesce_pair {
	uint64_t words[4];
};

struct coalesce_packet {
	uint8_t *packet;
	size_t length;
	bool ipv6, udp;
	struct coalesce_pair pair;
	uint64_t tag; /* ports, protocol, version: with pair, the flow */
	uint16_t transport, headers, payload; /* bytes: offset, sizes */
};

enum coalesce_kind {
	COALESCE_ALIEN, /* nothing is known of it, not even pair */
	COALESCE_ODD,	/* IP with a pair, but no tag: a fragment, say */
	COALESCE_FLOW,	/* TCP or UDP without IP options, all fields are set */
};

/* Reads the headers of a packet, whatever it is. */
enum coalesce_kind coalesce_packet_read(struct coalesce_packet *arrival,
					uint8_t *packet, size_t length);

/* Whether a joined packet may begin with this one. */
bool coalesce_packet_begins(const struct coalesce_packet *arrival);

/* Whether a packet that began with first ends with this one. */
bool coalesce_packet_ends(const struct coalesce_packet *arrival,
			  const struct coalesce_packet *first);

/*
 * Whether arrival, of the same flow, is what comes behind count packets that
 * began with first: by the rules of the kernel's GRO (tcp_gro_receive(),
 * udp_gro_receive_segment(), inet_gro_flush()) but for the IPv4 ID.
 */
bool coalesce_packet_follows(const struct coalesce_packet *arrival,
			     const struct coalesce_packet *first,
			     unsigned count);

/* Whether the packet's checksums are right: IPv4's own, and TCP's or UDP's. */
bool coalesce_packet_verify(const struct coalesce_packet *arrival);

#endif
