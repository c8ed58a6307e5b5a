/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets that are larger than the path to their peer carries: the tun device
 * has one MTU for all peers, so that what a router's device does for its own
 * MTU is done here. TCP, which most packets are, is segmented anew, and nobody
 * has to be told; IPv4 without DF is fragmented (RFC 791, section 2.3); the
 * sender of all else is told what would pass (RFC 1191; RFC 4443, section 3.2).
 * IPv6 of up to 1280 bytes, of which nobody can be told, is fragmented as well:
 * that is its source's to do (RFC 8200, section 4.5), but else it would
 * disappear. Pure functions over memory.
 */
#ifndef MINIVPN_TUNNEL_DATA_OVERSIZE_H
#define MINIVPN_TUNNEL_DATA_OVERSIZE_H

#include "tunnel/data/segment.h"

/* Bytes of the largest answer. */
#define OVERSIZE_ANSWER_SIZE 1280

enum oversize {
	OVERSIZE_SEGMENT,  /* the segments fit */
	OVERSIZE_FRAGMENT, /* may be fragmented, see below */
	OVERSIZE_REFUSE,
};

/*
 * Decides what is done with a packet, or a super-packet, of which some are
 * larger than largest. Header, packet and *segment are as segment_begin() has
 * taken and left them; *segment is changed only for OVERSIZE_SEGMENT.
 */
enum oversize oversize_packet(struct segment *segment,
			      const struct virtio_net_hdr *header,
			      const uint8_t *packet, size_t length,
			      size_t largest);

/* One packet on its way to be fragmented; it stays until the last is made. */
struct oversize_fragments {
	const uint8_t *packet;
	size_t length, largest;
	size_t done; /* bytes of payload; to begin with 0 */
	uint32_t id; /* IPv6: the same in all, not guessed (RFC 7739) */
};

/* Writes the next fragment to out: its size; 0 after the last one. */
size_t oversize_fragment(struct oversize_fragments *fragments, uint8_t *out);

/*
 * Writes the ICMP message to the sender of a packet of which largest bytes
 * would pass, as from the address that it was sent to: our own would be a
 * martian to the host on our end. Its length; 0 where there must be none (RFC
 * 1122, section 3.2.2; RFC 4443, section 2.4), or none would help: an IPv6
 * sender need not go below 1280 bytes.
 */
size_t oversize_answer(const uint8_t *packet, size_t length, size_t largest,
		       uint8_t out[OVERSIZE_ANSWER_SIZE]);

#endif
