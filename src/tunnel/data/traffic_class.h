/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the outer header shows of an inner packet's traffic class (IPv4: TOS),
 * and what of the outer one goes on with the packet: congestion (ECN, RFC 3168)
 * through a tunnel as RFC 6040 has it, and the class of service (DSCP, RFC
 * 2474) outwards only, as that of the outer header is the network's (RFC 2983).
 * Either family, inside and outside.
 */
#ifndef MINIVPN_TUNNEL_DATA_TRAFFIC_CLASS_H
#define MINIVPN_TUNNEL_DATA_TRAFFIC_CLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The rest is DSCP. */
#define TRAFFIC_CLASS_ECN 0x03

/*
 * The outer traffic class for a packet of length bytes, or a super-packet; 0
 * where there is no header. ecn: the other end knows what to do with it (RFC
 * 6040, section 4.1: normal mode, else compatibility mode).
 */
uint8_t traffic_class_outer(const uint8_t *packet, size_t length, bool ecn,
			    bool dscp);

/*
 * A packet that packet_parse() takes comes out of a tunnel whose outer header
 * had this traffic class: its own ECN field becomes that of both (RFC 6040,
 * section 4.2), its checksum stays right, or wrong. False: it must be dropped,
 * as it met congestion and its sender does not know of any other sign.
 */
bool traffic_class_arrive(uint8_t *packet, uint8_t outer);

#endif
