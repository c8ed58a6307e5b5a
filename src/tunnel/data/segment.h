/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segmentation in user space, as a network card does it: super-packets of the
 * kernel become packets that fit the tunnel. Pure functions over memory.
 *
 * Packets are whole IPv4 or IPv6 packets; the header in front of them is struct
 * virtio_net_hdr (linux/virtio_net.h), as tun devices with IFF_VNET_HDR use it,
 * in host order. What the kernel says in it is checked as well.
 */
#ifndef MINIVPN_TUNNEL_DATA_SEGMENT_H
#define MINIVPN_TUNNEL_DATA_SEGMENT_H

#include <linux/virtio_net.h>
#include <stddef.h>
#include <stdint.h>

enum segment_kind {
	SEGMENT_PLAIN,	  /* one packet, nothing to be done */
	SEGMENT_CHECKSUM, /* one packet, its checksum to be completed */
	SEGMENT_TCP,
	SEGMENT_UDP,
};

/*
 * A packet from the kernel on its way into the tunnel. The caller reads count
 * and size only: how many packets it makes, and the bytes of each of them but
 * the last, which may be shorter.
 */
struct segment {
	unsigned count;
	size_t size;
	/* private */
	const uint8_t *packet;
	size_t length;
	unsigned next;
	enum segment_kind kind;
	uint16_t transport; /* where the checksum begins: TCP or UDP header */
	uint16_t headers;   /* bytes of all headers */
	uint16_t payload;   /* bytes in each packet but the last */
	uint16_t field;	    /* where the checksum belongs */
	uint64_t ip_sum;    /* what of the checksums is the same in each */
	uint64_t sum;
};

/*
 * Begins with a packet as read from the tun device; it stays until the last
 * segment_next(). Ordinary packets make one, their checksum completed where
 * the kernel has left that (VIRTIO_NET_HDR_F_NEEDS_CSUM). -EINVAL where packet
 * and header do not fit together.
 */
int segment_begin(struct segment *segment, const struct virtio_net_hdr *header,
		  const uint8_t *packet, size_t length);

/*
 * Writes the next packet to out, which has room for segment->size bytes: its
 * length, 0 after the last one. The payload is copied once and its checksum is
 * taken on the way.
 */
size_t segment_next(struct segment *segment, uint8_t *out);

#endif
