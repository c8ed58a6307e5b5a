/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inner packets: what is accepted is as long as it says, and its addresses are
 * those of its bytes, of one family. What congestion on the way writes into it
 * are two bits, and IPv4's checksum.
 */
#include <stdlib.h>
#include <string.h>

#include "tunnel/data/packet.h"
#include "tunnel/data/traffic_class.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static void check_class(const uint8_t *data, size_t size)
{
	for (unsigned outer = 0; outer < 4; outer++) {
		uint8_t *packet = malloc(size);
		uint8_t before, after;

		check(packet != NULL);
		memcpy(packet, data, size);
		before = traffic_class_outer(packet, size, true, true);
		check(traffic_class_arrive(packet, outer) ==
		      !(outer == 3 && !(before & 3)));
		after = traffic_class_outer(packet, size, true, true);
		check((before & ~3) == (after & ~3));
		check(packet[0] == data[0]);
		check(memcmp(packet + 2, data + 2, 8) == 0);
		check(memcmp(packet + 12, data + 12, size - 12) == 0);
		free(packet);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet packet;
	size_t at, bytes;

	packet_is_link_local(data, size);
	packet_is_multicast(data, size);
	traffic_class_outer(data, size, true, true);

	if (packet_parse(data, size, &packet) < 0)
		return 0;
	check(packet.length == size);
	check(packet.source.family == packet.destination.family);
	bytes = inet_size(packet.source.family);
	check(bytes == (data[0] >> 4 == 4 ? 4 : 16));
	at = bytes == 4 ? 12 : 8;
	check(memcmp(packet.source.bytes, data + at, bytes) == 0);
	check(memcmp(packet.destination.bytes, data + at + bytes, bytes) == 0);
	check_class(data, size);
	return 0;
}
