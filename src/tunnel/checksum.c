/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/checksum.h"

#include <stdbool.h>
#include <string.h>

/*
 * Two lanes of 64 bits, in which 32-bit words are added without a carry. That
 * is what SSE2 and NEON have, and more than twice as fast as additions with
 * carry; AVX2 would save another third of what is little beside the cipher.
 */
typedef uint64_t lanes __attribute__((vector_size(16)));

#define STEP (2 * sizeof(lanes))

/*
 * The functions here are those below with copy as a constant; to moves on where
 * that is true. Sizes are constants for memcpy() to be one instruction.
 */
static inline __attribute__((always_inline)) uint32_t
take(uint8_t **to, const uint8_t **from, size_t size, bool copy)
{
	uint32_t word = 0;

	memcpy(&word, *from, size);
	*from += size;
	if (copy) {
		memcpy(*to, &word, size);
		*to += size;
	}
	return word;
}

/* Less than a step. An odd end is added as if a zero followed (RFC 1071). */
static inline __attribute__((always_inline)) uint64_t
add_rest(uint64_t sum, uint8_t *to, const uint8_t *from, size_t length,
	 bool copy)
{
	for (; length >= 4; length -= 4)
		sum += take(&to, &from, 4, copy);
	if (length & 2)
		sum += take(&to, &from, 2, copy);
	if (length & 1)
		sum += take(&to, &from, 1, copy);
	return sum;
}

static inline __attribute__((always_inline)) uint64_t
add(uint64_t sum, uint8_t *to, const uint8_t *from, size_t length, bool copy)
{
	const lanes low = {0xffffffff, 0xffffffff};
	lanes even = {0}, odd = {0}, first, second;

	for (; length >= STEP; length -= STEP, from += STEP) {
		memcpy(&first, from, sizeof(lanes));
		memcpy(&second, from + sizeof(lanes), sizeof(lanes));
		if (copy) {
			memcpy(to, &first, sizeof(lanes));
			memcpy(to + sizeof(lanes), &second, sizeof(lanes));
			to += STEP;
		}
		even += (first & low) + (second & low);
		odd += (first >> 32) + (second >> 32);
	}
	even += odd;
	return add_rest(sum + even[0] + even[1], to, from, length, copy);
}

uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t length)
{
	return add(sum, NULL, bytes, length, false);
}

uint64_t checksum_copy(uint64_t sum, uint8_t *to, const uint8_t *from,
		       size_t length)
{
	return add(sum, to, from, length, true);
}
