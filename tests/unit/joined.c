/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/joined.h"

#include <stdlib.h>
#include <string.h>

void joined_emit(void *owner, const struct virtio_net_hdr *header,
		 const struct iovec *parts, unsigned count)
{
	struct joined *joined = owner;
	struct joined_packet *packet;

	if (joined->count == JOINED_MAX || count > COALESCE_PARTS_MAX)
		abort();
	packet = &joined->packets[joined->count++];
	*packet = (struct joined_packet){.header = *header, .parts = count};
	packet->bytes = malloc(IP_PACKET_MAX);
	if (!packet->bytes)
		abort();
	for (unsigned i = 0; i < count; i++) {
		if (parts[i].iov_len > IP_PACKET_MAX - packet->length)
			abort();
		memcpy(packet->bytes + packet->length, parts[i].iov_base,
		       parts[i].iov_len);
		packet->length += parts[i].iov_len;
	}
}

void joined_clear(struct joined *joined)
{
	while (joined->count > 0)
		free(joined->packets[--joined->count].bytes);
}
