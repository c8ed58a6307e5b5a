/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One packet out of the tunnel, as far as joining has to know it. */
#ifndef MINIVPN_TUNNEL_DATA_COALESCE_PACKET_H
#define MINIVPN_TUNNEL_DATA_COALESCE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Source and destination, either family. */
struct offload_pair {
	uint64_t words[4];
};

struct offload_arrival {
	uint8_t *packet;
	size_t length;
	bool ipv6, udp;
	struct offload_pair pair;
	uint64_t tag; /* ports, protocol, version: with pair, the flow */
	uint16_t transport, headers, payload; /* bytes: offset, sizes */
};

enum offload_kind {
	OFFLOAD_ALIEN, /* nothing is known of it, not even pair */
	OFFLOAD_ODD,   /* IP with a pair, but no tag: a fragment, say */
	OFFLOAD_FLOW,  /* TCP or UDP without IP options, all fields are set */
};

/* Reads the headers of a packet, whatever it is. */
enum offload_kind offload_arrival_read(struct offload_arrival *arrival,
				       uint8_t *packet, size_t length);

/* Whether a joined packet may begin with this one. */
bool offload_arrival_begins(const struct offload_arrival *arrival);

/* Whether a packet that began with first ends with this one. */
bool offload_arrival_ends(const struct offload_arrival *arrival,
			  const struct offload_arrival *first);

/*
 * Whether arrival, of the same flow, is what comes behind count packets that
 * began with first: by the rules of the kernel's GRO (tcp_gro_receive(),
 * udp_gro_receive_segment(), inet_gro_flush()) but for the IPv4 ID.
 */
bool offload_arrival_follows(const struct offload_arrival *arrival,
			     const struct offload_arrival *first,
			     unsigned count);

/* Whether the packet's checksums are right: IPv4's own, and TCP's or UDP's. */
bool offload_arrival_verify(const struct offload_arrival *arrival);

#endif
