/* SPDX-License-Identifier: GPL-2.0-or-later */
/* It stands alone, as both the journal and resolv.conf need it. */
#include "common/crc.h"

/* It goes bit by bit and without a table, as what is summed up is short. */
uint32_t crc32_of(const void *bytes, size_t length)
{
	const uint8_t *at = bytes, *end = at + length;
	uint32_t sum = UINT32_MAX;

	for (; at < end; at++) {
		sum ^= *at;
		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? 0xedb88320u : 0);
	}
	return ~sum;
}
