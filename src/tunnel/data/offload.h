/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segmentation in user space, as a network card would do it: cutting the
 * kernel's super-packets into packets that fit the tunnel, and joining packets
 * that came out of it into super-packets for the kernel. Pure functions over
 * memory: no descriptors, no time, no keys.
 *
 * Packets are whole IPv4 or IPv6 packets; the header in front of them is struct
 * virtio_net_hdr (linux/virtio_net.h), as tun devices with IFF_VNET_HDR use it,
 * in host order. Both sides of it are checked: what the kernel says as much as
 * what a peer has sent.
 */
#ifndef MINIVPN_TUNNEL_DATA_OFFLOAD_H
#define MINIVPN_TUNNEL_DATA_OFFLOAD_H

#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* The largest packet there is, joined or not. */
#define OFFLOAD_PACKET_MAX 65535
/* Pieces of memory that a joined packet may have, its headers among them. */
#define OFFLOAD_PARTS_MAX 64

/* Linux 6.2 and later; missing in older headers. */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

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
	uint8_t kind;
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
int segment_begin(struct segment *cut, const struct virtio_net_hdr *header,
		  const uint8_t *packet, size_t length);

/*
 * Writes the next packet to out, which has room for cut->size bytes: its
 * length, 0 after the last one. The payload is copied once and its checksum is
 * taken on the way.
 */
size_t segment_next(struct segment *cut, uint8_t *out);

/*
 * A packet for the kernel, valid during the call only. One part: as it came,
 * with a header of zeros. More: joined, the first of them with all headers.
 */
typedef void (*offload_emit)(void *owner, const struct virtio_net_hdr *header,
			     const struct iovec *parts, unsigned count);

/* A bounded table of flows with packets that wait for more of theirs. */
struct offload_join;

/*
 * usable says what the tun device takes: only such packets are joined (bits as
 * for TUNSETOFFLOAD, linux/if_tun.h). -ENOMEM.
 */
int coalesce_new(struct offload_join **join, unsigned usable, offload_emit emit,
		 void *owner);
void coalesce_free(struct offload_join *join);

/*
 * Takes a packet, which stays where it is, unchanged by others, until the next
 * coalesce_flush(); its headers may be written to. Packets of one flow
 * leave in the order in which they came. Never joined: what the kernel's GRO
 * would not join either (net/ipv4/tcp_offload.c, udp_offload.c), and packets
 * whose own checksum is wrong. What is joined can be cut into the same packets
 * again, but that IPv4 IDs which were all the same, with DF, then count up.
 */
void coalesce_add(struct offload_join *join, uint8_t *packet, size_t length);

/* Emits everything that waits, the oldest flow first. */
void coalesce_flush(struct offload_join *join);

#endif
