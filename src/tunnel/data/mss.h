/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The MSS that an end of a TCP connection says it takes (RFC 9293, section
 * 3.7.1) is lowered to what the tunnel carries, in both directions: hosts
 * behind either end know nothing of the tunnel, and the ICMP message that would
 * tell them may be lost. A pure function over memory.
 */
#ifndef MINIVPN_TUNNEL_DATA_MSS_H
#define MINIVPN_TUNNEL_DATA_MSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Changes a packet in place if it is a SYN whose MSS makes packets of more than
 * largest bytes; 0: nothing is changed. partial: its checksum is left to
 * whoever sends it (VIRTIO_NET_HDR_F_NEEDS_CSUM). A wrong checksum stays wrong.
 */
void mss_clamp(uint8_t *packet, size_t length, size_t largest, bool partial);

#endif
