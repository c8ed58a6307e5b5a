/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnel/data/checksum.h"

#include <stdbool.h>
#include <string.h>

/*
 * Four lanes of 64 bits, in which 32-bit words are added without a carry: one
 * register of AVX2, two of SSE2 or NEON. That is more than twice as fast as
 * additions with carry.
 */
typedef uint64_t lanes __attribute__((vector_size(32)));

#define STEP sizeof(lanes)

/*
 * The functions below are called with copy as a constant, and to moves on where
 * it is true. Sizes are constants for memcpy() to be one instruction.
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

/* An odd end is added as if a zero followed (RFC 1071). */
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
	const lanes low = {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff};
	lanes even = {0}, odd = {0}, words;

	for (; length >= STEP; length -= STEP, from += STEP) {
		memcpy(&words, from, STEP);
		if (copy) {
			memcpy(to, &words, STEP);
			to += STEP;
		}
		even += words & low;
		odd += words >> 32;
	}
	even += odd;
	sum += even[0] + even[1] + even[2] + even[3];
	return add_rest(sum, to, from, length, copy);
}

#ifdef __x86_64__
#define HAS_AVX2() __builtin_cpu_supports("avx2")

__attribute__((target("avx2"))) static uint64_t
add_avx2(uint64_t sum, const uint8_t *bytes, size_t length)
{
	return add(sum, NULL, bytes, length, false);
}

__attribute__((target("avx2"))) static uint64_t
copy_avx2(uint64_t sum, uint8_t *to, const uint8_t *from, size_t length)
{
	return add(sum, to, from, length, true);
}
#else
#define HAS_AVX2() false
#define add_avx2   checksum_add
#define copy_avx2  checksum_copy
#endif

uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t length)
{
	if (length >= STEP && HAS_AVX2())
		return add_avx2(sum, bytes, length);
	return add(sum, NULL, bytes, length, false);
}

uint64_t checksum_copy(uint64_t sum, uint8_t *to, const uint8_t *from,
		       size_t length)
{
	if (length >= STEP && HAS_AVX2())
		return copy_avx2(sum, to, from, length);
	return add(sum, to, from, length, true);
}
