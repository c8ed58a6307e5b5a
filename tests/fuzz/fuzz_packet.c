/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inner packets: what is accepted is as long as it says, and its addresses are
 * those of its bytes, of one family.
 */
#include <stdlib.h>
#include <string.h>

#include "tunnel/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet packet;
	size_t at, bytes;

	packet_is_link_local(data, size);
	packet_is_multicast(data, size);

	if (packet_parse(data, size, &packet) < 0)
		return 0;
	check(packet.length == size);
	check(packet.source.family == packet.destination.family);
	bytes = inet_size(packet.source.family);
	check(bytes == (data[0] >> 4 == 4 ? 4 : 16));
	at = bytes == 4 ? 12 : 8;
	check(memcmp(packet.source.bytes, data + at, bytes) == 0);
	check(memcmp(packet.destination.bytes, data + at + bytes, bytes) == 0);
	return 0;
}
