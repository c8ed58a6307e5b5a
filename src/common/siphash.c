/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/siphash.h"

#include <endian.h>
#include <string.h>

struct state {
	uint64_t v[4];
};

static uint64_t rotate(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static void mix(struct state *state, unsigned rounds)
{
	uint64_t *v = state->v;

	while (rounds--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

static void absorb(struct state *state, uint64_t word)
{
	state->v[3] ^= word;
	mix(state, 2);
	state->v[0] ^= word;
}

uint64_t siphash(const struct siphash_key *key, const void *data, size_t length)
{
	struct state state = {{
		key->low ^ 0x736f6d6570736575,
		key->high ^ 0x646f72616e646f6d,
		key->low ^ 0x6c7967656e657261,
		key->high ^ 0x7465646279746573,
	}};
	const uint8_t *bytes = data;
	uint64_t word;
	size_t at = 0;

	for (; length - at >= sizeof(word); at += sizeof(word)) {
		memcpy(&word, bytes + at, sizeof(word));
		absorb(&state, le64toh(word));
	}
	/*
	 * The last word has what is left, and the length modulo 256 in its
	 * highest byte.
	 */
	word = 0;
	memcpy(&word, bytes + at, length - at);
	absorb(&state, le64toh(word) | (uint64_t)length << 56);
	state.v[2] ^= 0xff;
	mix(&state, 4);
	return state.v[0] ^ state.v[1] ^ state.v[2] ^ state.v[3];
}
