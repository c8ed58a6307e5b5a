/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Internet checksum (RFC 1071). Sums are of 16-bit words as they lie in
 * memory, so that nothing is swapped: a number that is in the host's order is
 * added by htons() or htonl(). They are not folded between steps and can take
 * 2^32 words of 32 bits.
 */
#ifndef MINIVPN_TUNNEL_DATA_CHECKSUM_H
#define MINIVPN_TUNNEL_DATA_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Adds bytes to a sum; only the last ones to be added may be odd in number. */
uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t length);

/* The same, and copies the bytes on the way; the two must not overlap. */
uint64_t checksum_copy(uint64_t sum, uint8_t *to, const uint8_t *from,
		       size_t length);

/*
 * The sum in 16 bits, as it lies in memory. Its complement is the checksum; of
 * what bears its checksum it is 0xffff. Never 0 but for zeros alone.
 */
static inline uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

#endif
