/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/data/mss.h"

#include "tunnel/data/headers.h"

/* An option has a kind, a length, and a value (RFC 9293, section 3.1). */
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_MSS 2
#define MSS_SIZE   4

/* A lower one would make an end send headers and little else. */
#define MSS_LEAST 256

/* Returns where the TCP header is; 0: there is none in this packet. */
static size_t find_tcp(const uint8_t *packet, size_t length)
{
	size_t header = IPV6_HEADER;

	if (length < IPV4_HEADER + TCP_HEADER)
		return 0;
	if (packet[0] >> 4 == 4) {
		header = (size_t)(packet[0] & 0xf) * 4;
		if (header < IPV4_HEADER ||
		    packet[IPV4_PROTOCOL] != IPPROTO_TCP ||
		    get16(packet + IPV4_FRAGMENT) & IPV4_OFFSET)
			return 0;
	} else if (packet[0] >> 4 != 6 || packet[IPV6_NEXT] != IPPROTO_TCP) {
		return 0;
	}
	return header + TCP_HEADER <= length ? header : 0;
}

/* Returns the value of the option, or NULL where there is none. */
static uint8_t *find_mss(uint8_t *tcp, size_t length)
{
	size_t end = (size_t)(tcp[TCP_OFFSET] >> 4) * 4, at = TCP_HEADER;

	if (end > length)
		return NULL;
	while (at + MSS_SIZE <= end && tcp[at] != OPTION_END) {
		if (tcp[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (tcp[at] == OPTION_MSS)
			return tcp[at + 1] == MSS_SIZE ? tcp + at + 2 : NULL;
		if (tcp[at + 1] < 2)
			return NULL;
		at += tcp[at + 1];
	}
	return NULL;
}

/*
 * This is RFC 1624, equation 3; at an odd offset the bytes of a word are
 * swapped.
 */
static void update_checksum(uint8_t *field, uint16_t before, uint16_t after,
			    bool odd)
{
	uint64_t sum = (uint16_t)~raw16(field);

	if (odd) {
		before = (uint16_t)(before << 8 | before >> 8);
		after = (uint16_t)(after << 8 | after >> 8);
	}
	sum += (uint64_t)(uint16_t)~before + after;
	put_raw16(field, (uint16_t)~checksum_fold(sum));
}

void mss_clamp(uint8_t *packet, size_t length, size_t largest, bool partial)
{
	size_t at = find_tcp(packet, length), headers;
	uint8_t *tcp = packet + at, *value;
	uint16_t before, most;

	if (!at || !(tcp[TCP_FLAGS] & TCP_SYN) || !largest)
		return;
	headers =
		TCP_HEADER + (packet[0] >> 4 == 4 ? IPV4_HEADER : IPV6_HEADER);
	value = find_mss(tcp, length - at);
	if (!value)
		return;
	most = MSS_LEAST;
	if (largest > headers + MSS_LEAST)
		most = (uint16_t)(largest - headers > UINT16_MAX
					  ? UINT16_MAX
					  : largest - headers);
	if (get16(value) <= most)
		return;
	before = raw16(value);
	put16(value, most);
	if (!partial)
		update_checksum(tcp + TCP_CHECKSUM, before, raw16(value),
				(value - tcp) % 2);
}
