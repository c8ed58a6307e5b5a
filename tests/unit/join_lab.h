/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lab has a struct coalesce, all that went in and all that came out. */
#ifndef MINIVPN_TESTS_JOIN_LAB_H
#define MINIVPN_TESTS_JOIN_LAB_H

#include "unit/inner_packet.h"
#include "unit/joined.h"

#define JOIN_LAB_ALL                                                           \
	(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 |   \
	 TUN_F_USO6)

/* Packets in memory of exactly their length, as they were and as they are. */
struct join_lab {
	struct coalesce *join;
	struct joined joined;
	unsigned count;
	struct {
		size_t length;
		uint8_t *bytes, *copy;
	} sent[JOINED_MAX];
};

void join_lab_open(struct join_lab *lab, unsigned usable);
void join_lab_close(struct join_lab *lab);

void join_lab_put(struct join_lab *lab, const struct inner_packet *packet);
void join_lab_put_bytes(struct join_lab *lab, const uint8_t *bytes,
			size_t length);
void join_lab_put_segments(struct join_lab *lab,
			   const struct inner_packet *super, uint16_t gso_size);

/* What came out at this place is what went in at that, and nothing else. */
void join_lab_assert_single(const struct join_lab *lab, unsigned out,
			    unsigned in);

/* The segments of a super-packet, and they alone, become it again. */
void join_lab_check_whole(const struct inner_packet *super, uint16_t gso_size);

#endif
