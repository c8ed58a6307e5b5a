/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reverse of segment.h: packets that came out of the tunnel become
 * super-packets for the kernel, which handles each of them at the price of one
 * packet. Pure functions over memory: no descriptors, no time, no keys. What a
 * peer has sent is checked.
 */
#ifndef MINIVPN_TUNNEL_DATA_COALESCE_H
#define MINIVPN_TUNNEL_DATA_COALESCE_H

#include <linux/virtio_net.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Pieces of memory that a joined packet may have, its headers among them. */
#define COALESCE_PARTS_MAX 64

/*
 * A packet for the kernel, valid during the call only. One part: as it came,
 * with a header of zeros. More: joined, the first of them with all headers.
 */
typedef void (*coalesce_emit)(void *owner, const struct virtio_net_hdr *header,
			      const struct iovec *parts, unsigned count);

/* A bounded table of flows with packets that wait for more of theirs. */
struct coalesce;

/*
 * usable is what the tun device takes (bits as for TUNSETOFFLOAD,
 * linux/if_tun.h): no other packets are joined. -ENOMEM.
 */
int coalesce_new(struct coalesce **coalesce, unsigned usable,
		 coalesce_emit emit, void *owner);
void coalesce_free(struct coalesce *coalesce);

/*
 * Takes a packet, which stays where it is, unchanged by others, until the next
 * coalesce_flush(); its headers may be written to. Packets of one flow leave in
 * the order in which they came. Packets are not joined where the kernel's GRO
 * would not join them (net/ipv4/tcp_offload.c, udp_offload.c), or where their
 * own checksum is wrong. segment.h makes the same packets again of joined ones,
 * but that IPv4 IDs which were all the same, with DF, then count up.
 */
void coalesce_add(struct coalesce *coalesce, uint8_t *packet, size_t length);

/* Emits everything that waits, the oldest flow first. */
void coalesce_flush(struct coalesce *coalesce);

#endif
