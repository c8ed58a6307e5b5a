/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What comes out of a struct coalesce, kept for the tests to look at. */
#ifndef MINIVPN_TESTS_JOINED_H
#define MINIVPN_TESTS_JOINED_H

#include "tunnel/data/coalesce.h"
#include "tunnel/data/headers.h"

#define JOINED_MAX 1024

struct joined {
	unsigned count;
	struct joined_packet {
		struct virtio_net_hdr header;
		unsigned parts;
		size_t length;
		uint8_t *bytes;
	} packets[JOINED_MAX];
};

/* This is a coalesce_emit with a struct joined as owner. */
void joined_emit(void *owner, const struct virtio_net_hdr *header,
		 const struct iovec *parts, unsigned count);

/* This empties it. */
void joined_clear(struct joined *joined);

#endif
