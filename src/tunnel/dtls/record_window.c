/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The replay window (RFC 6347, section 4.1.2.6): a ring of bits in which
 * sequence number n has bit n modulo the window's size, so that nothing is
 * ever shifted.
 */
#include "tunnel/dtls/record.h"

#include <string.h>

#define WORD_BITS 64

static uint64_t bit_of(uint64_t sequence)
{
	return UINT64_C(1) << sequence % WORD_BITS;
}

static size_t word_of(uint64_t sequence)
{
	return sequence % RECORD_WINDOW / WORD_BITS;
}

bool record_window_check(const struct record_window *window, uint64_t sequence)
{
	if (sequence >= window->newest)
		return true;
	if (window->newest - sequence > RECORD_WINDOW)
		return false;
	return !(window->bits[word_of(sequence)] & bit_of(sequence));
}

/* Forgets what the ring held where numbers from..to-1 have their bits now. */
static void clear(struct record_window *window, uint64_t from, uint64_t to)
{
	if (to - from >= RECORD_WINDOW) {
		memset(window->bits, 0, sizeof(window->bits));
		return;
	}
	while (from < to) {
		if (from % WORD_BITS == 0 && to - from >= WORD_BITS) {
			window->bits[word_of(from)] = 0;
			from += WORD_BITS;
		} else {
			window->bits[word_of(from)] &= ~bit_of(from);
			from++;
		}
	}
}

void record_window_mark(struct record_window *window, uint64_t sequence)
{
	if (sequence >= window->newest) {
		clear(window, window->newest, sequence + 1);
		window->newest = sequence + 1;
	} else if (window->newest - sequence > RECORD_WINDOW) {
		return;
	}
	window->bits[word_of(sequence)] |= bit_of(sequence);
}
